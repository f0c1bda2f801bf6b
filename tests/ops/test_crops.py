"""Crops around masks equal cutting out and resizing, though their boxes are data."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.ops.images.resize import resize
from ovseg_jax.ops.masks import crops

IMAGE = jax.random.normal(jax.random.key(0), (20, 30, 3))


def rectangle(top, left, bottom, right):
    return jnp.zeros((20, 30), bool).at[top:bottom, left:right].set(True)


def test_boxes_are_tight_and_those_of_empty_masks_are_empty():
    masks = jnp.stack([rectangle(3, 5, 9, 6), rectangle(0, 0, 20, 30), rectangle(0, 0, 0, 0)])
    assert crops.mask_boxes(masks).tolist() == [[3, 5, 9, 6], [0, 0, 20, 30], [0, 0, 0, 0]]


def test_boxes_grow_about_their_centre_and_stop_at_the_picture():
    boxes = jnp.array([[8, 10, 12, 20], [0, 0, 10, 10]])
    assert crops.expand_boxes(boxes, 1.0, (20, 30)).tolist() == boxes.tolist()
    assert crops.expand_boxes(boxes, 1.5, (20, 30)).tolist() == [[7, 7, 13, 22], [0, 0, 12, 12]]
    assert crops.expand_boxes(boxes, 9.0, (20, 25)).tolist() == [[0, 0, 20, 25], [0, 0, 20, 25]]


@pytest.mark.parametrize("box", [(3, 5, 15, 21), (0, 0, 20, 30), (7, 9, 8, 11), (19, 29, 20, 30)])
@pytest.mark.parametrize("size", [6, 33])
def test_a_crop_is_the_cut_out_resized_bicubically(box, size):
    top, left, bottom, right = box
    got = crops.crop_and_resize(IMAGE, None, jnp.array(box), size)
    cut = IMAGE[None, top:bottom, left:right]
    want = resize(cut, (size, size), method="bicubic")[0]
    np.testing.assert_allclose(got, want, atol=1e-5)


@pytest.mark.parametrize("outside", [0.0, jnp.array([-1.0, 2.0, 0.5])])
def test_what_lies_outside_the_mask_takes_a_colour_before_resizing(outside):
    mask = jax.random.bernoulli(jax.random.key(1), 0.5, (20, 30))
    box = jnp.array([2, 3, 17, 29])
    got = crops.crop_and_resize(IMAGE, mask, box, 9, outside)
    want = crops.crop_and_resize(jnp.where(mask[..., None], IMAGE, outside), None, box, 9)
    np.testing.assert_allclose(got, want, atol=1e-6)


def test_many_masks_are_cropped_at_once_with_or_without_their_surroundings():
    masks = jnp.stack([rectangle(3, 5, 9, 12), rectangle(0, 0, 0, 0)])
    boxes = crops.mask_boxes(masks)
    filled = crops.crop_masks(IMAGE, masks, boxes, 8)
    kept = crops.crop_masks(IMAGE, masks, boxes, 8, outside=None)
    assert filled.shape == kept.shape == (2, 8, 8, 3)
    np.testing.assert_allclose(filled[0], kept[0], atol=1e-6)  # the mask fills its box
    assert (filled[1] == 0).all() and jnp.isfinite(kept).all()
