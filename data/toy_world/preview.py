"""Writes a contact sheet of the toy world: `python -m data.toy_world.preview OUT.png`.

Top: every thing at home with its name (unseen names in brackets), then the stuff; below: web-like
pictures and scenes, each beside its segments and above its caption.
"""

from __future__ import annotations

import argparse
import textwrap
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from data.toy_world import scenes, textures, world
from data.toy_world.canvas import SIZE

SIDE = SIZE
CELL = SIDE + 8
LINE_HEIGHT = 14


def thing_picture(thing: int, seed: int = 7) -> np.ndarray:
    """Draws one thing large, in its typical hue, on its home stuff; uint8 [128, 128, 3]."""
    rng = np.random.default_rng([seed, thing])
    name = world.THING_NAMES[thing]
    habit = world.HABITS[name]
    pixels = textures.TEXTURE_FUNCTIONS[world.STUFF_NAMES.index(habit.home)](rng, SIDE)
    sticker = scenes.drawn(rng, name, habit.hue, 0.8 * SIDE, tilted=False)
    corner = (SIDE - len(sticker.mask)) // 2
    place, part = sticker.at(corner, corner, SIDE)
    pixels[place] = pixels[place] * (1 - part.coverage) + part.colors
    return scenes.lit(rng, pixels)


def stuff_picture(stuff: int, seed: int = 8) -> np.ndarray:
    """Draws one stuff, given by its position in `world.STUFF_NAMES`; uint8 [128, 128, 3]."""
    rng = np.random.default_rng([seed, stuff])
    return scenes.lit(rng, textures.TEXTURE_FUNCTIONS[stuff](rng, SIDE))


def _segment_colors(segment_ids: np.ndarray) -> np.ndarray:
    palette = np.random.default_rng(3).integers(40, 255, (256, 3)).astype(np.uint8)
    palette[0] = 0
    return palette[segment_ids]


def _tile(image: np.ndarray, text: str, width: int = CELL) -> Image.Image:
    lines = textwrap.wrap(text, width // 6)
    tile = Image.new("RGB", (width, CELL + LINE_HEIGHT * len(lines)), "white")
    tile.paste(Image.fromarray(image), (4, 2))
    ImageDraw.Draw(tile).multiline_text((4, CELL - 4), "\n".join(lines), fill="black", spacing=2)
    return tile


def grid(tiles: list[Image.Image], columns: int) -> Image.Image:
    """Lays tiles of one width into rows."""
    width, height = tiles[0].width, max(tile.height for tile in tiles)
    rows = -(-len(tiles) // columns)
    sheet = Image.new("RGB", (width * columns, height * rows), "white")
    for number, tile in enumerate(tiles):
        sheet.paste(tile, (number % columns * width, number // columns * height))
    return sheet


def _class_tiles() -> list[Image.Image]:
    tiles = []
    for index, name in enumerate(world.CLASS_NAMES):
        text, first = f"[{name}]" if index in world.UNSEEN else name, len(world.THING_NAMES)
        thing = world.IS_THING[index]
        tiles.append(_tile(thing_picture(index) if thing else stuff_picture(index - first), text))
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
    parts = [grid(_class_tiles(), 10)]
    parts += [grid(_scene_tiles(style, scene_count, seed), 5) for style in ("web", "scene")]
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
