"""Photos at test size: detectron2's rounding, padding to multiples."""

import numpy as np
import pytest

from ovseg_jax.ops.images.network_input import prepare


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)


def test_frames_are_multiples_with_the_picture_at_the_top_left(picture):
    prepared = prepare(picture, 40, 50)
    assert prepared.size == (33, 50)
    assert prepared.frame.shape == (64, 64, 3)
    assert (prepared.frame[33:] == 0).all() and (prepared.frame[:, 50:] == 0).all()
    kept = prepare(picture, 0, 0)
    assert kept.size == (20, 30)
    np.testing.assert_array_equal(kept.frame[:20, :30], picture)


def test_a_line_of_pixels_keeps_at_least_one_row():
    assert prepare(np.zeros((1, 5000, 3), np.uint8), 96, 128).size == (1, 128)


@pytest.mark.parametrize(("stride", "frame"), [(32, (64, 64)), (16, (64, 64)), (14, (56, 56))])
def test_frames_hold_whole_cells(picture, stride, frame):
    assert prepare(picture, 40, 50, stride).frame.shape[:2] == frame
