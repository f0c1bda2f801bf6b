"""Mask AP through pycocotools."""

import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.evaluation.instance import STATS, ImageInstances, InstanceEvaluator, mask_ap


def image(masks, classes, found, found_classes, scores):
    return ImageInstances(
        true_masks=masks,
        true_classes=np.array(classes),
        crowds=np.zeros(len(classes), bool),
        masks=found,
        classes=np.array(found_classes),
        scores=np.array(scores),
    )


@pytest.fixture
def masks():
    masks = np.zeros((2, 40, 50), bool)
    masks[0, :20], masks[1, 25:, :30] = True, True
    return masks


def test_perfect_instances_score_one(masks):
    result = mask_ap([image(masks, [0, 1], masks, [0, 1], [0.9, 0.8])], classes=range(2))
    assert dict(zip(STATS, result.stats, strict=True))["AP"] == pytest.approx(1.0)
    np.testing.assert_allclose(result.per_class(), 1.0)


def test_a_class_without_truth_is_nan_and_nothing_found_is_zero(masks):
    nothing = np.zeros((0, 40, 50), bool)
    result = mask_ap([image(masks, [0, 0], nothing, [], [])], classes=range(2))
    assert result.stats[0] == 0.0
    np.testing.assert_array_equal(np.isnan(result.per_class()), [False, True])


def outcome(masks, log_probs, segment_ids, labels, valid=True):
    from ovseg_jax.evaluation.evaluator import Outcome
    from ovseg_jax.foundation.typing import Batch, Proposals

    size = segment_ids.shape
    batch = Batch(
        images=jnp.zeros((1, *size, 3), jnp.uint8),
        sizes=jnp.array([size]),
        segment_ids=jnp.asarray(segment_ids)[None],
        labels=jnp.asarray(labels)[None],
        valid=jnp.array([valid]),
    )
    proposals = Proposals(masks=jnp.asarray(masks)[None], valid=jnp.ones((1, len(masks)), bool))
    return Outcome(
        batch=batch,
        proposals=proposals,
        log_probs=jnp.asarray(log_probs)[None],
        mask_labels=jnp.full((1, len(masks)), -1),
    )


def test_the_evaluator_scores_things_only_and_joins_batches(masks):
    ids = (masks[0] + 2 * masks[1]).astype(np.int32)
    sure = np.log(np.array([[0.9, 0.05, 0.03, 0.02], [0.05, 0.9, 0.03, 0.02]], np.float32))
    evaluator = InstanceEvaluator(
        seen=np.array([True, False, True]), is_thing=np.array([True, True, False]), top=10
    )
    right = outcome(masks, sure, ids, [0, 1])
    table = evaluator.result(evaluator.update(evaluator.init(), right))
    assert table["AP"] == pytest.approx(1.0) and table["AP/unseen"] == pytest.approx(1.0)
    wrong = outcome(masks[::-1], sure, ids, [0, 1])
    state = evaluator.update(evaluator.update(evaluator.init(), right), wrong)
    assert len(state.sizes) == 2 and 0 < evaluator.result(state)["AP"] < 1
    # Stuff is no truth, and pictures that fill up a batch do not count.
    stuff = outcome(masks, sure, ids, [0, 2])
    assert evaluator.result(evaluator.update(evaluator.init(), stuff))["AP/seen"] == pytest.approx(
        1.0
    )
    padding = outcome(masks, sure, ids, [0, 1], valid=False)
    assert evaluator.update(evaluator.init(), padding).sizes == ()


def test_masks_over_a_smaller_grid_are_resized(masks):
    ids = (masks[0] + 2 * masks[1]).astype(np.int32)
    sure = np.log(np.array([[0.9, 0.05, 0.05], [0.05, 0.9, 0.05]], np.float32))
    logits = np.where(masks[:, 2::5, 2::5], 9.0, -9.0).astype(np.float32)
    evaluator = InstanceEvaluator(np.array([True, True]), np.array([True, True]))
    table = evaluator.result(evaluator.update(evaluator.init(), outcome(logits, sure, ids, [0, 1])))
    assert table["AP50"] == pytest.approx(1.0)
