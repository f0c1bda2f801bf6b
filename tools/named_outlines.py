"""Draws masks over photos as outlines with names, as a person marks up a picture, and sheets of it.

Underlined names are marked, names on red are wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import binary_dilation, binary_erosion, distance_transform_edt

from ovseg_jax.inference.output.fonts import find_font

TINT, LINE = 0.15, 3
"""Share of the colour inside an outline, and the outline's width in pixels."""
WRONG, RIGHT = (170, 20, 20), (25, 25, 25)
"""Behind names."""
SIDE, GAP, HEAD = 224, 6, 26
"""Of a sheet: side of its pictures, room between them, height of the line of titles."""


@dataclass(frozen=True)
class Named:
    """A mask that is to be drawn.

    Attributes:
        mask: True inside; (H, W).
        name: Written where the mask is widest.
        color: Of the outline.
        marked: Underlines the name.
        wrong: Puts the name on red.
    """

    mask: np.ndarray
    name: str
    color: Sequence[int]
    marked: bool = False
    wrong: bool = False


def outlined(photo: Image.Image, masks: Sequence[Named], letters: int = 28) -> Image.Image:
    """Returns a photo with outlines and names.

    Args:
        photo: RGB.
        masks: At the photo's size; the largest are drawn first.
        letters: Pixels of a letter's body.
    """
    pixels = np.asarray(photo, np.float32)
    masks = sorted(masks, key=lambda item: -int(item.mask.sum()))
    for item in masks:
        color = np.asarray(item.color, np.float32)
        pixels = np.where(item.mask[..., None], (1 - TINT) * pixels + TINT * color, pixels)
    for item in masks:
        pixels = np.where(_edge(item.mask, LINE + 2)[..., None], 255, pixels)
        pixels = np.where(_edge(item.mask, LINE)[..., None], item.color, pixels)
    picture = Image.fromarray(pixels.astype(np.uint8))
    for item in masks:
        _write(picture, item, letters)
    return picture


def sheet(titles: Sequence[str], rows: Sequence[Sequence[Image.Image]]) -> Image.Image:
    """Returns rows of square pictures, with a title above each column."""
    size = (len(titles) * (SIDE + GAP) - GAP, HEAD + len(rows) * (SIDE + GAP) - GAP)
    canvas = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(canvas)
    for column, title in enumerate(titles):
        pen.text((column * (SIDE + GAP), 3), title, fill="black", font=find_font(title, 16))
        for number, row in enumerate(rows):
            place = (column * (SIDE + GAP), HEAD + number * (SIDE + GAP))
            canvas.paste(row[column].resize((SIDE, SIDE), Image.Resampling.LANCZOS), place)
    return canvas


def distinct_colors(count: int) -> list[tuple[int, ...]]:
    """Returns bright colours, hues a golden angle apart: neighbours in the list differ."""
    hues = (np.arange(count) * 0.618034) % 1
    pixels = np.stack([hues * 255, np.full_like(hues, 190), np.full_like(hues, 250)], -1)
    image = Image.fromarray(pixels[None].astype(np.uint8), "HSV").convert("RGB")
    return [tuple(int(value) for value in color) for color in np.asarray(image)[0]]


def most_of(mask: np.ndarray, truth: Sequence[Named]) -> str:
    """Returns the name of what covers most of a mask; "" where that is nothing."""
    areas = {item.name: 0 for item in truth} | {"": 0}
    for item in truth:
        areas[item.name] += int((mask & item.mask).sum())
    return max(areas, key=lambda name: areas[name])


def innermost(mask: np.ndarray) -> tuple[int, int]:
    """Returns row and column of the pixel that is farthest from the mask's border."""
    depth = np.asarray(distance_transform_edt(np.pad(mask, 1)))
    row, column = np.unravel_index(np.argmax(depth), (mask.shape[0] + 2, mask.shape[1] + 2))
    return int(row) - 1, int(column) - 1


def _edge(mask: np.ndarray, width: int) -> np.ndarray:
    """Pixels on both sides of a mask's border, but not where it meets the picture's."""
    inside = binary_erosion(mask, iterations=width // 2, border_value=1)
    outside = np.logical_not(inside)
    return np.logical_and(binary_dilation(mask, iterations=width - width // 2), outside)


def _write(picture: Image.Image, item: Named, letters: int) -> None:
    pen, font = ImageDraw.Draw(picture), find_font(item.name, letters)
    row, column = innermost(item.mask)
    left, top, right, bottom = pen.textbbox((0, 0), item.name, font=font, anchor="mm")
    half_width, half_height = (right - left) / 2 + 4, (bottom - top) / 2 + 4
    x = float(np.clip(column, half_width, picture.width - half_width))
    y = float(np.clip(row, half_height, picture.height - half_height - 2))
    box = (x + left - 4, y + top - 3, x + right + 4, y + bottom + 7)
    pen.rounded_rectangle(box, 4, fill=WRONG if item.wrong else RIGHT)
    pen.text((x, y), item.name, anchor="mm", font=font, fill="white")
    if item.marked:
        pen.line((x + left, y + bottom + 3, x + right, y + bottom + 3), fill="yellow", width=4)
