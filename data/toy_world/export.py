"""Writes toy pictures as photos, for what reads files: `python -m data.toy_world.export OUT`.

Pictures have the names that the TFDS builder gives them, so that what is mined on its masks
(`ovseg mine OUT --data toy_world`) finds the photos again.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

from data.toy_world.splits import FULL_COUNTS, draw_example


def export(folder: Path, split: str, count: int) -> None:
    """Writes the first pictures of a split as PNG files without an ending."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        picture = Image.fromarray(draw_example(split, index).image)
        picture.save(folder / f"{split}_{index:06d}", format="PNG")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--split", default="validation", choices=sorted(FULL_COUNTS))
    parser.add_argument("--count", type=int, default=FULL_COUNTS["validation"])
    options = parser.parse_args()
    export(options.out, options.split, options.count)


if __name__ == "__main__":
    main()
