"""Holes are filled and islands removed by size; diagonal neighbours belong together."""

import numpy as np

from ovseg_jax.ops.masks.specks import without_specks


def scene():
    mask = np.zeros((20, 20), bool)
    mask[2:12, 2:12] = True
    mask[4, 4] = mask[7:9, 7:9] = False  # holes of 1 and 4 pixels
    mask[15, 15] = mask[16, 16] = True  # an island of 2 that touch at a corner
    return mask


def test_only_what_is_smaller_goes():
    assert (without_specks(scene(), 1) == scene()).all()
    two = without_specks(scene(), 2)
    assert two[4, 4] and not two[7, 7] and two[15, 15]
    five = without_specks(scene(), 5)
    assert five[2:12, 2:12].all() and five.sum() == 100


def test_the_largest_island_stays_whatever_its_size():
    mask = np.zeros((9, 9), bool)
    mask[1, 1:3] = mask[5, 5:8] = True
    kept = without_specks(mask, 50)
    assert kept.sum() == 3 and kept[5, 5:8].all()


def test_a_photo_without_mask_stays_empty():
    assert not without_specks(np.zeros((4, 4), bool), 3).any()
