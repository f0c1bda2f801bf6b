"""The README's picture: where names stand; the file is small and is what the program draws."""

from pathlib import Path

import numpy as np
from PIL import Image

from tools import demo_picture

FILE = Path(__file__).parents[2] / "docs" / "images" / "demo.png"


def test_names_stand_at_the_innermost_pixel():
    mask = np.zeros((20, 30), bool)
    mask[5:12, 10:17] = True
    mask[0, :] = True
    assert demo_picture.innermost(mask) == (8, 13)


def test_the_file_is_small_and_shows_the_first_scenes():
    assert FILE.stat().st_size < 150_000
    shown = Image.open(FILE).convert("RGB")
    side = demo_picture.SIDE
    assert shown.size == (demo_picture.SCENES * (side + 8) - 8, 2 * side + 8)
    photo, _, _ = demo_picture.draw(0)
    want = np.asarray(photo.resize((side, side), Image.Resampling.BILINEAR), float)
    assert np.abs(np.asarray(shown, float)[:side, :side] - want).mean() < 10
