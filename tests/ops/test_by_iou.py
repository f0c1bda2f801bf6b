"""The matcher must choose what the loop over ground truth would, at random and in bounds."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from ovseg_jax.ops.matching.by_iou import binarise_logits, match_by_iou

KEY = jax.random.key(0)
RULES = ("one_per_truth", "every_pair", "hungarian")
run_matcher = jax.jit(match_by_iou, static_argnames=("threshold", "capacity", "rule"))


def match(ious, *, key=KEY, gt_valid=None, pred_valid=None, **options):
    ious = jnp.asarray(ious, jnp.float32)
    gt_valid = jnp.ones(ious.shape[1], bool) if gt_valid is None else jnp.asarray(gt_valid)
    pred_valid = jnp.ones(ious.shape[0], bool) if pred_valid is None else jnp.asarray(pred_valid)
    return run_matcher(ious, gt_valid=gt_valid, pred_valid=pred_valid, rng=key, **options)


def pairs(matches):
    columns = (matches.prediction, matches.truth, matches.valid)
    return [(int(p), int(t)) for p, t, v in zip(*columns, strict=True) if v]


def candidates_by_loop(ious, threshold, gt_valid, pred_valid):
    """For every usable true mask, the usable predictions above the threshold, as a loop."""
    result = {}
    for truth in range(ious.shape[1]):
        passing = [p for p in range(len(ious)) if ious[p, truth] > threshold and pred_valid[p]]
        if gt_valid[truth] and passing:
            result[truth] = passing
    return result


@pytest.mark.parametrize("seed", range(5))
def test_one_per_truth_picks_one_candidate_of_every_matched_truth(seed):
    rng = np.random.default_rng(seed)
    ious = rng.random((12, 6)).astype(np.float32)
    gt_valid, pred_valid = rng.random(6) < 0.8, rng.random(12) < 0.8
    candidates = candidates_by_loop(ious, 0.7, gt_valid, pred_valid)
    found = pairs(match(ious, gt_valid=gt_valid, pred_valid=pred_valid, key=jax.random.key(seed)))
    assert [truth for _, truth in found] == sorted(candidates)
    assert all(prediction in candidates[truth] for prediction, truth in found)


@pytest.mark.parametrize("seed", range(5))
def test_every_pair_keeps_all_pairs_that_fit(seed):
    rng = np.random.default_rng(seed)
    ious = rng.random((7, 4)).astype(np.float32)
    gt_valid, pred_valid = rng.random(4) < 0.8, rng.random(7) < 0.8
    candidates = candidates_by_loop(ious, 0.7, gt_valid, pred_valid)
    expected = [(p, truth) for truth, passing in candidates.items() for p in passing]
    options = {"gt_valid": gt_valid, "pred_valid": pred_valid, "rule": "every_pair"}
    assert pairs(match(ious, capacity=28, **options)) == expected


def draw_many(ious, count=3000, **options):
    """(prediction, truth, valid), each [count, capacity], one draw per key."""
    run = jax.jit(jax.vmap(lambda key: match(ious, key=key, **options)))
    result = run(jax.random.split(KEY, count))
    return tuple(np.asarray(a) for a in (result.prediction, result.truth, result.valid))


def test_the_pick_is_uniform_among_the_candidates():
    ious = np.array([[0.9], [0.1], [0.75], [0.8]])
    prediction, _, valid = draw_many(ious)
    assert valid[:, 0].all() and not valid[:, 1:].any()
    shares = np.bincount(prediction[:, 0], minlength=4) / len(prediction)
    np.testing.assert_allclose(shares, [1 / 3, 0, 1 / 3, 1 / 3], atol=0.035)  # 4 sigma


@pytest.mark.parametrize("rule", RULES)
def test_the_cap_keeps_a_uniform_subset(rule):
    prediction, truth, valid = draw_many(np.eye(6), capacity=2, rule=rule)
    assert valid.all()
    assert np.all(prediction == truth) and np.all(truth[:, 0] < truth[:, 1])
    subsets = np.bincount(truth[:, 0] * 6 + truth[:, 1], minlength=36)
    np.testing.assert_allclose(subsets[subsets > 0] / len(truth), 1 / 15, atol=0.02)
    assert np.count_nonzero(subsets) == 15


@pytest.mark.parametrize("rule", RULES)
def test_padding_comes_last_and_is_marked(rule):
    ious = np.zeros((5, 4))
    ious[3, 2] = 0.95
    result = match(ious, capacity=3, rule=rule)
    np.testing.assert_array_equal(result.valid, [True, False, False])
    np.testing.assert_array_equal(result.prediction, [3, 0, 0])
    np.testing.assert_array_equal(result.truth, [2, 0, 0])


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("hidden", ["gt_valid", "pred_valid"])
def test_nothing_valid_gives_nothing(rule, hidden):
    result = match(np.ones((4, 4)), rule=rule, **{hidden: np.zeros(4, bool)})
    assert not result.valid.any() and result.valid.shape == (8,)


@pytest.mark.parametrize("rule", RULES)
def test_more_capacity_than_pairs_is_padded(rule):
    result = match(np.ones((2, 1)), capacity=9, rule=rule)
    assert result.valid.shape == (9,)
    assert int(result.valid.sum()) == (2 if rule == "every_pair" else 1)


def test_one_prediction_may_serve_two_truths():
    assert pairs(match(np.full((1, 2), 0.9))) == [(0, 0), (0, 1)]


def test_the_code_excludes_the_threshold_and_the_paper_includes_it():
    ious = np.full((1, 1), 0.5)
    assert pairs(match(ious, threshold=0.5, rule="one_per_truth")) == []
    assert pairs(match(ious, threshold=0.5, rule="every_pair")) == [(0, 0)]


@pytest.mark.parametrize("rule", RULES)
def test_a_batch_under_jit_equals_image_by_image(rule):
    ious = jnp.asarray(np.random.default_rng(0).random((3, 9, 5)), jnp.float32)
    gt_valid, pred_valid = jnp.ones((3, 5), bool), jnp.ones((3, 9), bool)
    keys = jax.random.split(KEY, 3)

    def run(ious, gt_valid, pred_valid, key):
        return match_by_iou(ious, gt_valid=gt_valid, pred_valid=pred_valid, rng=key, rule=rule)

    batched = jax.jit(jax.vmap(run))(ious, gt_valid, pred_valid, keys)
    for index in range(3):
        alone = jax.jit(run)(ious[index], gt_valid[index], pred_valid[index], keys[index])
        for field in ("prediction", "truth", "valid"):
            np.testing.assert_array_equal(getattr(batched, field)[index], getattr(alone, field))


def test_the_result_passes_through_eval_shape():
    shape = jax.eval_shape(lambda: match(jnp.ones((3, 2)), capacity=5))
    assert shape.prediction.shape == shape.truth.shape == shape.valid.shape == (5,)


@pytest.mark.parametrize("probability", [0.4, 0.5])
def test_binarising_logits_equals_thresholding_the_sigmoid(probability):
    logits = jnp.asarray(np.random.default_rng(0).normal(size=(3, 8, 8)), jnp.float32)
    expected = jax.nn.sigmoid(logits) >= probability
    np.testing.assert_array_equal(binarise_logits(logits, probability), expected)
    assert not expected.all() and expected.any()


def test_a_logit_of_zero_is_inside_at_one_half():
    assert bool(binarise_logits(jnp.zeros((1, 1)), 0.5)[0, 0])


@pytest.mark.parametrize(
    ("options", "message"), [({"rule": "greedy"}, "greedy"), ({"capacity": 0}, "capacity=0")]
)
def test_impossible_requests_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        match(np.ones((2, 2)), **options)


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_a_threshold_that_cannot_divide_is_refused(probability):
    with pytest.raises(ValueError, match="strictly between"):
        binarise_logits(jnp.zeros((1, 1)), probability)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5)])
def test_one_to_one_has_the_largest_sum(shape):
    ious = np.random.default_rng(0).uniform(size=shape).astype(np.float32)
    found = match_by_iou(
        jnp.asarray(ious),
        gt_valid=jnp.arange(shape[1]) != 1,
        pred_valid=jnp.arange(shape[0]) != 0,
        rng=jax.random.key(0),
        threshold=0.0,
        capacity=6,
        rule="hungarian",
    )
    rows, columns = np.arange(shape[0])[1:], np.delete(np.arange(shape[1]), 1)
    best = linear_sum_assignment(-ious[1:][:, columns])
    want = {(int(columns[c]), int(rows[r])) for r, c in zip(*best, strict=True)}
    pairs = zip(np.asarray(found.truth), np.asarray(found.prediction), strict=True)
    kept = np.asarray(found.valid)
    assert {pair for pair, ok in zip(pairs, kept, strict=True) if ok} == want
    assert kept.sum() == len(want) == min(len(rows), len(columns))
