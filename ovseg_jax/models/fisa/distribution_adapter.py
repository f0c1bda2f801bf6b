"""FISA's Distribution Adapter: a few convolutions that fit given masks to what follows.

The paper fixes two convolutions and nothing else; the rest is chosen as systems 4.3 says.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jax.nn.initializers import lecun_normal, zeros
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from ovseg_jax.ops.divisors import largest_divisor
from ovseg_jax.typing import Params

BAND = 64
"""Rows of a mask that a CPU refines at once."""
NEIGHBOURS = tuple(itertools.product(range(3), repeat=2))
"""Row and column of every tap of a 3 x 3 kernel."""


class DistributionAdapter(nn.Module):
    """Adds to each mask, on its own, what 3 x 3 convolutions make of its logits.

    The last convolution starts at zero, so an untrained adapter leaves masks as they are.

    Attributes:
        layers: Convolutions, 0 to 3; with none, masks pass as they are.
        hidden: Channels between them.
    """

    layers: int = 2
    hidden: int = 8
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, masks: Float[Array, "b q h w"]) -> Float[Array, "b q h w"]:
        """Refines mask logits.

        Args:
            masks: At the size of the tower's images.
        """
        if not self.layers:
            return masks
        if jax.default_backend() == "cpu" and not self.is_initializing():
            params = self.variables["params"]
            return refine_by_products(masks, [params[f"conv{i}"] for i in range(self.layers)])
        x = masks.reshape(-1, *masks.shape[2:], 1).astype(self.dtype)
        for index in range(self.layers):
            last = index == self.layers - 1
            x = nn.Conv(
                1 if last else self.hidden,
                (3, 3),
                kernel_init=zeros if last else lecun_normal(),
                dtype=self.dtype,
                name=f"conv{index}",
            )(x)
            x = x if last else jax.nn.relu(x)
        return masks + x.reshape(masks.shape).astype(masks.dtype)


def refine_by_products(
    masks: Float[Array, "b q h w"], layers: Sequence[Params]
) -> Float[Array, "b q h w"]:
    """Adds what the convolutions make of each mask, computed by products, some rows at a time.

    The planes of a band of rows stay in a CPU's cache; XLA's convolution of few channels takes
    eight times as long, PyTorch's nine times, and all masks' hidden channels at once in memory.

    Args:
        masks: Logits.
        layers: Kernel [3, 3, in, out] and bias of each convolution; ReLUs stand between them.
    """
    height, width = masks.shape[2:]
    rows, margin = _band(height), len(layers)
    refine = _refinement(height)

    def refine_bands(mask: Array) -> Array:
        padded = jnp.pad(mask, ((margin, margin), (0, 0)))

        def refine_at(start: Array) -> Array:
            band = lax.dynamic_slice(padded, (start, 0), (rows + 2 * margin, width))
            return refine(band, start, layers)

        bands = lax.map(refine_at, jnp.arange(0, height, rows))
        return mask + bands.reshape(height, width).astype(mask.dtype)

    flat = masks.reshape(-1, height, width)
    return lax.map(refine_bands, flat).reshape(masks.shape)


def _refinement(height: int) -> Callable[[Array, Array, Sequence[Params]], Array]:
    """Returns what maps a band of a mask, with a row more at both ends per layer, to its change.

    Where all rows are alike, as beside most hard masks, one is computed for all of them; the
    derivative is that of the whole band.
    """

    def plain(band: Array, start: Array, layers: Sequence[Params]) -> Array:
        x = band[None].astype(jnp.float32)
        for index, layer in enumerate(layers):
            x = convolve_planes(x, layer["kernel"]) + layer["bias"][:, None, None]
            if behind := len(layers) - 1 - index:
                row = start + jnp.arange(x.shape[1]) - behind  # zeros outside the picture
                x = jnp.where(((row >= 0) & (row < height))[:, None], jax.nn.relu(x), 0)
        return x[0]

    @jax.custom_vjp
    def refine(band: Array, start: Array, layers: Sequence[Params]) -> Array:
        margin = len(layers)
        rows = len(band) - 2 * margin

        def first(band: Array, start: Array, layers: Sequence[Params]) -> Array:
            row = plain(band[: 1 + 2 * margin], start, layers)
            return jnp.broadcast_to(row, (rows, band.shape[1]))

        inside = (start >= margin) & (start + rows + margin <= height)
        alike = (band == band[:1]).all()
        return lax.cond(inside & alike, first, plain, band, start, layers)

    refine.defvjp(functools.partial(jax.vjp, plain), lambda pull, gradient: pull(gradient))
    return refine


def _band(height: int) -> int:
    """Returns how many rows to take at once: the most that divide the height, where some do."""
    rows = largest_divisor(height, BAND)
    return rows if 4 * rows >= BAND else height


def convolve_planes(
    x: Float[Array, "i h2 w"], kernel: Float[Array, "3 3 i o"]
) -> Float[Array, "o h w"]:
    """Convolves planes, one row less at top and bottom, zeros at the sides.

    Nine shifts and one product; shifts are taken where there are fewer planes.
    """
    inputs, height, width = x.shape[0], x.shape[1] - 2, x.shape[2]
    outputs = kernel.shape[-1]
    if inputs < outputs:
        flat = jnp.stack([_shift(x, *place) for place in NEIGHBOURS], 1).reshape(
            inputs * 9, -1
        )  # [i 9, hw]
        weights = kernel.reshape(9, inputs, outputs).transpose(2, 1, 0).reshape(outputs, -1)
        return (weights @ flat).reshape(outputs, height, width)
    weights = kernel.reshape(9, inputs, outputs).transpose(0, 2, 1).reshape(-1, inputs)
    taps = (weights @ x.reshape(inputs, -1)).reshape(9, outputs, *x.shape[1:])
    return sum(_shift(tap, *place) for tap, place in zip(taps, NEIGHBOURS, strict=True))


def _shift(planes: Float[Array, "p h2 w"], row: int, column: int) -> Float[Array, "p h w"]:
    """Returns one neighbour of every pixel but the first and last rows'."""
    height, width = planes.shape[1] - 2, planes.shape[2]
    padded = jnp.pad(planes, ((0, 0), (0, 0), (1, 1)))
    return padded[:, row : row + height, column : column + width]
