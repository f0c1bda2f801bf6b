"""Masks are cut at thresholds, and a logit of 1e-7 may fall on either side.

Masked attention cuts masks at zero, and so do mask pooling, the adapter and crops at thresholds of
their own. A case stores what the reference got in float32. Where one of our float32 logits lies
closer to the threshold than our own rounding, its side says nothing, so the case is computed in
float64 instead: then the only rounding left is the reference's.

How much hangs on one pixel shows `ovseg/a5`: its mask logits differ by 4e-5 between processors, six
of 147,456 pixels lie within that of the threshold, and any of them alone moves an embedding by 3e-4
to 7e-4, when 5e-6 is allowed (`tests/test_golden_thresholds.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ovseg_jax.ops.compiler import compiler_options
from ovseg_jax.ops.images.resize import resize_masks

ROUNDING = 1e-5
"""Share of the largest mask logit by which float32 results of such networks differ: in the fifth
layer of a FC-CLIP, 9e-5 of 10 between two processors."""


Guides = Iterable[Any]
"""Arrays whose sign decides: inside a mask or outside."""


def attention_guides(result: tuple) -> Guides:
    """Yields what guides masked attention, from pixel features and the proposals of all layers."""
    pixels, layers = result[:2]
    if len(pixels.levels) == 1:  # DETR's decoder has no such threshold
        return
    for index, layer in enumerate(layers[:-1]):
        size = pixels.levels[index % len(pixels.levels)].shape[1:3]
        yield resize_masks(layer.masks, size)


def decisively(
    method: Any,
    function: Callable,
    params: Any,
    *inputs: Any,
    guides: Callable[[Any], Guides] = attention_guides,
    **options: Any,
) -> Any:
    """Applies a function of a method in float32, or in float64 where a threshold is undecided.

    Args:
        method: Module with a mask generator.
        function: Takes the bound method and the inputs.
        params: Parameters of the method.
        *inputs: Trees of arrays.
        guides: Takes the result and yields logits that are cut at zero.
        **options: Further ones of `method.apply`.
    """
    result = _apply(method, function, params, inputs, options)
    if not any(undecided(np.asarray(guide)) for guide in guides(result)):
        return result
    with jax.enable_x64(True):
        wide = jax.tree.map(_double, (params, inputs))
        return jax.tree.map(np.asarray, _apply(in_double(method), function, *wide, options))


def undecided(guide: np.ndarray) -> bool:
    """Whether a logit lies within rounding of zero."""
    sizes = np.abs(guide)
    return bool(sizes.min() < ROUNDING * sizes.max())


def single(x: Any) -> jax.Array:
    """Double precision, which thresholds may have needed, ends here."""
    wide = jnp.issubdtype(x.dtype, jnp.floating)
    return jnp.asarray(x, jnp.float32) if wide else jnp.asarray(x)


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


def _apply(method: Any, function: Callable, params: Any, inputs: tuple, options: dict) -> Any:
    """Compiles as the package compiles for answers."""

    def compute(params, inputs):
        return method.apply({"params": params}, *inputs, method=function, **options)

    return jax.jit(compute, compiler_options=compiler_options())(params, inputs)


def _double(leaf: Any) -> Any:
    array = np.asarray(leaf)
    return jnp.asarray(array, jnp.float64) if array.dtype == np.float32 else jnp.asarray(array)
