"""The overlay: colours on the photo, and a legend that names them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from PIL import Image, ImageDraw

from ovseg_jax.inference.output.fonts import find_font
from ovseg_jax.inference.output.legend import draw_legend
from ovseg_jax.inference.results import Answer

OPACITY = 0.55
"""Share of the class colour in the picture."""
TILE_SIDE = 128
"""Longer side of a picture of one activation map, in pixels."""


def draw_overlay(result: Answer) -> Image.Image:
    """Draws the answer over the photo, with the legend to its right.

    The legend lists classes by area with their segments' scores, and says what the unlabelled
    part is. It is no larger than the photo, unless the photo is tiny.
    """
    picture = draw_segments(result)
    legend = draw_legend(result, *picture.size)
    canvas = Image.new("RGB", (picture.width + legend.width, legend.height), "white")
    canvas.paste(picture, (0, 0))
    canvas.paste(legend, (picture.width, 0))
    return canvas


def draw_segments(result: Answer) -> Image.Image:
    """Draws the answer over the photo, at its size and without a legend."""
    found, colors = result.prediction, result.words.classes.colors
    return Image.fromarray(paint(result.pixels, found.labels, found.segment_ids, colors))


def paint(
    pixels: UInt8[np.ndarray, "H W 3"],
    labels: Int[np.ndarray, "H W"],
    segment_ids: Int[np.ndarray, "H W"],
    colors: UInt8[np.ndarray, "c 3"],
) -> UInt8[np.ndarray, "H W 3"]:
    """Lays the colours of classes over a photo, with white borders between segments.

    Args:
        pixels: The photo.
        labels: Class of each pixel, -1 for none, which turns grey.
        segment_ids: Segment of each pixel.
        colors: Of the classes.
    """
    colours = np.concatenate([colors, np.zeros((1, 3), np.uint8)])
    mixed = (1 - OPACITY) * pixels + OPACITY * colours[labels]  # -1 takes the last row
    mixed = np.where((labels >= 0)[..., None], mixed, pixels * 0.6 + 0.4 * 128)
    return np.where(_borders(segment_ids)[..., None], 255, np.round(mixed)).astype(np.uint8)


def _borders(ids: np.ndarray) -> Bool[np.ndarray, "H W"]:
    """Pixels whose right or lower neighbour belongs to another segment."""
    border = np.zeros(ids.shape, bool)
    border[:, :-1] |= ids[:, 1:] != ids[:, :-1]
    border[:-1] |= ids[1:] != ids[:-1]
    return border


def draw_maps(
    pixels: UInt8[np.ndarray, "H W 3"],
    mask: Bool[np.ndarray, "H W"],
    maps: Float[np.ndarray, "m h w"],
    extent: tuple[float, float],
    title: str,
) -> Image.Image:
    """Draws the activation maps of one mask as a grid, after the mask itself.

    Args:
        pixels: The photo.
        mask: The mask.
        maps: Logits; bright where a map looks.
        extent: Share of the maps' height and width that is photo.
        title: Written above.
    """
    scale = TILE_SIDE / max(pixels.shape[:2])
    width, height = (max(1, round(length * scale)) for length in pixels.shape[1::-1])
    tile = (width, height)
    photo = Image.fromarray(pixels).resize(tile)
    shade = Image.fromarray(np.where(mask, 255, 60).astype(np.uint8)).resize(tile)
    tiles = [Image.composite(photo, Image.new("RGB", tile), shade)]
    dark = photo.convert("L").point([value // 2 for value in range(256)])
    box = (0, 0, maps.shape[2] * extent[1], maps.shape[1] * extent[0])
    for logits in maps:
        light = Image.fromarray(np.round(255 / (1 + np.exp(-logits))).astype(np.uint8))
        light = light.resize(tile, Image.Resampling.BILINEAR, box=box)
        tiles.append(Image.merge("RGB", (light, dark, light)))
    return _grid(tiles, title)


def _grid(tiles: list[Image.Image], title: str) -> Image.Image:
    tile = tiles[0].size
    columns = int(np.ceil(np.sqrt(len(tiles))))
    rows, font = -(-len(tiles) // columns), find_font(title, 13)
    grid = Image.new("RGB", (columns * (tile[0] + 2), rows * (tile[1] + 2) + 20), "white")
    ImageDraw.Draw(grid).text((2, 2), title, fill="black", font=font)
    for number, content in enumerate(tiles):
        row, column = divmod(number, columns)
        grid.paste(content, (column * (tile[0] + 2), row * (tile[1] + 2) + 20))
    return grid
