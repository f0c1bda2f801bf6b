"""Ground truth as a source of masks.

A mask source is anything with

    propose(batch: Batch, rng: Array) -> Proposals

that runs under `jit` and returns a fixed number of masks per image, unused slots invalid. Sources
without parameters are frozen dataclasses; the order of their masks is part of their contract,
because evaluation compares masks and classes slot by slot.
"""

from __future__ import annotations

import dataclasses

from jax import Array

from ovseg_jax.foundation.typing import Batch, Proposals
from ovseg_jax.ops.masks.of_ids import masks_from_ids


@dataclasses.dataclass(frozen=True)
class GroundTruthMasks:
    """Every annotated segment as a hard mask of the image's size; slot i - 1 holds id i."""

    def propose(self, batch: Batch, rng: Array | None = None) -> Proposals:
        """Expands the id map; slots without pixels or label are invalid and empty.

        Args:
            batch: Images with `segment_ids` and `labels`.
            rng: Not used.
        """
        segment_ids, labels = batch.truth
        masks = masks_from_ids(segment_ids, labels.shape[1])
        masks = masks & (labels >= 0)[..., None, None]
        return Proposals(masks=masks, valid=masks.any((-2, -1)))
