"""Who makes masks that another model names, and the masks that come out: soft or hard.

A maker (a model with a generator, `Segmenter`; SAM, `AutomaticMaskGenerator`) is asked in two
steps, so that a photo keeps what words do not touch: `look` sees the photo alone, `make` knows the
words too. Masks can be laid over the frame of any network that sees the photo; whether they are
soft or hard decides how an answer is painted from them, and nothing else.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Protocol, runtime_checkable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, UInt8

from ovseg_jax.foundation.typing import Opinion, Params, Proposals
from ovseg_jax.inference.mask_makers.reframe import reframe
from ovseg_jax.inference.mixtures import carried_logits
from ovseg_jax.inference.postprocess.geometry import Frame
from ovseg_jax.inference.postprocess.instance import harden
from ovseg_jax.ops.images.network_input import shrink_mask
from ovseg_jax.vocabulary.classes import ClassList, carry_table

BUCKETS = (16, 32, 64, 128, 256)
"""Mask counts that are compiled for; more masks are classified in turns of the last."""

HardArray = Bool[np.ndarray, "q H W"]


@runtime_checkable
class MaskMaker(Protocol):
    """Makes masks of photos for a model that names them.

    Attributes:
        kind: What records call it, before a hash of its parameters.
    """

    kind: str

    @property
    def params(self) -> Params:
        """Its parameters."""
        ...

    def choose_words(self, words: ClassList) -> None:
        """Learns by which words its masks will be named, before the first photo."""

    def look(self, pixels: UInt8[np.ndarray, "H W 3"]) -> Any:
        """Computes what does not depend on words; the photo keeps it."""

    def make(self, looked: Any) -> SoftMasks | HardMasks:
        """Returns the masks of a photo, from what `look` made of it."""
        ...


@dataclasses.dataclass(frozen=True)
class HardMasks:
    """Masks drawn at the photo's size, by people, files or SAM; they say nothing about classes.

    Attributes:
        masks: May overlap, best first if they were ranked.
    """

    masks: HardArray

    def __len__(self) -> int:
        return len(self.masks)

    def over(self, frame: Frame, slots: int) -> Proposals:
        """Lays them over a network's frame, with empty masks up to `slots`."""
        laid = np.zeros((1, slots, *frame.padded), bool)
        height, width = frame.picture
        for slot, mask in enumerate(self.masks):
            laid[0, slot, :height, :width] = shrink_mask(mask, frame.picture)
        return Proposals(masks=jnp.asarray(laid), valid=jnp.arange(slots)[None] < len(self))

    def hard(self) -> HardArray:
        """Returns the masks."""
        return self.masks

    def adopted(self, words: ClassList, slots: int, *, names_count: bool) -> HardMasks:
        """Takes them over as they are: they have no names."""
        return self


@dataclasses.dataclass(frozen=True)
class SoftMasks:
    """Masks of a generator: logits over its own frame, with its opinion of their classes.

    Attributes:
        proposals: Of one photo.
        frame: What they cover.
        own_list: The fixed list that its names are of; None for the words that it was told.
    """

    proposals: Proposals
    frame: Frame
    own_list: ClassList | None = None

    def __len__(self) -> int:
        return self.proposals.masks.shape[1]

    def over(self, frame: Frame, slots: int = 0) -> Proposals:
        """Lays them over another network's frame, at a quarter of its resolution."""
        return self.proposals.replace(masks=reframe(self.proposals.masks, self.frame, frame))

    def hard(self) -> HardArray:
        """Returns those that exist, cut at the photo's size."""
        masks = np.asarray(harden(self.proposals.masks[0], self.frame)[0])
        return masks[np.asarray(self.proposals.valid[0])]

    def adopted(self, words: ClassList, slots: int, *, names_count: bool) -> SoftMasks:
        """Takes them over into a model that names masks by words; see `adopt`."""
        table = None if self.own_list is None else carry_table(self.own_list, words)
        sizes = {"table": table, "classes": len(words), "slots": slots}
        proposals = adopt(self.proposals, names_count=names_count, **sizes)
        return dataclasses.replace(self, proposals=proposals)


def slots_for(count: int) -> int:
    """Returns the mask count that is compiled for `count` masks; beyond the last it is `count`."""
    return next((size for size in BUCKETS if size >= count), count)


def adopt(
    proposals: Proposals,
    *,
    names_count: bool,
    table: np.ndarray | None = None,
    classes: int = 0,
    slots: int = 0,
) -> Proposals:
    """Takes over what another model says of its masks.

    Args:
        proposals: With the names that their own model gave, for the same words or for a fixed list.
        names_count: Whether these names count. If not, nothing but "no object" is kept of them.
        table: Where each class of the fixed list stands among the words; None if words were asked
            for. See `inference.mixtures.carried_logits`.
        classes: How many classes the words have.
        slots: Class slots of the words; those behind the classes are empty.
    """
    logits = proposals.class_logits
    if logits is None:
        return proposals
    if not names_count:
        return proposals.replace(opinion=Opinion.NO_OBJECT)
    if table is not None:
        # Among the classes alone: empty slots would take a share from "no object".
        logits = carried_logits(logits, jnp.asarray(table), classes)
        empty = jnp.full((*logits.shape[:2], slots - classes), -jnp.inf)
        logits = jnp.concatenate([logits[..., :-1], empty, logits[..., -1:]], axis=-1)
    return proposals.replace(class_logits=logits, opinion=Opinion.NAMES)
