"""Depthwise convolution, stride 1, with a form that is fast on CPU.

XLA's grouped convolution is 10 to 30 times slower on CPU than the sum of shifted products, and
differentiating that sum by autodiff keeps one padded gradient per kernel offset. So the shift
form brings its own derivative.
"""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
from jax import lax
from jax.experimental.xla_metadata import set_xla_metadata
from jaxtyping import Array, Float

from ovseg_jax.foundation.errors import OperandError

FORMS = ("grouped", "shift")
TILE = 4
"""Side of the square tile of the kernel gradient, in pixels.

With fewer than 16 pixels XLA on CPU (jax 0.10.2) computes the slices anew for each of them and
is ten times slower; with 16 it is three to eight times faster than a scan over the offsets.
"""


def depthwise_conv(
    x: Float[Array, "b h w c"],
    kernel: Float[Array, "kh kw 1 c"],
    *,
    form: str | None = None,
) -> Float[Array, "b h w c"]:
    """Convolves every channel with its own kernel, stride 1, zero padding, size kept.

    As in deep learning usual, this is a correlation: the kernel is not flipped. Matches
    `torch.nn.Conv2d(c, c, k, padding=k // 2, groups=c)` without bias.

    Args:
        x: Feature maps. Low precision is accumulated in float32.
        kernel: One kernel per channel; both sides odd.
        form: "grouped" (XLA's grouped convolution, the plain reference), "shift" (sum of shifted
            products), or None for the faster one on the platform that is compiled for.

    Returns:
        The convolved maps, in the dtype of `x`.

    Raises:
        OperandError: If the form is unknown or a side of the kernel is even.
    """
    if form not in (None, *FORMS):
        raise OperandError(f"form={form!r} is unknown; choose one of {', '.join(FORMS)}")
    if kernel.shape[0] % 2 == 0 or kernel.shape[1] % 2 == 0:
        raise OperandError(f"kernel has sides {kernel.shape[:2]}; odd ones keep the size")
    ways = {"grouped": _convolve_grouped, "shift": _convolve_by_shifts, None: _convolve_fastest}
    return ways[form](x, kernel.astype(x.dtype))


def _convolve_grouped(x: Array, kernel: Array) -> Array:
    return lax.conv_general_dilated(
        x,
        kernel,
        window_strides=(1, 1),
        padding="SAME",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=x.shape[-1],
    )


@jax.custom_vjp
def _convolve_by_shifts(x: Array, kernel: Array) -> Array:
    """Adds up shifted products, as a computation that XLA must not merge with its surroundings.

    Merged, XLA on CPU computes all products anew for everything that reads the result: three times
    in a ConvNeXt's block, for the mean, the variance and the norm itself, which also doubles what
    has to be compiled and kept.
    """
    with set_xla_metadata(inlineable="false"):
        return _add_shifts(x, kernel)


@jax.jit
def _add_shifts(x: Array, kernel: Array) -> Array:
    height, width = x.shape[1:3]
    padded = _pad(x, kernel)
    total = jnp.zeros((), padded.dtype)
    for row in range(kernel.shape[0]):
        for column in range(kernel.shape[1]):
            window = padded[:, row : row + height, column : column + width]
            total = total + window * kernel[row, column, 0].astype(padded.dtype)
    return total.astype(x.dtype)


def _pad(x: Array, kernel: Array) -> Array:
    """Pads the two image axes by half the kernel, in at least float32."""
    rows, columns = kernel.shape[0] // 2, kernel.shape[1] // 2
    widths = ((0, 0), (rows, rows), (columns, columns), (0, 0))
    return jnp.pad(x, widths).astype(jnp.promote_types(x.dtype, jnp.float32))


def _forward(x: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
    return _convolve_by_shifts(x, kernel), (x, kernel)


def _backward(residuals: tuple[Array, Array], gradient: Array) -> tuple[Array, Array]:
    x, kernel = residuals
    x_gradient = _convolve_by_shifts(gradient, kernel[::-1, ::-1])
    return x_gradient, _kernel_gradient(x, kernel, gradient)


def _kernel_gradient(x: Array, kernel: Array, gradient: Array) -> Array:
    """Correlates input and output gradient at every offset of the kernel.

    One small tile of every image at a time, its pixels unrolled: each step multiplies the window
    around every pixel of the tile with the gradient there and adds up arrays of the kernel's
    size, which stay in the cache. Images are summed last, so that a batch spread over devices
    stays where it is.
    """
    rows, columns = kernel.shape[:2]
    batch, height, width, channels = gradient.shape
    down, across = -(-height // TILE), -(-width // TILE)
    fill = ((0, 0), (0, down * TILE - height), (0, across * TILE - width), (0, 0))
    padded = jnp.pad(_pad(x, kernel), fill)
    gradient = jnp.pad(gradient, fill).astype(padded.dtype)

    def add_tile(tile: Array, total: Array) -> Array:
        start = (0, tile // across * TILE, tile % across * TILE, 0)
        seen = (batch, TILE + rows - 1, TILE + columns - 1, channels)
        window = lax.dynamic_slice(padded, start, seen)
        weights = lax.dynamic_slice(gradient, start, (batch, TILE, TILE, channels))
        for row, column in itertools.product(range(TILE), repeat=2):
            part = window[:, row : row + rows, column : column + columns]
            total = total + part * weights[:, row : row + 1, column : column + 1]
        return total

    zeros = jnp.zeros((batch, rows, columns, channels), padded.dtype)
    total = lax.fori_loop(0, down * across, add_tile, zeros)
    return jnp.sum(total, 0)[:, :, None].astype(kernel.dtype)


_convolve_by_shifts.defvjp(_forward, _backward)


@jax.custom_vjp
def _convolve_fastest(x: Array, kernel: Array) -> Array:
    """The form for the platform, with a derivative of its own so that one form's is kept."""
    return lax.platform_dependent(x, kernel, cpu=_convolve_by_shifts, default=_convolve_grouped)


def _fastest_forward(x: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
    return _convolve_fastest(x, kernel), (x, kernel)


def _fastest_backward(residuals: tuple[Array, Array], gradient: Array) -> tuple[Array, Array]:
    return lax.platform_dependent(
        residuals, gradient, cpu=_backward, default=_differentiate_grouped
    )


def _differentiate_grouped(residuals: tuple[Array, Array], gradient: Array) -> tuple[Array, Array]:
    _, derive = jax.vjp(_convolve_grouped, *residuals)
    return derive(gradient)


_convolve_fastest.defvjp(_fastest_forward, _fastest_backward)
