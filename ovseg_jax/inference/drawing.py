"""The overlay: colours on the photo, and a legend that names them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image, ImageDraw, ImageFont

from ovseg_jax.inference.results import Answer

OPACITY = 0.55
"""Share of the class colour in the picture."""
MAX_ROWS = 40
"""Legend rows; the rest is counted."""
TILE_SIDE = 128
"""Longer side of a picture of one activation map, in pixels."""
FONTS = (
    *("DejaVuSans.ttf", "NotoSans-Regular.ttf", "NotoSansCJK-Regular.ttc", "arialuni.ttf"),
    *("Arial Unicode.ttf", "msyh.ttc", "arial.ttf", "LiberationSans-Regular.ttf"),
)
"""Looked for on the system, since Pillow's own font has Latin letters only."""


def draw_overlay(result: Answer) -> Image.Image:
    """Draws the answer over the photo, with the legend to its right.

    The legend lists classes by area with their segments' scores, and says what the unlabelled
    part is.
    """
    picture = Image.fromarray(_paint(result))
    size = int(np.clip(picture.height / 28, 11, 40))
    rows = legend_rows(result)
    font = _font(size, "".join(text for _, text in rows))
    margin, line = size // 2 + 4, int(size * 1.5)
    width = max(int(font.getlength(text)) for _, text in rows) + line + 2 * margin
    height = max(picture.height, line * len(rows) + 2 * margin)
    canvas = Image.new("RGB", (picture.width + width, height), "white")
    canvas.paste(picture, (0, 0))
    draw = ImageDraw.Draw(canvas)
    for number, (colour, text) in enumerate(rows):
        left, top = picture.width + margin, margin + number * line
        if colour is not None:
            draw.rectangle((left, top, left + size, top + size), fill=colour, outline="black")
        indent = line if colour is not None else 0
        draw.text((left + indent, top), text, fill="black", font=font)
    return canvas


def legend_rows(result: Answer) -> list[tuple[tuple[int, int, int] | None, str]]:
    """Returns (colour, text) per row: classes by falling area, then what is unlabelled."""
    labels, classes = result.prediction.labels, result.prediction.classes
    areas = np.bincount(labels[labels >= 0].ravel(), minlength=len(result.words.classes))
    shown = [slot for slot in np.argsort(-areas, kind="stable") if areas[slot]]
    entries = result.words.classes.classes
    rows = []
    for slot in shown[:MAX_ROWS]:
        scores = result.prediction.scores[classes == slot]
        rows.append((entries[slot].color, f"{entries[slot].name}  {_scores(scores)}"))
    if len(shown) > MAX_ROWS:
        rows.append((None, f"and {len(shown) - MAX_ROWS} more (see the JSON file)"))
    return rows + [(None, text) for text in _unlabelled(result)]


def _scores(scores: np.ndarray) -> str:
    best = ", ".join(f"{score:.2f}" for score in sorted(scores, reverse=True)[:3])
    return best if len(scores) <= 3 else f"{best}, ... ({len(scores)})"


def _unlabelled(result: Answer) -> list[str]:
    share = float((result.prediction.labels < 0).mean())
    lines = [f"unlabelled: {100 * share:.0f} % of the photo"]
    words, settings = result.words, result.settings
    if words.background:
        names = words.background_names
        listed = ", ".join(names[:6]) + (f", ... ({len(names)})" if len(names) > 6 else "")
        lines.append(f"  no mask, or background: {listed}")
        if words.is_default:
            lines.append("  (added because words are few; --background none turns it off)")
    else:
        lines.append("  no mask")
    if settings.min_score > 0:
        lines.append(f"  or score below {settings.min_score:g}")
    return lines


def _paint(result: Answer) -> UInt8[np.ndarray, "H W 3"]:
    labels, ids = result.prediction.labels, result.prediction.segment_ids
    colours = np.concatenate([result.words.classes.colors, np.zeros((1, 3), np.uint8)])
    mixed = (1 - OPACITY) * result.pixels + OPACITY * colours[labels]  # -1 takes the last row
    mixed = np.where((labels >= 0)[..., None], mixed, result.pixels * 0.6 + 0.4 * 128)
    return np.where(_borders(ids)[..., None], 255, np.round(mixed)).astype(np.uint8)


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
    tile = tuple(max(1, round(length * scale)) for length in pixels.shape[1::-1])
    photo = Image.fromarray(pixels).resize(tile)
    shade = Image.fromarray(np.where(mask, 255, 60).astype(np.uint8)).resize(tile)
    tiles = [Image.composite(photo, Image.new("RGB", tile), shade)]
    dark = photo.convert("L").point(lambda value: value // 2)
    box = (0, 0, maps.shape[2] * extent[1], maps.shape[1] * extent[0])
    for logits in maps:
        light = Image.fromarray(np.round(255 / (1 + np.exp(-logits))).astype(np.uint8))
        light = light.resize(tile, Image.Resampling.BILINEAR, box=box)
        tiles.append(Image.merge("RGB", (light, dark, light)))
    return _grid(tiles, title)


def _grid(tiles: list[Image.Image], title: str) -> Image.Image:
    tile = tiles[0].size
    columns = int(np.ceil(np.sqrt(len(tiles))))
    rows, font = -(-len(tiles) // columns), _font(13, title)
    grid = Image.new("RGB", (columns * (tile[0] + 2), rows * (tile[1] + 2) + 20), "white")
    ImageDraw.Draw(grid).text((2, 2), title, fill="black", font=font)
    for number, content in enumerate(tiles):
        row, column = divmod(number, columns)
        grid.paste(content, (column * (tile[0] + 2), row * (tile[1] + 2) + 20))
    return grid


def _font(size: int, text: str) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Returns the first font that has all letters of `text`, else the one that lacks fewest."""
    letters = "".join(sorted(set(text) - {" "}))
    return min(_fonts(size), key=lambda font: _missing(font, letters))


@functools.lru_cache(maxsize=8)
def _fonts(size: int) -> Sequence[ImageFont.FreeTypeFont | ImageFont.ImageFont]:
    found = [ImageFont.load_default(size)]
    for name in (*FONTS, *_bundled()):
        try:
            found.append(ImageFont.truetype(name, size))
        except OSError:
            continue
    return found


def _bundled() -> list[str]:
    """DejaVu Sans comes with matplotlib, which is found here without being imported."""
    spec = find_spec("matplotlib")
    if spec is None or not spec.submodule_search_locations:
        return []
    folder = Path(next(iter(spec.submodule_search_locations)))
    return [str(folder / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf")]


def _missing(font: ImageFont.FreeTypeFont | ImageFont.ImageFont, letters: str) -> int:
    """Counts the letters that a font draws like one that no font has."""
    try:
        absent = bytes(font.getmask("\uffff"))
        return sum(bytes(font.getmask(letter)) == absent for letter in letters)
    except UnicodeEncodeError:
        return len(letters)
