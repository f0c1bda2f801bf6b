"""MAFT+'s released files: FC-CLIP's parts, a tuned tower, and the transfer (docs/reference 5.7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ovseg_jax.config import (
    ClipConfig,
    EnsembleConfig,
    InferenceConfig,
    MaftPlusConfig,
    ModelConfig,
)
from ovseg_jax.convert.expected import expected_of, floats
from ovseg_jax.convert.generators.query_heads import attention
from ovseg_jax.convert.generators.whole import clip_part, generator_part
from ovseg_jax.convert.rules import (
    ConversionError,
    ConversionReport,
    Skip,
    Table,
    Tensors,
    apply,
    layer,
    norm,
)
from ovseg_jax.foundation.typing import Params
from ovseg_jax.models.content_transfer import ContentTransfer

TRANSFER_TABLE: Table = (
    *attention(r"cdt\.cross_atten\.multihead_attn", "transfer/attention"),
    *layer(r"cdt\.cross_atten\.MLP", "transfer/linear"),
    *norm(r"cdt\.cross_atten\.norm", "transfer/norm"),
    Skip(r"backbone_t\..*", because="the frozen teacher of the training; answers do not need it"),
)
"""Rows of the transfer, and of the copy of CLIP that files of MAFT+ carry."""


def is_maft(tensors: Tensors) -> bool:
    """Whether a file of FC-CLIP's family holds MAFT+'s transfer."""
    return any(name.startswith("cdt.") for name in tensors)


def expected_transfer(width: int) -> Mapping[str, Any]:
    """Returns the shapes of the transfer's parameters."""
    config = MaftPlusConfig()
    module = ContentTransfer(width, config.transfer_heads, config.panoptic)
    return expected_of(module, floats(1, width), floats(1, 2, 2, width))


def convert_maft_plus(
    tensors: Tensors, where: str, *, variant: str = ""
) -> tuple[ModelConfig, Params, ConversionReport]:
    """Converts a file of MAFT+.

    Args:
        tensors: Content of the file; published files have no level "model".
        where: Name of the file, for messages.
        variant: The CLIP model, where sizes leave a choice.

    Returns:
        The model, its parameters, and the report. A file does not show for which form of the
        transfer it was trained: the semantic one of the published weights is assumed, the other
        is `method.panoptic` in `config.json`.

    Raises:
        ConversionError: The file holds no transfer, or does not fit.
    """
    if not is_maft(tensors):
        raise ConversionError(f"{where} holds no MAFT+: cdt.* is missing; is it FC-CLIP (fcclip)?")
    towers, borrowed = clip_part(tensors, where, variant), generator_part(tensors, where)
    width = towers.expected["void_embedding"].shape[1]
    expected = towers.expected | borrowed.expected | {"transfer": expected_transfer(width)}
    table = (*towers.table, *borrowed.table, *TRANSFER_TABLE)
    params, report = apply(table, tensors, expected, where)
    config = ModelConfig(
        clip=ClipConfig(variant=towers.config),
        method=MaftPlusConfig(),
        generator=borrowed.config,
        inference=InferenceConfig(
            short_side=800,
            long_side=1333,
            object_threshold=0.2,
            overlap_threshold=0.7,
            ensemble=EnsembleConfig(alpha=1.0, beta=1.0),
        ),
        train_vocabulary="coco_stuff171",
    )
    return config, params, report
