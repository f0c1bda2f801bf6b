"""Interpolation weights of one axis, as a matrix, after PyTorch's pixel conventions."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from ovseg_jax.foundation.errors import OperandError

METHODS = ("nearest", "bilinear", "bicubic")


@functools.lru_cache(maxsize=256)
def interpolation_matrix(
    source: int,
    target: int,
    method: str = "bilinear",
    antialias: bool = False,
    align_corners: bool = False,
) -> Float[np.ndarray, "target source"]:
    """Builds the matrix that resizes one axis; its rows sum to one.

    Args:
        source: Length of the axis now.
        target: Length wanted.
        method: "nearest", "bilinear", or "bicubic" (a = -0.75; -0.5 with antialias, as in torch).
        antialias: Widen the filter when shrinking, so that every input pixel counts.
        align_corners: Let the centres of the corner pixels coincide, not their outer edges.

    Returns:
        Read-only float64 weights.

    Raises:
        OperandError: If the method is unknown, a length is below 1, or the options do not combine.
    """
    _check(source, target, method, antialias, align_corners)
    if method == "nearest":
        matrix = _nearest_matrix(source, target)
    elif antialias:
        matrix = _antialiased_matrix(source, target, method)
    else:
        matrix = _sampled_matrix(source, target, method, align_corners)
    matrix.setflags(write=False)
    return matrix


def _check(source: int, target: int, method: str, antialias: bool, align_corners: bool) -> None:
    if method not in METHODS:
        raise OperandError(f"method={method!r} is unknown; choose one of {', '.join(METHODS)}")
    if source < 1 or target < 1:
        raise OperandError(f"cannot resize an axis of {source} to {target}; give at least 1")
    if method == "nearest" and (antialias or align_corners):
        raise OperandError("method='nearest' takes neither antialias nor align_corners")
    if antialias and align_corners:
        raise OperandError("antialias and align_corners do not combine; choose one")


def _nearest_matrix(source: int, target: int) -> np.ndarray:
    # float32, as torch computes it: in float64 other pixels win where the product is near whole.
    scale = np.float32(source) / np.float32(target)
    chosen = np.floor(np.arange(target, dtype=np.float32) * scale).astype(np.int64)
    return np.eye(source)[np.minimum(chosen, source - 1)]


def _sampled_matrix(source: int, target: int, method: str, align_corners: bool) -> np.ndarray:
    """Weights of the 2 or 4 pixels around each sampled position; the border pixel repeats."""
    if align_corners:
        position = np.arange(target) * ((source - 1) / (target - 1) if target > 1 else 0.0)
    else:
        position = (np.arange(target) + 0.5) * (source / target) - 0.5
    if method == "bilinear":
        position = np.maximum(position, 0)
    kernel, reach = _triangle if method == "bilinear" else _cubic(-0.75), 2
    first = np.floor(position).astype(np.int64) - (reach - 1)
    matrix = np.zeros((target, source))
    for tap in range(2 * reach):
        weight = kernel(position - (first + tap))
        np.add.at(matrix, (np.arange(target), np.clip(first + tap, 0, source - 1)), weight)
    return matrix


def _antialiased_matrix(source: int, target: int, method: str) -> np.ndarray:
    """The filter stretched by the shrink factor, cut at the border and normalised."""
    kernel, reach = (_triangle, 1) if method == "bilinear" else (_cubic(-0.5), 2)
    scale = source / target
    stretch = max(scale, 1.0)
    centre = scale * (np.arange(target)[:, None] + 0.5)
    pixel = np.arange(source)[None]
    start = np.maximum(np.trunc(centre - reach * stretch + 0.5), 0)
    stop = np.minimum(np.trunc(centre + reach * stretch + 0.5), source)
    weight = kernel((pixel + 0.5 - centre) / stretch) * ((pixel >= start) & (pixel < stop))
    return weight / weight.sum(1, keepdims=True)


def _triangle(distance: np.ndarray) -> np.ndarray:
    return np.maximum(1 - np.abs(distance), 0)


def _cubic(a: float) -> Callable[[np.ndarray], np.ndarray]:
    """Keys' cubic convolution kernel with slope `a` at distance one."""

    def kernel(distance: np.ndarray) -> np.ndarray:
        x = np.abs(distance)
        inner = ((a + 2) * x - (a + 3)) * x * x + 1
        outer = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
        return np.where(x <= 1, inner, np.where(x < 2, outer, 0.0))

    return kernel
