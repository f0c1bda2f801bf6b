"""Masks to outlines and back, exact to the pixel; Label Studio's and CVAT's run lengths too."""

import numpy as np
import pytest

from ovseg_jax.foundation.errors import MasksError
from ovseg_jax.masks.bit_rle import decode_bit_rle, encode_bit_rle
from ovseg_jax.masks.box_rle import BoxMask, decode_box_rle, encode_box_rle
from ovseg_jax.masks.outlines import one_path, polygons_of
from ovseg_jax.masks.shapes import draw_polygons


def noise(count=150):
    """Masks of every density and of sizes from one pixel on."""
    draw = np.random.default_rng(0)
    for number in range(count):
        size = draw.integers(1, 14, 2)
        yield draw.random(size) < (0.05, 0.3, 0.5, 0.7, 0.95, 1.1)[number % 6]


def rings(polygons):
    return [ring for part in polygons for ring in (part.outer, *part.holes)]


def drawn(ring, size):
    return draw_polygons([ring.ravel().tolist()], size)


def area(ring):
    x, y = ring.T
    return (x @ np.roll(y, -1) - np.roll(x, -1) @ y) / 2


def test_polygons_draw_the_mask_again():
    for mask in noise():
        found = np.zeros_like(mask)
        for part in polygons_of(mask):
            own = drawn(part.outer, mask.shape)
            for hole in part.holes:
                own &= ~drawn(hole, mask.shape)
            found |= own
        np.testing.assert_array_equal(found, mask)


def test_areas_are_numbers_of_pixels_and_holes_run_the_other_way():
    for mask in noise():
        parts = polygons_of(mask)
        assert sum(map(area, rings(parts))) == mask.sum()
        assert all(area(part.outer) > 0 for part in parts)
        assert all(area(hole) < 0 for part in parts for hole in part.holes)


def test_no_ring_comes_back_to_a_corner():
    for mask in noise():
        for ring in rings(polygons_of(mask)):
            assert len(np.unique(ring, axis=0)) == len(ring)


def test_parts_share_sides_and_are_counted_with_their_holes():
    touching = np.eye(3, dtype=bool)
    assert [len(part.outer) for part in polygons_of(touching)] == [4, 4, 4]
    ring = np.ones((5, 5), bool)
    ring[1, 1] = ring[2, 2] = ring[3, 1] = False  # holes that touch by corners stay apart
    (part,) = polygons_of(ring)
    assert [abs(area(hole)) for hole in part.holes] == [1, 1, 1]
    assert part.outer.tolist() == [[0, 0], [5, 0], [5, 5], [0, 5]]
    assert polygons_of(np.zeros((3, 3), bool)) == []


def test_one_path_covers_the_same_pixels():
    for mask in noise():
        if mask.any():
            path = one_path(polygons_of(mask))
            np.testing.assert_array_equal(drawn(path, mask.shape), mask)


def test_brushes_come_back():
    for mask in (*noise(30), np.zeros((400, 300), bool), np.ones((300, 400), bool)):
        np.testing.assert_array_equal(decode_bit_rle(encode_bit_rle(mask), mask.shape), mask)


def test_run_lengths_of_a_box_come_back():
    for mask in noise(30):
        if mask.any():
            np.testing.assert_array_equal(decode_box_rle(encode_box_rle(mask), mask.shape), mask)
    mask = np.zeros((4, 5), bool)
    mask[1, 2:4] = mask[2, 3] = True
    assert encode_box_rle(mask) == BoxMask(left=2, top=1, width=2, height=2, rle="0, 2, 1, 1")


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        (BoxMask(4, 0, 2, 1, "0, 2"), "does not lie in the photo of 4 x 5"),
        (BoxMask(0, 0, 0, 1, ""), "does not lie"),
        (BoxMask(0, 0, 2, 1, "0, 3"), "add up to 3 pixels, not 1 x 2"),
        (BoxMask(0, 0, 2, 1, "2;x"), "not a list of run lengths"),
        (BoxMask(0, 0, 2, 1, ""), "not a list of run lengths"),
    ],
)
def test_faults_in_run_lengths_of_a_box_are_named(stored, message):
    with pytest.raises(MasksError, match=message):
        decode_box_rle(stored, (4, 5))
