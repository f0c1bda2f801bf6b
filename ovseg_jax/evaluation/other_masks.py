"""Masks that another model makes of an evaluation's pictures: a generator, or SAM.

The other model sees each picture at its own test size; its masks are brought into the frame of
the network that names them. Pictures pass one by one and masks are padded to a few counts, so
memory is bounded and little compiles.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, UInt8

from ovseg_jax.inference.automatic_masks import AutomaticMaskGenerator
from ovseg_jax.inference.engine import BUCKETS, shrink_mask
from ovseg_jax.inference.frame import Frame
from ovseg_jax.inference.proposer import adopt, reframe
from ovseg_jax.inference.segmenter import Segmenter
from ovseg_jax.inputs.batches import View
from ovseg_jax.typing import Proposals, struct
from ovseg_jax.vocabulary.classes import ClassList, carry_table
from ovseg_jax.vocabulary.text_bank import bucket


@struct
class Given:
    """Masks of one batch, twice.

    Attributes:
        network: Over the frame that the network sees; these are named.
        truth: Over the frame of the truth; these are scored.
    """

    network: Proposals
    truth: Proposals


class OtherMasks:
    """Proposes masks for batches by another model."""

    def __init__(
        self,
        proposer: Segmenter | AutomaticMaskGenerator,
        classes: ClassList,
        most: int,
        *,
        opinion: bool = False,
    ):
        """Tells a generator that compares with words which words are asked for.

        Args:
            proposer: The other model.
            classes: The vocabulary of the evaluation.
            most: Masks of SAM per picture, those with the highest expected IoU.
            opinion: Whether the names that a generator gives count, not only its "no object".
        """
        self._proposer, self._most = proposer, most
        sizes = {"classes": len(classes), "slots": bucket(len(classes))}
        self._naming = {"opinion": opinion, **sizes}
        if isinstance(proposer, Segmenter):
            words = proposer.set_vocabulary(None if proposer.is_closed else classes, "none")
            if proposer.is_closed:
                self._naming["table"] = carry_table(words.classes, classes)

    def propose(self, view: View) -> Given:
        """Proposes masks for every picture of a batch."""
        if isinstance(self._proposer, Segmenter):
            found = [self._generated(view, index) for index in range(len(view.images))]
            joined = jax.tree.map(lambda *parts: jnp.concatenate(parts), *found)
            return Given(network=joined, truth=joined)  # the truth's frame has the same shape
        found = [self._found(_picture(view, index)) for index in range(len(view.images))]
        count = max(map(len, found))
        slots = next((size for size in BUCKETS if size >= count), count)
        network, truth = view.network, view.truth
        return Given(
            network=_stacked(found, slots, network.images.shape[1:3], network.sizes),
            truth=_stacked(found, slots, truth.images.shape[1:3], truth.sizes),
        )

    def _generated(self, view: View, index: int) -> Proposals:
        """Masks of a generator, as logits over the network's frame."""
        encoded = self._proposer.encode(_picture(view, index))
        proposals = self._proposer.propose(encoded)
        picture = tuple(int(side) for side in view.network.sizes[index])
        frame = Frame(view.network.images.shape[1:3], picture, encoded.size)
        masks = reframe(proposals.masks, encoded.frame, frame)
        return adopt(proposals, masks, **self._naming)

    def _found(self, pixels: UInt8[np.ndarray, "H W 3"]) -> Bool[np.ndarray, "q H W"]:
        """Masks of SAM at the picture's size."""
        masks = self._proposer.generate(pixels)
        best = np.argsort(-masks.ious, kind="stable")[: self._most]
        return masks.take(np.sort(best)).masks


def _picture(view: View, index: int) -> UInt8[np.ndarray, "H W 3"]:
    """A picture at the size of the score, without padding."""
    height, width = view.truth.sizes[index]
    return np.asarray(view.truth.images[index][:height, :width])


def _stacked(
    found: list[np.ndarray], slots: int, frame: tuple[int, int], sizes: np.ndarray
) -> Proposals:
    """Hard masks of several pictures in frames of one size."""
    masks = np.zeros((len(found), slots, *frame), bool)
    for row, own, (height, width) in zip(masks, found, sizes, strict=True):
        for slot, mask in enumerate(own):
            row[slot, :height, :width] = shrink_mask(mask, (int(height), int(width)))
    counts = np.array([len(own) for own in found])
    return Proposals(
        masks=jnp.asarray(masks), valid=jnp.asarray(np.arange(slots) < counts[:, None])
    )
