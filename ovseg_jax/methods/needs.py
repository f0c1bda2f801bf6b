"""What a method asks of the model around it, so that parts that do not fit are refused by name.

Every method lists its own needs (`Method.needs`), and `ovseg_jax.loading.build.method` checks them
before anything is computed. Without that a pair that makes no sense fails far away, in a matrix
product, or builds something that means nothing: SigLIP has no class token, so its first patch would
be taken for one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import flax.linen as nn

from ovseg_jax.foundation.errors import ModelError
from ovseg_jax.models.clip.vit import VisionTransformer

CLASS_TOKEN = "a vision transformer with a class token (CLIP's or EVA's)"
"""The towers that mask tokens and prompts can enter."""


class Need(NamedTuple):
    """One condition, and where the config answers it.

    Attributes:
        field: Path in `ovseg_jax.config.ModelConfig`, such as "method.depth".
        met: Whether it holds.
        admitted: What the field may be; it ends the sentence "... needs".
    """

    field: str
    met: bool
    admitted: str


def has_class_token(tower: Any) -> bool:
    """Whether an image tower is a transformer whose class token stands for the image."""
    return isinstance(tower, VisionTransformer) and tower.class_token


def transformer(tower: nn.Module) -> VisionTransformer:
    """Returns an image tower that must be a transformer.

    Raises:
        ModelError: It is none.
    """
    if not isinstance(tower, VisionTransformer):
        raise ModelError(f"a vision transformer is needed here, not {type(tower).__name__}")
    return tower


def number_of_maps(trunk: Any) -> int:
    """Returns how many maps a trunk offers from stride 4 on; 0 for a plain transformer."""
    if isinstance(trunk, VisionTransformer):
        return 0
    return len(trunk.depths if hasattr(trunk, "depths") else trunk.blocks)


def generator_needs(generator: Any, lender: Any) -> Iterator[Need]:
    """Yields what a mask generator needs of the trunk whose maps it reads.

    Args:
        generator: A `models.generators.generator.QueryGenerator`; None for no needs.
        lender: CLIP's image tower, where the method keeps its maps; None where it does not.
    """
    if generator is None:
        return
    trunk = generator.backbone
    if trunk is None:
        found = type(lender).__name__ if lender is not None else "crops"
        maps = 0 if lender is None else number_of_maps(lender)
        own = f"a backbone of its own: no maps of several strides come from {found}"
        yield Need("generator.backbone", maps > 0, own)
    else:
        maps = number_of_maps(trunk)
    levels = getattr(generator.pixel_decoder, "levels", 1)
    finer = f"1 to {maps - 1}: its trunk has {maps} maps, and the finest stays apart"
    yield Need("generator.levels", 0 < levels < maps, finer)
