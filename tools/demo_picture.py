"""Draws the README's picture: python -m tools.demo_picture docs/images/demo.png.

Above, the first scenes of `tools.draw_scene`; below, what the shipped toy model makes of them from
pixels, told all 48 names of the toy world. No scene is picked, mistakes are left in.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import cast

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import distance_transform_edt

from data.toy_world import world
from ovseg_jax.api import load_segmenter
from ovseg_jax.inference.segmentation import Segmentation
from tools.draw_scene import draw

SCENES, SIDE, GAP = 6, 192, 8


def picture(count: int = SCENES) -> Image.Image:
    """Returns scenes in a row, with the answers below them."""
    segmenter = load_segmenter("toy")
    segmenter.set_vocabulary("; ".join(world.CLASS_NAMES), "none")
    size = (count * (SIDE + GAP) - GAP, 2 * SIDE + GAP)
    sheet = Image.new("RGB", size, "white")
    for number in range(count):
        photo, _, _ = draw(number)
        result = segmenter.segment(photo, task="panoptic")
        answer = painted(photo, cast(Segmentation, result))
        for row, tile in enumerate((photo, answer)):
            place = (number * (SIDE + GAP), row * (SIDE + GAP))
            sheet.paste(tile.resize((SIDE, SIDE), Image.Resampling.BILINEAR), place)
    return sheet


def painted(photo: Image.Image, result: Segmentation) -> Image.Image:
    """Paints the segments of an answer over its photo, with their names; the rest stays grey."""
    grey = np.asarray(photo.convert("L").convert("RGB"), np.float32)
    colors = result.words.all.colors
    for mask, index in zip(result.prediction.masks, result.prediction.classes, strict=True):
        grey[mask] = 0.35 * grey[mask] + 0.65 * np.asarray(colors[index])
    picture = Image.fromarray(grey.astype(np.uint8))
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(30)
    for mask, name in zip(result.prediction.masks, result.names, strict=True):
        row, column = innermost(mask)
        column = int(np.clip(column, 50, picture.width - 50))
        style = {"fill": "white", "stroke_fill": "black", "stroke_width": 2}
        pen.text((column, row), name, anchor="mm", font=font, **style)
    return picture


def innermost(mask: np.ndarray) -> tuple[int, int]:
    """Returns row and column of the pixel that is farthest from the mask's border."""
    depth = np.asarray(distance_transform_edt(np.pad(mask, 1)))
    row, column = np.unravel_index(np.argmax(depth), (mask.shape[0] + 2, mask.shape[1] + 2))
    return int(row) - 1, int(column) - 1


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("file", type=Path)
    options = parser.parse_args()
    palette = picture().quantize(128, dither=Image.Dither.NONE)  # a third of the bytes
    palette.save(options.file, optimize=True)


if __name__ == "__main__":
    main()
