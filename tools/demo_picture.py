"""Draws the README's picture: python -m tools.demo_picture docs/images/demo.png.

A row for each of the first scenes of `tools.draw_scene`: the photo, its truth, what the shipped toy
model finds and names from pixels, told all 48 names, and what it says of the same photo when it is
told other words for them. Underlined names had no mask in training; names on red are wrong. No
scene is picked, mistakes are left in.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

from PIL import Image

from data.toy_world import world
from ovseg_jax.api import load_segmenter
from ovseg_jax.inference.segmentation import Segmentation
from tools.draw_scene import draw
from tools.named_outlines import Named, distinct_colors, most_of, outlined, sheet

SCENES = 4
TITLES = ("photo", "truth", "told all 48 names", "told other words")
OTHER_WORDS = tuple(world.SYNONYMS.get(name, (name,))[0] for name in world.CLASS_NAMES)
"""Another word for every class that has one."""
COLORS = dict(zip(world.CLASS_NAMES, distinct_colors(len(world.CLASS_NAMES)), strict=True))

Answer = Callable[[Image.Image, Sequence[Named]], list[Named]]


def picture(count: int = SCENES) -> Image.Image:
    """Returns the first scenes, each in a row of four pictures."""
    answers = [told(world.CLASS_NAMES), told(OTHER_WORDS)]
    rows = []
    for number in range(count):
        photo, masks, names = draw(number)
        truth = [named(mask, name) for mask, name in zip(masks, names, strict=True)]
        shown = [truth, *(answer(photo, truth) for answer in answers)]
        rows.append([photo, *(outlined(photo, items) for items in shown)])
    return sheet(TITLES, rows)


def told(words: Sequence[str]) -> Answer:
    """Returns what names a photo's masks with words, one for each class in the world's order.

    What it returns takes the photo and its truth, which tells only what goes on red.
    """
    segmenter = load_segmenter("toy")
    segmenter.set_vocabulary("; ".join(words), "none")
    class_of = dict(zip(words, world.CLASS_NAMES, strict=True))

    def answer(photo: Image.Image, truth: Sequence[Named]) -> list[Named]:
        found = cast(Segmentation, segmenter.segment(photo, task="panoptic"))
        return [
            named(mask, class_of[word], word, most_of(mask, truth))
            for mask, word in zip(found.prediction.masks, found.names, strict=True)
        ]

    return answer


def named(mask, name: str, word: str = "", true_name: str | None = None) -> Named:
    """Returns a mask as it is drawn.

    Args:
        mask: True inside; (H, W).
        name: Its class, which gives the colour and whether it is underlined.
        word: What is written; the class without it.
        true_name: Of the truth; another than `name` puts the name on red.
    """
    wrong = true_name is not None and true_name != name
    return Named(mask, word or name, COLORS[name], name in world.UNSEEN_NAMES, wrong)


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("file", type=Path)
    options = parser.parse_args()
    palette = picture().quantize(128, dither=Image.Dither.NONE)  # a third of the bytes
    palette.save(options.file, optimize=True)


if __name__ == "__main__":
    main()
