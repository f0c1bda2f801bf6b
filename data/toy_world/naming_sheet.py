"""Writes a sheet of things to name: `python -m data.toy_world.naming_sheet OUT`.

OUT/sheet.png has numbered things cut from scenes, four times as large, with other things bleached;
OUT/key.txt has their names; OUT/classes.txt has the list to choose from.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from data.toy_world import world
from data.toy_world.preview import grid
from data.toy_world.scenes import make_scene
from data.toy_world.seen import Box, Scene

LEAST_SIDE = 20
"""In pixels, of the bounding box of what is visible; below, nobody is asked."""

ENLARGED, TILE, MARGIN = 4, 300, 4


def cut_things(count: int, seed: int) -> list[tuple[Image.Image, str]]:
    """Cuts things from scenes, one from each.

    Args:
        count: Of things.
        seed: Of the scenes and of the choice.

    Returns:
        Enlarged cuts with the names of what is in them.
    """
    things: list[tuple[Image.Image, str]] = []
    number = 0
    while len(things) < count:
        rng = np.random.default_rng([51, seed, number])
        scene, number = make_scene(rng, "scene"), number + 1
        boxes = _boxes(scene)
        if boxes:
            segment, box = boxes[rng.integers(len(boxes))]
            cut = Image.fromarray(_others_bleached(scene, segment)).crop(box)
            size = (cut.width * ENLARGED, cut.height * ENLARGED)
            cut = cut.resize(size, Image.Resampling.NEAREST)
            things.append((cut, world.CLASS_NAMES[scene.categories[segment - 1]]))
    return things


def _others_bleached(scene: Scene, segment: int) -> np.ndarray:
    """Returns the picture with all things but one nearly white."""
    is_thing = np.asarray([False, *(world.IS_THING[index] for index in scene.categories)])
    is_thing[segment] = False
    mixed = (0.2 * scene.image + 0.8 * 255).astype(np.uint8)
    return np.where(is_thing[scene.segment_ids][..., None], mixed, scene.image)


def _boxes(scene: Scene) -> list[tuple[int, Box]]:
    """Returns id and widened bounding box of every thing that is large enough."""
    found, size = [], len(scene.segment_ids)
    for index, category in enumerate(scene.categories, start=1):
        rows, columns = np.nonzero(scene.segment_ids == index)
        sides = np.ptp(rows) + 1, np.ptp(columns) + 1
        if world.IS_THING[category] and max(sides) >= LEAST_SIDE:
            low = max(columns.min() - MARGIN, 0), max(rows.min() - MARGIN, 0)
            high = min(columns.max() + MARGIN, size - 1) + 1, min(rows.max() + MARGIN, size - 1) + 1
            found.append((index, tuple(int(value) for value in (*low, *high))))
    return found


def write(folder: Path, count: int, seed: int) -> None:
    """Writes the three files."""
    folder.mkdir(parents=True, exist_ok=True)
    things = cut_things(count, seed)
    tiles = []
    for number, (cut, _) in enumerate(things, start=1):
        tile = Image.new("RGB", (TILE, TILE + 24), "white")
        cut.thumbnail((TILE - 8, TILE - 8))
        tile.paste(cut, (4, 22))
        ImageDraw.Draw(tile).text((6, 2), str(number), fill="black", font_size=18)
        tiles.append(tile)
    grid(tiles, 6).save(folder / "sheet.png")
    names = [f"{number} {name}" for number, (_, name) in enumerate(things, start=1)]
    (folder / "key.txt").write_text("\n".join(names) + "\n")
    (folder / "classes.txt").write_text("\n".join(sorted(world.THING_NAMES)) + "\n")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    write(options.out, options.count, options.seed)


if __name__ == "__main__":
    main()
