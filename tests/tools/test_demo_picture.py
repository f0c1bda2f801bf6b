"""The README's pictures: outlines and names; the files are small and show the first scenes."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tools import demo_picture, maps_animation, named_outlines

IMAGES = Path(__file__).parents[2] / "docs" / "images"


def block(rows, columns, side=40):
    mask = np.zeros((side, side), bool)
    mask[rows, columns] = True
    return mask


def test_names_stand_at_the_innermost_pixel():
    mask = block(slice(5, 12), slice(10, 17))
    mask[0, :] = True
    assert named_outlines.innermost(mask) == (8, 13)


def test_an_outline_has_its_colour_and_wrong_names_stand_on_red():
    mask, photo = block(slice(50, 150), slice(50, 150), 200), Image.new("RGB", (200, 200))
    right, wrong = (
        np.asarray(
            named_outlines.outlined(photo, [named_outlines.Named(mask, "x", (9, 8, 7), wrong=red)])
        )
        for red in (False, True)
    )
    assert (right[100, 50] == (9, 8, 7)).all() and not right[20, 20].any()
    assert (wrong == named_outlines.WRONG).all(-1).any()
    assert not (right == named_outlines.WRONG).all(-1).any()


def test_what_covers_most_of_a_mask_is_its_truth():
    left = named_outlines.Named(block(slice(0, 40), slice(0, 10)), "left", (0, 0, 0))
    right = named_outlines.Named(block(slice(0, 40), slice(10, 40)), "right", (0, 0, 0))
    middle = block(slice(0, 40), slice(8, 14))
    assert named_outlines.most_of(middle, [left, right]) == "right"
    assert named_outlines.most_of(middle, []) == ""


def test_light_follows_the_maps():
    maps = np.full((2, 4, 4), -9.0)
    maps[:, :, 2:] = 9.0
    lit = np.asarray(maps_animation.lit_by(Image.new("RGB", (8, 8), "white"), maps))
    assert lit[:, -1].min() > 250 and lit[:, 0].max() < 50


@pytest.mark.parametrize("name, largest", [("demo.png", 400_000), ("maps.gif", 400_000)])
def test_the_files_are_small(name, largest):
    assert (IMAGES / name).stat().st_size < largest


def test_the_picture_shows_the_first_scenes():
    side, gap, head = named_outlines.SIDE, named_outlines.GAP, named_outlines.HEAD
    shown = Image.open(IMAGES / "demo.png").convert("RGB")
    columns, rows = len(demo_picture.TITLES), demo_picture.SCENES
    assert shown.size == (columns * (side + gap) - gap, head + rows * (side + gap) - gap)
    photo, _, _ = demo_picture.draw(0)
    want = np.asarray(photo.resize((side, side), Image.Resampling.LANCZOS), float)
    assert np.abs(np.asarray(shown, float)[head : head + side, :side] - want).mean() < 10
