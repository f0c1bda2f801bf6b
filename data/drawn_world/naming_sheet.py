"""Writes a sheet of things to be named by people: `python -m data.drawn_world.naming_sheet FOLDER`.

`sheet.png` shows numbered things cut out of test scenes with some of their surroundings, and no
names; `key.txt` has the names, `classes.txt` the list to choose from.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from data.drawn_world import world
from data.drawn_world.splits import draw_example

SHOWN, TILE, COLUMNS, MARGIN = 30, 150, 6, 0.25
LEAST_SIDE = 18
"""Longer side in pixels, of 128, below which nobody is asked."""


def cutouts(seed: int) -> Iterator[tuple[Image.Image, str]]:
    """Yields things with their names, one of a scene, without end."""
    rng = np.random.default_rng(seed)
    while True:
        scene = draw_example("test", int(rng.integers(10_000, 1_000_000)))
        for number in rng.permutation(len(scene.categories)) + 1:
            category = int(scene.categories[number - 1])
            rows, columns = np.nonzero(scene.segment_ids == number)
            side = max(np.ptp(rows), np.ptp(columns)) + 1
            if world.IS_THING[category] and side >= LEAST_SIDE:
                reach = side * (0.5 + MARGIN)
                x, y = (columns.min() + columns.max()) / 2, (rows.min() + rows.max()) / 2
                box = tuple(int(v) for v in (x - reach, y - reach, x + reach, y + reach))
                picture = Image.fromarray(scene.image).crop(box)
                yield (
                    picture.resize((TILE, TILE), Image.Resampling.BICUBIC),
                    world.CLASS_NAMES[category],
                )
                break


def write(folder: Path, seed: int) -> None:
    """Writes the three files."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = -(-SHOWN // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * TILE, rows * (TILE + 18)), "white")
    pen, key = ImageDraw.Draw(sheet), []
    for index, (picture, name) in zip(range(SHOWN), cutouts(seed), strict=False):
        left, top = index % COLUMNS * TILE, index // COLUMNS * (TILE + 18)
        sheet.paste(picture, (left, top + 16))
        pen.text((left + 4, top + 2), str(index + 1), fill="black")
        key.append(f"{index + 1} {name}")
    sheet.save(folder / "sheet.png")
    (folder / "key.txt").write_text("\n".join(key) + "\n")
    (folder / "classes.txt").write_text("\n".join(world.THING_NAMES) + "\n")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    write(options.folder, options.seed)


if __name__ == "__main__":
    main()
