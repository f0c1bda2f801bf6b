"""Run lengths: COCO's decode as COCO decodes them, and every fault is described."""

import json

import numpy as np
import pytest

from ovseg_jax.foundation.errors import MasksError
from ovseg_jax.masks.rle import decode_rle
from tests.masks.drawn import ENTRIES, MASKS, packed, read, store, unpacked


@pytest.mark.parametrize("seed", range(20))
def test_run_lengths_decode_as_coco_decodes_them(seed):
    rng = np.random.default_rng(seed)
    mask = rng.random(rng.integers(1, 70, 2)) < rng.random()
    np.testing.assert_array_equal(decode_rle(packed(mask)), mask)
    np.testing.assert_array_equal(decode_rle(unpacked(mask)), mask)


@pytest.mark.parametrize(
    ("rle", "message"),
    [
        ({"size": [2, 3], "counts": [1, 2]}, "add up to 3 pixels, not 2 x 3 = 6"),
        ({"size": [2, 3], "counts": [9, -3]}, "holds the run -3, and runs are never negative"),
        ({"size": [2, 3]}, "'counts' is NoneType"),
        ({"size": [2, 3], "counts": [1.0, 5.0]}, "'counts' is list"),
        ({"size": [2, 3], "counts": [True, 5]}, "'counts' is list"),
        ({"size": [2], "counts": [6]}, "'size' is"),
        ({"size": [2, -3], "counts": [6]}, "'size' is"),
        ({"size": ["2", 3], "counts": [6]}, "'size' is"),
        ({"size": [2, 3], "counts": "\x00\x01"}, "character"),
        ({"size": [2, 3], "counts": "\ud800"}, "add up|character"),
        ({"size": [2, 3], "counts": "P"}, "middle of a number"),
        ({"size": [2, 3], "counts": "o" * 10**6}, "more than 60 bits"),
    ],
)
def test_faulty_run_lengths_are_described(rle, message):
    with pytest.raises(MasksError, match=message):
        decode_rle(rle)


def test_run_lengths_of_a_box_are_recognised(tmp_path):
    """CVAT's own run lengths cover the box of a mask, not the photo."""
    path = store(tmp_path / "a.json", [{"size": [6, 9], "counts": [3, 4, 3]}])
    with pytest.raises(MasksError, match=r"add up to 10 pixels, not 6 x 9 = 54; .*CVAT"):
        read(path)


def test_width_before_height_is_recognised(tmp_path):
    path = store(tmp_path / "a.json", [{"size": [9, 6], "counts": [54]}])
    with pytest.raises(MasksError, match=r"'size' is \[9, 6\].*\[height, width\] \[6, 9\].*swap"):
        read(path)


def test_huge_sizes_are_refused_before_they_are_decoded(tmp_path):
    path = store(tmp_path / "a.json", [{"size": [10**9, 10**9], "counts": [10**18]}])
    with pytest.raises(MasksError, match=r"a\.json \[0\]: is 1000000000 x 1000000000"):
        read(path)


def test_more_masks_than_fit_are_refused_before_they_are_drawn(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps([ENTRIES[0]] * 10_001))
    with pytest.raises(MasksError, match="10001 masks"):
        read(path)


def test_masks_that_cover_nothing_or_are_there_twice_are_kept_with_a_warning(tmp_path):
    odd = [packed(MASKS[0]), packed(MASKS[0]), packed(MASKS[0] & False)]
    path = store(tmp_path / "a.json", odd)
    with pytest.warns() as caught:
        assert read(path).masks.sum((1, 2)).tolist() == [15, 15, 0]
    told = " ".join(str(warning.message) for warning in caught)
    assert "1 of 3 masks cover no pixel: a.json [2]" in told
    assert "a.json [1] equals a.json [0]" in told
