"""Hard masks at the photo's size: exact, and the same formulas as for soft masks."""

import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.inference.postprocess import overlaps as hard
from ovseg_jax.inference.postprocess.geometry import Frame, as_logits
from ovseg_jax.inference.postprocess.panoptic import PanopticRules, assemble, panoptic_segments
from ovseg_jax.inference.postprocess.semantic import semantic_labels


@pytest.fixture
def masks():
    """Overlapping rectangles, one of them empty, on 40 x 50 pixels."""
    rng = np.random.default_rng(0)
    masks = np.zeros((11, 40, 50), bool)
    for mask in masks[:-1]:
        top, left = rng.integers(0, 25, 2)
        mask[top : top + rng.integers(4, 15), left : left + rng.integers(4, 25)] = True
    return masks


@pytest.fixture
def probabilities():
    return np.random.default_rng(1).dirichlet(np.full(6, 0.3), 11).astype(np.float32)


def test_patterns_give_the_masks_back(masks):
    patterns = hard.find_patterns(masks)
    np.testing.assert_array_equal(np.moveaxis(patterns.members[patterns.index], -1, 0), masks)
    assert patterns.counts.sum() == 40 * 50
    np.testing.assert_array_equal(
        patterns.counts, np.bincount(patterns.index.ravel(), minlength=len(patterns.counts))
    )


def test_labels_are_those_of_the_soft_formula(masks, probabilities):
    labels, scores = hard.label_pixels(probabilities[:, :-1], hard.find_patterns(masks))
    log_probs = jnp.log(jnp.asarray(probabilities))
    frame = Frame.plain(40, 50)
    soft, sums = semantic_labels(log_probs, as_logits(jnp.asarray(masks)), frame)
    covered = masks.any(0)
    np.testing.assert_array_equal(labels[covered], np.asarray(soft)[covered])
    np.testing.assert_allclose(scores[covered], np.minimum(sums, 1)[covered], atol=1e-5)
    assert (labels[~covered] == -1).all() and (scores[~covered] == 0).all()


def test_panoptic_claims_are_those_of_the_soft_formula(masks, probabilities):
    log_probs = jnp.log(jnp.asarray(probabilities))
    is_thing, rules = np.arange(5) < 3, PanopticRules(overlap_threshold=0.5)
    soft_masks, frame = as_logits(jnp.asarray(masks)), Frame.plain(40, 50)
    soft = panoptic_segments(log_probs, soft_masks, frame, is_thing, rules)
    keep = probabilities.argmax(-1) != 5
    labels, scores = probabilities.argmax(-1)[keep], probabilities.max(-1)[keep]
    claims = hard.claim_pixels(scores, hard.find_patterns(masks[keep]))
    ours = assemble(claims, labels, scores, is_thing, rules)
    np.testing.assert_array_equal(ours.segment_ids, soft.segment_ids)
    np.testing.assert_array_equal(ours.info, soft.info)


def test_of_two_equal_scores_the_smaller_mask_wins():
    masks = np.zeros((2, 4, 4), bool)
    masks[0], masks[1, :2] = True, True
    claims = hard.claim_pixels(np.array([0.5, 0.5]), hard.find_patterns(masks))
    np.testing.assert_array_equal(claims.owner[:, 0], [1, 1, 0, 0])


def test_no_mask_and_empty_masks_claim_nothing():
    for masks in (np.zeros((0, 3, 4), bool), np.zeros((2, 3, 4), bool)):
        patterns = hard.find_patterns(masks)
        labels, _ = hard.label_pixels(np.full((len(masks), 2), 0.5), patterns)
        assert (labels == -1).all()
        assert not hard.claim_pixels(np.full(len(masks), 0.5), patterns).solid.any()


def test_the_first_of_overlapping_instances_lies_on_top():
    masks = np.zeros((2, 4, 4), bool)
    masks[0, 1:], masks[1, :3] = True, True
    np.testing.assert_array_equal(hard.top_masks(masks, np.array([1, 0]))[:, 0], [1, 1, 1, 2])
