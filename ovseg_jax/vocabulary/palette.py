"""Display colours of classes."""

from __future__ import annotations

import colorsys

_GOLDEN_RATIO = 0.6180339887498949
"""Steps of this share of the colour circle never come back close to an earlier hue soon."""


def palette_color(index: int) -> tuple[int, int, int]:
    """Returns the display colour of class `index`: neighbours differ, none is dark or grey."""
    hue = (0.02 + index * _GOLDEN_RATIO) % 1.0
    saturation = (0.80, 0.55, 0.95)[index % 3]
    value = (0.95, 0.75, 0.85, 0.62)[index % 4]
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)
