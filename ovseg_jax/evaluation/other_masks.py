"""Masks that another model makes of an evaluation's pictures: a generator, or SAM.

The other model sees each picture at its own test size; its masks are brought into the frame of
the network that names them. Pictures pass one by one and masks are padded to a few counts, so
memory is bounded and little compiles.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import UInt8

from ovseg_jax.foundation.typing import Batch, Proposals, Struct, struct
from ovseg_jax.inference.mask_makers.mask_maker import HardMasks, MaskMaker, SoftMasks, slots_for
from ovseg_jax.inference.postprocess.geometry import Frame
from ovseg_jax.inputs.batches import View
from ovseg_jax.loading.weights import fingerprint
from ovseg_jax.vocabulary.classes import ClassList
from ovseg_jax.vocabulary.text_bank import bucket


@struct
class Given(Struct):
    """Masks of one batch, twice.

    Attributes:
        network: Over the frame that the network sees; these are named.
        truth: Over the frame of the truth; these are scored.
    """

    network: Proposals
    truth: Proposals


class OtherMasks:
    """Proposes masks for batches by another model."""

    def __init__(self, maker: MaskMaker, classes: ClassList, *, names_count: bool = False):
        """Tells the other model which words are asked for.

        Args:
            maker: The other model.
            classes: The vocabulary of the evaluation.
            names_count: Whether the names that a generator gives count, not only its "no object".
        """
        self._maker, self._classes, self._names_count = maker, classes, names_count
        maker.choose_words(classes)

    @property
    def key(self) -> str:
        """Tells this model from any other."""
        return f"{self._maker.kind} {fingerprint(self._maker.params)}"

    def propose(self, view: View) -> Given:
        """Proposes masks for every picture of a batch."""
        made = [self._made(_picture(view, index)) for index in range(len(view.images))]
        slots = slots_for(max(map(len, made)))
        network = _joined(made, view.network, slots)
        if isinstance(made[0], SoftMasks):  # they cover the frame, and so do they that of the truth
            return Given(network=network, truth=network)
        return Given(network=network, truth=_joined(made, view.truth, slots))

    def _made(self, pixels: UInt8[np.ndarray, "H W 3"]) -> SoftMasks | HardMasks:
        made = self._maker.make(self._maker.look(pixels))
        slots = bucket(len(self._classes))
        return made.adopted(self._classes, slots, names_count=self._names_count)


def _picture(view: View, index: int) -> UInt8[np.ndarray, "H W 3"]:
    """A picture at the size of the score, without padding."""
    height, width = view.truth.sizes[index]
    return np.asarray(view.truth.images[index][:height, :width])


def _joined(made: Sequence[SoftMasks | HardMasks], batch: Batch, slots: int) -> Proposals:
    """Masks of several pictures in frames of one size."""
    padded = (batch.images.shape[1], batch.images.shape[2])
    pictures = [(int(height), int(width)) for height, width in batch.sizes]
    frames = [Frame(padded, picture, picture) for picture in pictures]
    laid = [each.over(frame, slots) for each, frame in zip(made, frames, strict=True)]
    return jax.tree.map(lambda *parts: jnp.concatenate(parts), *laid)
