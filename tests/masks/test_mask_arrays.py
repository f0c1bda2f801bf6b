"""Masks in memory: every form that stands for the same masks, and what is refused."""

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from ovseg_jax.foundation.errors import MasksError, OvsegWarning
from ovseg_jax.masks.arrays import hard_masks

SIZE = 6, 8
MASKS = np.zeros((3, *SIZE), bool)
MASKS[0, :2, :3] = MASKS[1, 3:, 4:] = MASKS[2, 2, 1:5] = True
FIRST = MASKS[:1]
IDS = MASKS[0] * 1 + MASKS[1] * 2 + MASKS[2] * 7


@pytest.mark.parametrize(
    "same",
    [
        MASKS,
        jnp.asarray(MASKS),
        MASKS.astype(np.uint8),
        MASKS.astype(np.uint8) * 255,
        MASKS.astype(np.float32),
        MASKS.astype(jnp.bfloat16),
        list(MASKS),
        tuple(mask[..., None].astype(np.uint8) for mask in MASKS),
        [mask[None] for mask in MASKS],
        [MASKS[0], MASKS[1].astype(np.uint8) * 255, MASKS[2] * 1.0],
        [{"segmentation": mask, "area": 1} for mask in MASKS],
        [Image.fromarray(mask) for mask in MASKS],
        MASKS[:, None],
        MASKS[..., None],
        MASKS[None],
        IDS,
        IDS.astype(np.uint8),
        jnp.asarray(IDS),
    ],
)
def test_the_same_masks_in_many_forms(same):
    found = hard_masks(same, SIZE)
    assert found.dtype == bool
    np.testing.assert_array_equal(found, MASKS)


@pytest.mark.parametrize(
    "same",
    [
        MASKS[0],
        MASKS[0].astype(np.uint8),
        MASKS[0].astype(np.uint8) * 255,
        MASKS[0] * 1.0,
        MASKS[0] * 3,
        MASKS[0][..., None],
        [MASKS[0]],
        Image.fromarray(MASKS[0]),
    ],
)
def test_one_mask_in_many_forms(same):
    np.testing.assert_array_equal(hard_masks(same, SIZE), FIRST)


@pytest.mark.parametrize("empty", [[], (), np.zeros((0, *SIZE), bool), np.zeros((0, *SIZE))])
def test_no_masks(empty):
    assert hard_masks(empty, SIZE).shape == (0, *SIZE)


def test_empty_and_full_masks_stay():
    given = np.stack([np.zeros(SIZE, np.uint8), np.ones(SIZE, np.uint8)])
    np.testing.assert_array_equal(hard_masks(given, SIZE), given.astype(bool))
    assert not hard_masks(np.zeros(SIZE, bool), SIZE).any()


def test_255_beside_ids_is_no_mask():
    ids = IDS.copy()
    ids[5, 0] = 255
    with pytest.warns(OvsegWarning, match="255 beside the ids 1, 2, 7 is read as border"):
        np.testing.assert_array_equal(hard_masks(ids, SIZE), MASKS)


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        (np.zeros((2, 6, 9), bool), "masks are 9 x 6 pixels and the photo, upright, is 8 x 6"),
        (np.zeros((2, 8, 6), bool), "turned on its side"),
        ([MASKS[0], MASKS[1][:, 1:]], r"masks\[1\] are 7 x 6 pixels"),
        (np.moveaxis(MASKS, 0, -1), r"the order \[H, W, masks\]; pass np.moveaxis\(masks, -1, 0\)"),
        (MASKS * 0.7, r"values such as 0, 0.7, .*\(masks > 0.5\)"),
        (np.full(SIZE, 0.3), "such as 0.3"),
        ([MASKS[0], MASKS[1] * 0.5], r"masks\[1\]: holds values such as 0, 0.5"),
        (np.full((1, *SIZE), np.nan), "such as nan"),
        (MASKS * np.arange(1, 4)[:, None, None], "pass ids as a label map"),
        (IDS - 1, "negative"),
        (IDS.astype(np.float32), r"whole numbers 0, 1, .* float32; .*masks.astype\(np.int32\)"),
        (np.ma.masked_array(MASKS, ~MASKS), r"a masked array; .*masks.filled\(0\)"),
        ([[0, 1], [1, 0]], r"masks\[0\]: has shape \[2\]"),
        (np.zeros((1, 2, 3, 4, 5)), r"shape \[1, 2, 3, 4, 5\]; pass \[masks, H, W\]"),
        ("masks.json", "type str, not an array"),
        (None, "type NoneType"),
        (["a.png"], r"masks\[0\]: is of type str"),
        ([{"counts": "abc", "size": [6, 8]}], r"masks\[0\]: holds \['counts', 'size'\]"),
        (np.array([["a"]]), "values of type <U1"),
        ({"masks": MASKS}, "type dict"),
    ],
)
def test_what_are_no_masks_is_refused_with_a_word_on_what_to_pass(masks, message):
    with pytest.raises(MasksError, match=message):
        hard_masks(masks, SIZE)
