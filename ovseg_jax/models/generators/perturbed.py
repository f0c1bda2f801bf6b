"""Imperfect masks made from ground truth, to train and to test as if a generator had made them."""

from __future__ import annotations

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ovseg_jax.foundation.errors import ModelError
from ovseg_jax.foundation.typing import Batch, Proposals
from ovseg_jax.ops.batch_parts import drawn
from ovseg_jax.ops.masks.of_ids import NO_ID, coverage_of_ids, ids_present

WAVES = 6
"""Random waves that bend a boundary; more of them make it rougher."""
MEASURED = (
    (1.0, 0.0),
    (0.946, 0.02),
    (0.863, 0.04),
    (0.797, 0.06),
    (0.739, 0.08),
    (0.685, 0.1),
    (0.615, 0.13),
    (0.552, 0.16),
    (0.481, 0.2),
    (0.406, 0.25),
    (0.346, 0.3),
    (0.256, 0.4),
)
"""Mean IoU at a warp strength: 600 ellipses, rectangles and stars, 64 x 64 cells, four draws."""


@dataclasses.dataclass(frozen=True)
class PerturbedMasks:
    """Ground truth that is shifted, stretched and bent at random, as logits at stride 4.

    All of it is one smooth warp, drawn per mask and in units of the mask's own size (the root of
    its area), so large and small masks lose about the same IoU. The warp has three parts of equal
    strength: a shift, a factor per axis that also grows or shrinks the mask, and six waves.

    Measured on other random shapes than it was set on (mean, 5th and 95th percentile): aimed at
    0.8 it gives 0.80 (0.70, 0.89), at 0.67 it gives 0.67 (0.53, 0.80), on grids of 64 x 64; on
    24 x 24, where small shifts vanish, 0.83 and 0.68.

    Attributes:
        iou: Mean IoU with the ground truth that is aimed at, 0.3 to 1.
        copies: Perturbed masks per ground-truth mask; mask j belongs to slot j modulo the number
            of slots.
        stride: Image pixels per mask cell.
        gain: Logit deep inside; -gain far outside.
    """

    iou: float = 0.8
    copies: int = 1
    stride: int = 4
    gain: float = 6.0

    def __post_init__(self):
        if not 0.3 <= self.iou <= 1:
            raise ModelError(f"masks.iou={self.iou} cannot be aimed at; choose from 0.3 to 1")
        if self.copies < 1:
            raise ModelError(f"masks.copies={self.copies} must be at least 1")

    def propose(self, batch: Batch, rng: Array) -> Proposals:
        """Perturbs every annotated segment anew for each key."""
        segment_ids, labels = batch.truth
        count = labels.shape[1]
        present = ids_present(segment_ids, count) & (labels >= 0)
        ids = jnp.where(present, jnp.arange(1, count + 1), NO_ID)
        height, width = (-(-side // self.stride) for side in segment_ids.shape[1:])
        masks = coverage_of_ids(segment_ids, ids, (height, width))
        masks = jnp.tile(masks, (1, self.copies, 1, 1))
        keys = drawn(lambda b: jax.random.split(rng, (b, masks.shape[1])), len(masks))
        strength = warp_strength(self.iou)
        warped = jax.vmap(jax.vmap(lambda key, mask: warp(key, mask, strength)))(keys, masks)
        valid = jnp.tile(present, (1, self.copies))
        return Proposals(masks=self.gain * (2 * warped - 1), valid=valid)


def warp_strength(iou: float) -> float:
    """Returns the warp that gives a mean IoU, from `MEASURED`."""
    ious, strengths = zip(*MEASURED[::-1], strict=True)
    return float(np.interp(iou, ious, strengths))


def warp(key: Array, mask: Float[Array, "h w"], strength: float) -> Float[Array, "h w"]:
    """Moves, stretches and bends one mask; an empty mask stays empty.

    Args:
        key: Key of this mask.
        mask: Coverage from 0 to 1.
        strength: Standard deviation of each part of the warp, relative to the mask's size.
    """
    shift_key, scale_key, wave_key = jax.random.split(key, 3)
    height, width = mask.shape
    grid = jnp.stack(jnp.meshgrid(jnp.arange(height), jnp.arange(width), indexing="ij"), -1)
    area = jnp.maximum(mask.sum(), 1.0)
    centre = (mask[..., None] * grid).sum((0, 1)) / area
    size = jnp.sqrt(area)
    local = (grid - centre) / size
    source = local * jnp.exp(strength * jax.random.normal(scale_key, (2,)))
    source = source + strength * jax.random.normal(shift_key, (2,)) / 2
    source = source + strength * _waves(wave_key, local)
    return _sample(mask, source * size + centre)


def _waves(key: Array, local: Float[Array, "h w 2"]) -> Float[Array, "h w 2"]:
    """A smooth random field with two components of about unit variance."""
    direction, phase, amplitude = jax.random.split(key, 3)
    frequency = 2 * math.pi * jax.random.uniform(direction, (2, WAVES), minval=-1.5, maxval=1.5)
    phases = 2 * math.pi * jax.random.uniform(phase, (WAVES,))
    sines = jnp.sin(local @ frequency + phases)
    return sines @ (jax.random.normal(amplitude, (WAVES, 2)) * math.sqrt(2 / WAVES))


def _sample(mask: Float[Array, "h w"], position: Float[Array, "h w 2"]) -> Float[Array, "h w"]:
    """Samples bilinearly; beyond the border the mask goes on as at its edge."""
    coordinates = [position[..., 0], position[..., 1]]
    return jax.scipy.ndimage.map_coordinates(mask, coordinates, order=1, mode="nearest")
