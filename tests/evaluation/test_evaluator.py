"""The evaluation pass: padding adds nothing, states add up, perfect answers score one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.evaluation.evaluator import (
    Outcome,
    add_states,
    class_groups,
    evaluate,
    truth_map,
)
from ovseg_jax.evaluation.mask_accuracy import MaskAccuracy
from ovseg_jax.evaluation.panoptic import PanopticEvaluator
from ovseg_jax.evaluation.semantic import SemanticEvaluator
from ovseg_jax.foundation.typing import Batch, Proposals
from ovseg_jax.ops.masks.of_ids import masks_from_ids

SEEN = np.array([True, True, False, False])
THING = np.array([True, False, True, False])
EVALUATORS = {
    "masks": MaskAccuracy(SEEN, THING),
    "semantic": SemanticEvaluator(SEEN, THING),
    "panoptic": PanopticEvaluator(SEEN, THING),
}


def scene(seed, images=3, slots=5):
    """Images of 12 x 12 in vertical stripes of random classes; some void, one slot unused."""
    rng = np.random.default_rng(seed)
    ids = np.repeat(np.arange(slots), 3)[None, None, 2:14].repeat(images, 0).repeat(12, 1)
    labels = rng.integers(0, 4, (images, slots))
    labels[:, -1] = -1
    return Batch(
        images=jnp.zeros((images, 12, 12, 3), jnp.uint8),
        sizes=jnp.full((images, 2), 12),
        segment_ids=jnp.asarray(ids),
        labels=jnp.asarray(labels),
        valid=jnp.ones(images, bool),
    )


def judge(batch, wrong=0):
    """Classifies the true masks; classes are shifted by `wrong`. Two class slots are padding."""
    answer = jnp.where(batch.labels >= 0, (batch.labels + wrong) % 4, 6)
    log_probs = jnp.log(0.9 * jax.nn.one_hot(answer, 7) + 0.01).at[..., 4:6].set(-jnp.inf)
    masks = masks_from_ids(batch.segment_ids, batch.labels.shape[1])
    proposals = Proposals(masks=masks, valid=batch.labels >= 0)
    return Outcome(batch=batch, proposals=proposals, log_probs=log_probs, mask_labels=batch.labels)


def test_perfect_answers_score_one_everywhere():
    table, images = evaluate(EVALUATORS, judge, [scene(0), scene(1)])
    assert images == 6
    for name in ("masks/accuracy", "semantic/mIoU", "semantic/pACC", "panoptic/PQ"):
        assert table[name] == pytest.approx(1.0), name
    assert table["masks/class_accuracy/stuff_unseen"] == pytest.approx(1.0)


def test_wrong_answers_score_zero():
    table, _ = evaluate(EVALUATORS, lambda batch: judge(batch, wrong=1), [scene(0)])
    for name in ("masks/accuracy", "semantic/mIoU", "panoptic/PQ"):
        assert table[name] == 0.0, name


def test_images_that_fill_up_a_batch_add_nothing():
    batch = scene(2)
    padded = batch.replace(valid=jnp.array([True, True, False]))
    alone = jax.tree.map(lambda leaf: leaf[:2], batch)

    def half_wrong(batch):
        outcome, other = judge(batch), judge(batch, wrong=1)
        pick = (jnp.arange(batch.labels.shape[1]) % 2 == 0)[None, :, None]
        return outcome.replace(log_probs=jnp.where(pick, outcome.log_probs, other.log_probs))

    with_padding, images = evaluate(EVALUATORS, half_wrong, [padded])
    without, _ = evaluate(EVALUATORS, half_wrong, [alone])
    assert images == 2
    assert 0 < without["semantic/mIoU"] < 1
    np.testing.assert_equal(with_padding, without)


def test_states_of_two_shards_add_up_to_the_whole():
    for evaluator in EVALUATORS.values():
        one = evaluator.update(evaluator.init(), judge(scene(0)))
        two = evaluator.update(evaluator.init(), judge(scene(1), wrong=1))
        both = evaluator.update(one, judge(scene(1), wrong=1))
        summed = one + two if isinstance(evaluator, PanopticEvaluator) else add_states(one, two)
        np.testing.assert_equal(evaluator.result(summed), evaluator.result(both))


def test_the_limit_of_images_cuts_the_batch_in_which_it_falls():
    table, images = evaluate(EVALUATORS, judge, [scene(0), scene(1), scene(2)], max_images=4)
    assert images == 4
    assert table["masks/masks"] == 4 * 4
    first = jax.tree.map(lambda leaf: leaf[:1], scene(1))
    expected, _ = evaluate(EVALUATORS, judge, [scene(0), first])
    np.testing.assert_equal(table, expected)


def test_void_never_beats_a_class_in_mask_accuracy():
    outcome = judge(scene(0))
    doubtful = outcome.replace(log_probs=outcome.log_probs.at[..., -1].set(5.0))
    evaluator = EVALUATORS["masks"]
    assert evaluator.result(evaluator.update(evaluator.init(), doubtful))["accuracy"] == 1.0


def test_the_truth_map_knows_void_and_invalid_images():
    batch = scene(0).replace(valid=jnp.array([True, False, True]))
    truth = np.asarray(truth_map(batch))
    assert (truth[1] == -1).all() and (truth[0, :, 0] == -1).all()
    assert (truth[0, :, 1] == int(batch.labels[0, 0])).all()


def test_groups_without_a_class_are_left_out():
    groups = class_groups(np.array([True, True]), np.array([True, False]))
    assert set(groups) == {"seen", "things", "stuff", "things_seen", "stuff_seen"}
