"""CLIP's opinion on masks and nouns: each mask as OVSeg crops it, each noun in its prompts.

Crops as in OVSeg (arXiv 2210.04150, section 3.1): the mask's box, the mean colour outside the
mask, stretched to the square that the tower was made for.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, UInt8

from ovseg_jax.config import MaskCroppingConfig
from ovseg_jax.foundation.typing import Params, Proposals
from ovseg_jax.inference import answering
from ovseg_jax.inference.engine import Engine
from ovseg_jax.methods.mask_cropping import MaskCropping
from ovseg_jax.ops.compiler import compiler_options
from ovseg_jax.ops.images.network_input import shrink_mask
from ovseg_jax.ops.images.pillow import resize_image
from ovseg_jax.ops.vectors import unit
from ovseg_jax.vocabulary.prompts import templates as find_templates
from ovseg_jax.vocabulary.text_bank import embed_names

LONGEST_SIDE = 1024
"""Photos are scored at no more pixels a side than this; their masks are kept as they are."""
FRAME = 128
"""Sides of frames are multiples of this, so that a data set has few shapes to compile."""
PORTIONS = (4, 8, 16, 32)
"""Masks that are embedded at once."""


class CropScorer:
    """Compares masks with nouns by the cosine of CLIP's embeddings.

    Attributes:
        templates: Name of the prompt set.
        crop_size: Side of the crops in pixels.
    """

    def __init__(self, engine: Engine, crop_size: int, templates: str = ""):
        """Compiles nothing yet.

        Args:
            engine: Of any model with CLIP; only its towers are used.
            crop_size: Side of the crops in pixels.
            templates: Name of a prompt set; empty for the model's own.
        """
        self._engine, self.crop_size = engine, crop_size
        self.templates = templates or engine.model.templates
        self._method = MaskCropping(
            clip=engine.model.method.clip, config=MaskCroppingConfig(crop_size=crop_size)
        )
        self._params = {"clip": engine.params["clip"]}
        self._compute = jax.jit(self._embed, compiler_options=compiler_options())
        self._nouns: dict[str, Float[np.ndarray, " d"]] = {}

    def __call__(
        self,
        pixels: UInt8[np.ndarray, "H W 3"],
        masks: Bool[np.ndarray, "q H W"],
        nouns: Sequence[str],
    ) -> Float[np.ndarray, "q s"]:
        """Returns the cosine of every mask with every noun."""
        return self.embed_masks(pixels, masks) @ self.embed_nouns(nouns).T

    def embed_nouns(self, nouns: Sequence[str]) -> Float[np.ndarray, "s d"]:
        """Embeds nouns, each once: unit length, averaged over the templates."""
        if fresh := [noun for noun in nouns if noun not in self._nouns]:
            prompts, engine = find_templates(self.templates), self._engine
            rows = embed_names(fresh, prompts, engine.embed, engine.model.tokenizer)
            means = np.asarray(rows).mean(1)
            means /= np.linalg.norm(means, axis=-1, keepdims=True)
            self._nouns.update(zip(fresh, means, strict=True))
        return np.stack([self._nouns[noun] for noun in nouns])

    def embed_masks(
        self, pixels: UInt8[np.ndarray, "H W 3"], masks: Bool[np.ndarray, "q H W"]
    ) -> Float[np.ndarray, "q d"]:
        """Embeds the crop around each mask; empty masks get zeros."""
        size = _scored_size(pixels.shape[:2])
        sides = tuple(-(-side // FRAME) * FRAME for side in size)
        frame = np.zeros((1, *sides, 3), np.uint8)
        frame[0, : size[0], : size[1]] = (
            pixels if size == pixels.shape[:2] else resize_image(pixels, size)
        )
        embed = functools.partial(self._compute, self._params, frame, np.array([size], np.int32))
        rows, first = [], 0
        while first < len(masks):
            left = len(masks) - first
            slots = next((p for p in PORTIONS if p >= left), PORTIONS[-1])
            part = masks[first : first + slots]
            framed = np.zeros((1, slots, *sides), bool)
            for slot, mask in enumerate(part):
                framed[0, slot, : size[0], : size[1]] = shrink_mask(mask, size)
            rows.append(np.asarray(embed(framed))[: len(part)])
            first += slots
        return np.concatenate(rows)

    def _embed(self, params: Params, frames: Array, sizes: Array, masks: Array) -> Array:
        run = functools.partial(answering.apply, self._method, params)
        features = run("encode", frames.astype(jnp.float32), sizes)
        proposals = Proposals(masks=masks, valid=jnp.ones(masks.shape[:2], bool))
        return unit(run("embed", features, proposals).embeddings[0])


def _scored_size(size: tuple[int, int]) -> tuple[int, int]:
    scale = min(1.0, LONGEST_SIDE / max(size))
    height, width = (max(1, round(side * scale)) for side in size)
    return height, width
