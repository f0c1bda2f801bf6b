"""FISA's Distribution Adapter: a few convolutions that fit given masks to what follows.

The paper fixes two convolutions and nothing else; the rest is chosen as docs/reference 4.3 says.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Sequence
from functools import partial, reduce

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jax.nn.initializers import Initializer, lecun_normal, zeros
from jax.typing import DTypeLike
from jaxtyping import Array, Bool, Float

from ovseg_jax.foundation.typing import Params
from ovseg_jax.ops.chunks import largest_divisor, map_rows

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

    layers: int
    hidden: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, masks: Float[Array, "b q h w"]) -> Float[Array, "b q h w"]:
        """Refines mask logits.

        Args:
            masks: At the size of the tower's images.
        """
        if not self.layers:
            return masks
        layers = [
            Convolution(inputs, outputs, zeros if outputs == 1 else lecun_normal(), name=name)()
            for name, inputs, outputs in self._sizes()
        ]
        convolve = partial(refine_by_convolutions, dtype=self.dtype)
        return lax.platform_dependent(masks, layers, cpu=refine_by_products, default=convolve)

    def _sizes(self) -> list[tuple[str, int, int]]:
        channels = [1, *[self.hidden] * (self.layers - 1), 1]
        return [(f"conv{i}", channels[i], channels[i + 1]) for i in range(self.layers)]


class Convolution(nn.Module):
    """The parameters of a 3 x 3 convolution, as `nn.Conv` would hold them.

    Attributes:
        inputs: Channels that come in.
        outputs: Channels that go out.
        kernel_init: Draws the kernel; biases start at zero.
    """

    inputs: int
    outputs: int
    kernel_init: Initializer

    @nn.compact
    def __call__(self) -> Params:
        """Returns kernel [3, 3, in, out] and bias."""
        kernel = self.param("kernel", self.kernel_init, (3, 3, self.inputs, self.outputs))
        return {"kernel": kernel, "bias": self.param("bias", zeros, (self.outputs,))}


def refine_by_convolutions(
    masks: Float[Array, "b q h w"], layers: Sequence[Params], dtype: DTypeLike = jnp.float32
) -> Float[Array, "b q h w"]:
    """Adds what the convolutions make of each mask, all masks at once.

    Args:
        masks: Logits.
        layers: Kernel [3, 3, in, out] and bias of each convolution; ReLUs stand between them.
        dtype: Compute type.
    """
    x = masks.reshape(-1, *masks.shape[2:], 1).astype(dtype)
    for index, layer in enumerate(layers):
        kernel, bias = layer["kernel"].astype(dtype), layer["bias"].astype(dtype)
        axes = ("NHWC", "HWIO", "NHWC")
        x = lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=axes) + bias
        x = jax.nn.relu(x) if index < len(layers) - 1 else x
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
    starts, size = range(0, height, rows), rows + 2 * margin

    def refine_bands(mask: Array) -> Array:
        padded = jnp.pad(mask, ((margin, margin), (0, 0)))

        def refine_at(start_and_alike: tuple[Array, Array]) -> Array:
            start, alike = start_and_alike
            row = start - margin + jnp.arange(size)
            band = lax.dynamic_slice(padded, (start, 0), (size, width))
            return _refine(band, (row >= 0) & (row < height), alike, layers)

        alike = _rows_alike(mask, [(start - margin, start + rows + margin) for start in starts])
        bands = lax.map(refine_at, (jnp.asarray(list(starts)), alike))
        return mask + bands.reshape(height, width).astype(mask.dtype)

    flat = masks.reshape(-1, height, width)
    return map_rows(refine_bands, flat).reshape(masks.shape)


def _rows_alike(mask: Float[Array, "h w"], bands: Sequence[tuple[int, int]]) -> Bool[Array, " n"]:
    """Returns whether all rows from one to another are the same, those outside the mask aside."""
    changed = (mask[1:] != mask[:-1]).any(1)
    return jnp.stack([~changed[max(first, 0) : end - 1].any() for first, end in bands])


@jax.custom_vjp
def _refine(
    band: Float[Array, "h2 w"], inside: Bool[Array, " h2"], alike: Array, layers: Sequence[Params]
) -> Float[Array, "h w"]:
    """Returns the change of a band of a mask; `band` has a row more at both ends per layer.

    Where all rows inside the picture are alike, as beside most hard masks, one between the ends is
    computed for all of them; the derivative is that of the whole band.
    """
    if len(band) <= 4 * len(layers):
        return _refine_all(band, inside, layers)
    return lax.cond(alike, _refine_ends, _refine_all, band, inside, layers)


def _refine_all(band: Array, inside: Array, layers: Sequence[Params]) -> Array:
    x = band[None].astype(jnp.float32)
    for index, layer in enumerate(layers, 1):
        x = convolve_planes(x, layer["kernel"]) + layer["bias"][:, None, None]
        if index < len(layers):  # zeros outside the picture
            x = jnp.where(inside[index:-index, None], jax.nn.relu(x), 0)
    return x[0]


def _refine_ends(band: Array, inside: Array, layers: Sequence[Params]) -> Array:
    reach = 2 * len(layers)
    first, last = slice(reach + 1), slice(len(band) - reach, None)
    ends, shown = (jnp.concatenate([rows[first], rows[last]]) for rows in (band, inside))
    refined = _refine_all(ends, shown, layers)
    top, middle, bottom = jnp.split(refined, [len(layers), len(layers) + 1])
    between = jnp.broadcast_to(middle, (len(band) - 2 * reach, band.shape[1]))
    return jnp.concatenate([top, between, bottom])


def _forward(
    band: Array, inside: Array, _: Array, layers: Sequence[Params]
) -> tuple[Array, Callable]:
    return jax.vjp(lambda band, layers: _refine_all(band, inside, layers), band, layers)


def _backward(pull: Callable, gradient: Array) -> tuple[Array, None, None, Sequence[Params]]:
    of_band, of_layers = pull(gradient)
    return of_band, None, None, of_layers


_refine.defvjp(_forward, _backward)


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
    shifted = (_shift(tap, *place) for tap, place in zip(taps, NEIGHBOURS, strict=True))
    return reduce(operator.add, shifted)


def _shift(planes: Float[Array, "p h2 w"], row: int, column: int) -> Float[Array, "p h w"]:
    """Returns one neighbour of every pixel but the first and last rows'."""
    height, width = planes.shape[1] - 2, planes.shape[2]
    padded = jnp.pad(planes, ((0, 0), (0, 0), (1, 1)))
    return padded[:, row : row + height, column : column + width]
