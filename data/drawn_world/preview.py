"""Writes a contact sheet of the drawn world: `python -m data.drawn_world.preview OUT.png`.

Top: every thing at home with its name (unseen names in brackets), then the stuff; below: web-like
pictures and scenes, each beside its segments and above its caption.
"""

from __future__ import annotations

import argparse
import textwrap
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from data.drawn_world import scenes, textures, things, world
from data.drawn_world.drawn import Pose

CELL = 144
CAPTION_HEIGHT = 16


def thing_picture(thing: int, size: int = 128) -> np.ndarray:
    """Draws one thing large, in its first hue, on its first home; uint8 [size, size, 3]."""
    rng = np.random.default_rng([7, thing])
    look = world.APPEARANCES[thing]
    pixels = _stuff_pixels(rng, look.homes[0], size)
    pose = Pose(size / 2, size / 2, 0.42 * size)
    patch = things.draw_thing(rng, thing, look.hues[0], pose, size)
    pixels[patch.area] = pixels[patch.area] * (1 - patch.coverage[..., None]) + patch.paint
    return scenes.lit(rng, pixels)


def _stuff_pixels(rng: np.random.Generator, stuff: int, size: int) -> np.ndarray:
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) * np.float32(128 / size)
    return textures.TEXTURE_FUNCTIONS[stuff](rng, x, y).astype(np.float32)


def _segment_colors(segment_ids: np.ndarray) -> np.ndarray:
    palette = np.random.default_rng(3).integers(40, 255, (256, 3)).astype(np.uint8)
    palette[0] = 0
    return palette[segment_ids]


def _tile(image: np.ndarray, text: str, width: int = CELL) -> Image.Image:
    lines = textwrap.wrap(text, width // 6)
    tile = Image.new("RGB", (width, CELL - 12 + CAPTION_HEIGHT * max(1, len(lines))), "white")
    tile.paste(Image.fromarray(image), (4, 2))
    ImageDraw.Draw(tile).multiline_text((4, 132), "\n".join(lines), fill="black", spacing=2)
    return tile


def _grid(tiles: list[Image.Image], columns: int) -> Image.Image:
    width, height = tiles[0].width, max(tile.height for tile in tiles)
    rows = -(-len(tiles) // columns)
    sheet = Image.new("RGB", (width * columns, height * rows), "white")
    for number, tile in enumerate(tiles):
        sheet.paste(tile, (number % columns * width, number // columns * height))
    return sheet


def _class_tiles() -> list[Image.Image]:
    tiles = []
    for index, name in enumerate(world.CLASS_NAMES):
        text = f"[{name}]" if index in world.UNSEEN else name
        if world.IS_THING[index]:
            tiles.append(_tile(thing_picture(index), text))
        else:
            rng = np.random.default_rng([8, index])
            pixels = _stuff_pixels(rng, index - len(world.THING_NAMES), 128)
            tiles.append(_tile(scenes.lit(rng, pixels), text))
    return tiles


def _scene_tiles(style: scenes.Style, count: int, seed: int) -> list[Image.Image]:
    tiles = []
    for number in range(count):
        scene = scenes.make_scene(np.random.default_rng([seed, number]), style)
        pair = np.concatenate([scene.image, _segment_colors(scene.segment_ids)], axis=1)
        tiles.append(_tile(pair, scene.captions[0], 2 * CELL))
    return tiles


def contact_sheet(scene_count: int = 15, seed: int = 0) -> Image.Image:
    """Composes the sheet described above."""
    parts = [_grid(_class_tiles(), 10)]
    parts += [_grid(_scene_tiles(style, scene_count, seed), 5) for style in ("web", "scene")]
    sheet = Image.new("RGB", (parts[0].width, sum(part.height for part in parts)), "white")
    top = 0
    for part in parts:
        sheet.paste(part, (0, top))
        top += part.height
    return sheet


def main() -> None:
    """Parses the command line and writes the sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="PNG file to write")
    parser.add_argument("--scenes", type=int, default=15, help="pictures of each style")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    contact_sheet(options.scenes, options.seed).save(options.out)
    print(f"wrote {options.out}")


if __name__ == "__main__":
    main()
