"""Masked attention cuts masks at zero, and a logit of 1e-7 may fall on either side.

A case stores what the reference got in float32. Where one of our float32 logits lies closer to the
threshold than our own rounding, its side says nothing, so the case is computed in float64 instead:
then the only rounding left is the reference's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ovseg_jax.ops.compiler import compiler_options
from ovseg_jax.ops.resize import resize_masks
from ovseg_jax.typing import PixelFeatures, Proposals

ROUNDING = 1e-5
"""Share of the largest mask logit by which float32 results of such networks differ: in the fifth
layer of a FC-CLIP, 9e-5 of 10 between two processors."""


def decisively(method: Any, function: Callable, params: Any, *inputs: Any) -> Any:
    """Applies a function of a method in float32, or in float64 where a threshold is undecided.

    Args:
        method: Module with a mask generator.
        function: Takes the bound method and the inputs; returns a tuple that starts with the pixel
            features and the proposals of all decoder layers.
        params: Parameters of the method.
        *inputs: Trees of arrays.
    """
    result = _apply(method, function, params, inputs)
    if not undecided(*result[:2]):
        return result
    with jax.enable_x64(True):
        wide = jax.tree.map(_double, (params, inputs))
        return jax.tree.map(np.asarray, _apply(in_double(method), function, *wide))


def undecided(pixels: PixelFeatures, layers: Sequence[Proposals]) -> bool:
    """Whether a logit that guides attention lies within rounding of zero."""
    if len(pixels.levels) == 1:  # DETR's decoder has no such threshold
        return False
    for index, layer in enumerate(layers[:-1]):
        size = pixels.levels[index % len(pixels.levels)].shape[1:3]
        guide = np.abs(np.asarray(resize_masks(layer.masks, size)))
        if guide.min() < ROUNDING * guide.max():
            return True
    return False


def in_double(method: Any) -> Any:
    """The same method with its image tower and generator computing in float64."""
    generator, clip = method.generator, method.clip
    parts = {
        "pixel_decoder": generator.pixel_decoder.clone(dtype=jnp.float64),
        "decoder": generator.decoder.clone(dtype=jnp.float64),
    }
    if generator.backbone is not None:
        parts["backbone"] = generator.backbone.clone(dtype=jnp.float64)
    if clip is not None:
        clip = clip.clone(visual=clip.visual.clone(dtype=jnp.float64))
    return method.clone(generator=generator.clone(**parts), clip=clip)


def _apply(method: Any, function: Callable, params: Any, inputs: tuple) -> Any:
    """Compiles as the package compiles for answers."""

    def compute(params, inputs):
        return method.apply({"params": params}, *inputs, method=function)

    return jax.jit(compute, compiler_options=compiler_options())(params, inputs)


def _double(leaf: Any) -> Any:
    array = np.asarray(leaf)
    return jnp.asarray(array, jnp.float64) if array.dtype == np.float32 else jnp.asarray(array)
