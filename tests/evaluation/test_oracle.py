"""Names from the truth: paired one to one, or of the nearest true mask."""

import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.evaluation.oracle import true_labels, true_log_probs
from ovseg_jax.foundation.typing import Batch, Proposals

ROAD, CAR, SLOTS = 4, 7, 9
IDS = np.zeros((1, 8, 8), np.int32)
IDS[:, 4:], IDS[:, 4:, 5:] = 1, 2  # a road below, a car on its right


def truth(labels=(ROAD, CAR, -1)) -> Batch:
    return Batch(
        images=jnp.zeros((1, 8, 8, 3)),
        sizes=jnp.array([[8, 8]]),
        segment_ids=jnp.asarray(IDS),
        labels=jnp.array([labels]),
    )


def rectangles(*sides, valid=None) -> Proposals:
    masks = np.zeros((1, len(sides), 8, 8), bool)
    for own, (top, left, bottom, right) in zip(masks[0], sides, strict=True):
        own[top:bottom, left:right] = True
    valid = np.ones(len(sides), bool) if valid is None else np.array(valid)
    return Proposals(masks=jnp.asarray(masks), valid=jnp.asarray(valid)[None])


GOOD_ROAD, LEFT_OF_ROAD, SKY, THE_CAR = (4, 0, 8, 5), (4, 0, 8, 2), (0, 0, 3, 8), (4, 5, 8, 8)


def test_true_masks_get_their_own_names():
    for rule in ("matched", "nearest"):
        assert true_labels(truth(), rectangles(THE_CAR, GOOD_ROAD), rule).tolist() == [[CAR, ROAD]]


def test_of_two_masks_of_one_thing_only_the_better_is_paired():
    masks = rectangles(LEFT_OF_ROAD, GOOD_ROAD)
    assert true_labels(truth(), masks, "matched").tolist() == [[-1, ROAD]]
    assert true_labels(truth(), masks, "nearest").tolist() == [[ROAD, ROAD]]


def test_pairing_looks_at_the_sum_and_nearest_at_each_alone():
    """The whole lower half is nearest to the road, but the other mask can only be the road."""
    masks = rectangles((4, 0, 8, 8), LEFT_OF_ROAD)
    assert true_labels(truth(), masks, "nearest").tolist() == [[ROAD, ROAD]]
    assert true_labels(truth(), masks, "matched").tolist() == [[CAR, ROAD]]


@pytest.mark.parametrize("rule", ["matched", "nearest"])
def test_what_overlaps_nothing_or_is_no_mask_has_no_name(rule):
    masks = rectangles(SKY, GOOD_ROAD, (0, 0, 0, 0), valid=[True, False, True])
    assert true_labels(truth(), masks, rule).tolist() == [[-1, -1, -1]]
    unlabelled = truth((-1, -1, -1))
    assert true_labels(unlabelled, rectangles(GOOD_ROAD), rule).tolist() == [[-1]]


@pytest.mark.parametrize("rule", ["matched", "nearest"])
def test_there_may_be_fewer_masks_than_true_ones(rule):
    assert true_labels(truth(), rectangles(THE_CAR), rule).tolist() == [[CAR]]


def test_soft_masks_are_cut_at_one_half():
    hard = rectangles(THE_CAR, GOOD_ROAD)
    soft = hard.replace(masks=jnp.where(hard.masks, 0.3, -0.3))
    assert true_labels(truth(), soft, "matched").tolist() == [[CAR, ROAD]]


def test_a_name_is_certain_and_void_takes_the_nameless():
    got = np.exp(true_log_probs(truth(), rectangles(THE_CAR, SKY), SLOTS, "matched"))[0]
    np.testing.assert_array_equal(got, np.eye(SLOTS + 1)[[CAR, SLOTS]])
