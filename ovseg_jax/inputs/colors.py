"""Colour jitter as single-shot detectors are trained with it, and MaskFormer and its heirs.

Brightness, contrast, saturation and hue, each in half of the examples; contrast comes before the
other two or behind them (docs/reference 8.4). Colours are OpenCV's for 8 bits: hue counts to 179,
and whatever is computed is cut to whole numbers.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int, UInt8

BRIGHTNESS = 32.0
"""Largest change of all values, either way."""
LOWEST, HIGHEST = 0.5, 1.5
"""Factors of contrast and of saturation."""
HUE = 18
"""Largest change of the hue, either way, of 180."""
DRAWS = 9
"""Uniform random numbers for one picture."""

_BAND = 2**14
"""Pixels that are computed at a time, so that what is in between stays in the processor's cache."""
_POINT = 12
"""Bits behind the point of OpenCV's fixed-point numbers."""
_LEVELS = np.arange(256)
_PER_VALUE = np.rint((255 << _POINT) / np.maximum(_LEVELS, 1)).astype(np.int32)
_PER_SPAN = np.rint((180 << _POINT) / (6.0 * np.maximum(_LEVELS, 1))).astype(np.int32)
_SIXTHS = np.array([[0, 3, 1], [2, 0, 1], [1, 0, 3], [1, 2, 0], [3, 1, 0], [0, 1, 2]])
"""Which of the highest, lowest, falling and rising level R, G and B have in each sixth of hues."""


def jitter_colors(
    image: UInt8[np.ndarray, "h w 3"], draws: Float[np.ndarray, " 9"]
) -> UInt8[np.ndarray, "h w 3"]:
    """Changes the colours of a picture at random.

    Args:
        image: RGB.
        draws: Uniform in [0, 1). Brightness, contrast, saturation and hue change where the first
            four are below a half, by amounts that the next four tell; where the last one is below
            a half, contrast comes first.
    """
    changes, (light, contrast, saturation, hue) = draws[:4] < 0.5, draws[4:8]
    steps = [
        (changes[1], lambda part: _scaled(part, _factor(contrast))),
        (changes[2], lambda part: _saturated(part, _factor(saturation))),
        (changes[3], lambda part: _turned(part, int((2 * HUE + 1) * hue) - HUE)),
    ]
    steps = steps if draws[8] < 0.5 else [*steps[1:], steps[0]]
    steps = [(changes[0], lambda part: _scaled(part, 1, BRIGHTNESS * (2 * light - 1))), *steps]
    pixels = image.reshape(-1, 3).copy()
    for first in range(0, len(pixels), _BAND):
        part = pixels[first : first + _BAND]
        for happens, step in steps:
            part = step(part) if happens else part
        pixels[first : first + _BAND] = part
    return pixels.reshape(image.shape)


def _factor(draw: float) -> float:
    return LOWEST + (HIGHEST - LOWEST) * draw


def _scaled(values: UInt8[np.ndarray, "*n"], factor: float, more: float = 0) -> np.ndarray:
    """Multiplies and adds, inside 0 to 255; by a table, for there are 256 values only."""
    levels = _LEVELS.astype(np.float32) * np.float32(factor) + np.float32(more)
    return np.clip(levels, 0, 255).astype(np.uint8).take(values)


def _saturated(pixels: UInt8[np.ndarray, "n 3"], factor: float) -> UInt8[np.ndarray, "n 3"]:
    hue, saturation, value = to_hsv(pixels)
    return to_rgb(hue, _scaled(saturation, factor), value)


def _turned(pixels: UInt8[np.ndarray, "n 3"], turn: int) -> UInt8[np.ndarray, "n 3"]:
    hue, saturation, value = to_hsv(pixels)
    return to_rgb((hue + turn) % 180, saturation, value)


def to_hsv(pixels: UInt8[np.ndarray, "n 3"]) -> tuple[Int[np.ndarray, " n"], ...]:
    """Returns hue (0 to 179), saturation and value (0 to 255) as int32, to the bit as OpenCV."""
    red, green, blue = (pixels[:, channel].astype(np.int32) for channel in range(3))
    value = np.maximum(np.maximum(red, green), blue)
    span = value - np.minimum(np.minimum(red, green), blue)
    half = 1 << (_POINT - 1)
    saturation = (span * _PER_VALUE.take(value) + half) >> _POINT
    sixths = np.where(value == green, blue - red + 2 * span, red - green + 4 * span)
    sixths = np.where(value == red, green - blue, sixths)
    hue = (sixths * _PER_SPAN.take(span) + half) >> _POINT
    return np.where(hue < 0, hue + 180, hue), saturation, value


def to_rgb(
    hue: Int[np.ndarray, " n"], saturation: Int[np.ndarray, " n"], value: Int[np.ndarray, " n"]
) -> UInt8[np.ndarray, "n 3"]:
    """The way back; at most one level beside OpenCV 5, in one or two of a hundred values."""
    sixth, within = np.divmod(hue, 30)
    part = within.astype(np.float32) * np.float32(1 / 30)
    high = value.astype(np.float32) * np.float32(1 / 255)
    grey = saturation.astype(np.float32) * np.float32(1 / 255)
    levels = np.stack(
        [high, high * (1 - grey), high * (1 - grey * part), high * (1 - grey * (1 - part))], axis=1
    )
    chosen = _SIXTHS.take(sixth, 0) + 4 * np.arange(len(hue))[:, None]
    return (levels.ravel().take(chosen) * np.float32(255)).astype(np.uint8)
