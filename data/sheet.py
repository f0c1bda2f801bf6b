"""A contact sheet: photos with their labels drawn in, each beside the names of its classes."""

from __future__ import annotations

import collections
from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np
from PIL import Image, ImageDraw

from ovseg_jax.foundation.errors import counted, one_line
from ovseg_jax.inference.output.drawing import paint
from ovseg_jax.inference.output.fonts import find_font
from ovseg_jax.inference.output.legend import Row, draw_rows, drawable, lay_out
from ovseg_jax.inputs.datasets import Decoded
from ovseg_jax.vocabulary.classes import ClassList

HEIGHT, WIDTH = 300, 480
"""What a photo is made to fit into, in pixels."""
LEGEND = 400
"""Height that a legend may have; that of a photo would make for small letters."""
TITLE, GAP = 18, 8
"""Height of the line above a photo, and free pixels around it."""
STRIPE = 5
"""Width of the hatching of crowds."""


def contact_sheet(records: Sequence[Decoded], classes: ClassList) -> Image.Image:
    """Draws photos in rows that make the sheet about square.

    Args:
        records: The photos; categories are positions in `classes`.
        classes: The names.
    """
    rows = _in_rows([_tile(record, classes) for record in records])
    heights = [max(tile.height for tile in row) + GAP for row in rows]
    width = max(sum(tile.width + GAP for tile in row) for row in rows)
    sheet = Image.new("RGB", (width + GAP, sum(heights) + GAP), "white")
    top = GAP
    for row, height in zip(rows, heights, strict=True):
        left = GAP
        for tile in row:
            sheet.paste(tile, (left, top))
            left += tile.width + GAP
        top += height
    return sheet


def _in_rows(tiles: Sequence[Image.Image]) -> list[list[Image.Image]]:
    """Fills rows one after the other, each as wide as a square of all tiles would be."""
    area = sum((tile.width + GAP) * (tile.height + GAP) for tile in tiles)
    rows: list[list[Image.Image]] = [[]]
    for tile in tiles:
        used = sum(other.width + GAP for other in rows[-1])
        if rows[-1] and used + tile.width > area**0.5 * 1.1:
            rows.append([])
        rows[-1].append(tile)
    return rows


def _tile(record: Decoded, classes: ClassList) -> Image.Image:
    """Draws one photo under its name and beside the names of its classes."""
    photo = Image.fromarray(_painted(record, classes))
    rows, notes = _rows(record, classes), _notes(record)
    legend = draw_rows(lay_out(rows, notes, WIDTH, LEGEND), photo.height)
    size = (photo.width + legend.width, max(photo.height, legend.height) + TITLE)
    tile = Image.new("RGB", size, "white")
    name = one_line(PurePosixPath(record["file_name"]).name)
    ImageDraw.Draw(tile).text((0, 0), name, fill="black", font=find_font(name, 12))
    tile.paste(photo, (0, TITLE))
    tile.paste(legend, (photo.width, TITLE))
    return tile


def _painted(record: Decoded, classes: ClassList) -> np.ndarray:
    """Paints a small photo: labels are made small by taking pixels, never by mixing them."""
    height, width = record["segment_ids"].shape
    scale = min(HEIGHT / height, WIDTH / width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    pixels = np.asarray(Image.fromarray(record["image"]).resize(size))
    ids = Image.fromarray(record["segment_ids"].astype(np.int32))
    ids = np.asarray(ids.resize(size, Image.Resampling.NEAREST))
    labels = np.concatenate([[-1], record["categories"]])[ids]
    painted = paint(pixels, labels, ids, classes.colors)
    crowd = np.concatenate([[False], record["crowds"]])[ids]
    down, right = np.mgrid[: size[1], : size[0]]
    hatched = crowd & ((down + right) // STRIPE % 2 == 0)
    return np.where(hatched[..., None], pixels, painted)


def _rows(record: Decoded, classes: ClassList) -> list[Row]:
    """Returns a row per class, the largest first, with how many segments it has."""
    areas = np.bincount(record["segment_ids"].ravel(), minlength=len(record["categories"]) + 1)[1:]
    size, often = collections.Counter(), collections.Counter(record["categories"].tolist())
    for category, area in zip(record["categories"].tolist(), areas.tolist(), strict=True):
        size[category] += area
    return [
        Row(
            drawable(classes.names[category], category),
            f"x {often[category]}" if often[category] > 1 else "",
            classes.classes[category].color,
        )
        for category, _ in size.most_common()
    ]


def _notes(record: Decoded) -> list[str]:
    notes = [f"void: {100 * float((record['segment_ids'] == 0).mean()):.0f} %"]
    if crowds := int(record["crowds"].sum()):
        notes.append(f"{counted(crowds, 'crowd')}, hatched")
    if hidden := sum(map(bool, record["whole"])):
        notes.append(f"{hidden} partly hidden")
    return notes
