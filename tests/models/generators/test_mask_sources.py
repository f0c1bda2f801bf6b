"""Ground truth and perturbed ground truth as mask sources."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.foundation.typing import Batch
from ovseg_jax.models.generators.ground_truth import GroundTruthMasks
from ovseg_jax.models.generators.perturbed import PerturbedMasks, warp, warp_strength


def batch_of(ids, labels) -> Batch:
    ids = jnp.asarray(ids, jnp.int32)
    images = jnp.zeros((*ids.shape, 3), jnp.uint8)
    sizes = jnp.tile(jnp.array(ids.shape[1:]), (len(ids), 1))
    return Batch(images=images, sizes=sizes, segment_ids=ids, labels=jnp.asarray(labels))


def discs(side=96, count=4, seed=0):
    """An image of `count` discs of many sizes that do not overlap much."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side]
    ids = np.zeros((side, side), np.int64)
    for i in range(count):
        row, column = (0.25 + 0.5 * (i // 2)) * side, (0.25 + 0.5 * (i % 2)) * side
        radius = np.exp(rng.uniform(np.log(8), np.log(22)))
        ids[(rows - row) ** 2 + (columns - column) ** 2 < radius**2] = i + 1
    return ids


def test_ground_truth_gives_one_hard_mask_per_labelled_id():
    proposals = GroundTruthMasks().propose(batch_of([[[0, 1], [2, 3]]], [[5, -1, 7, 0]]))
    assert proposals.masks.dtype == jnp.bool_
    assert proposals.valid.tolist() == [[True, False, True, False]]  # 2 unlabelled, 4 absent
    assert proposals.masks.sum((2, 3)).tolist() == [[1, 0, 1, 0]]
    assert proposals.masks[0, 2].tolist() == [[False, False], [False, True]]


@pytest.fixture(scope="module")
def scenes():
    images = [discs(seed=seed) for seed in range(24)]
    return batch_of(np.stack(images), np.tile([0, 1, 2, 3, -1], (24, 1)))


def mean_iou(source, batch, seed=0):
    proposals = jax.jit(source.propose)(batch, jax.random.key(seed))
    truth = GroundTruthMasks().propose(batch).masks[:, :, 2::4, 2::4]
    truth = jnp.tile(truth, (1, source.copies, 1, 1))
    predicted = proposals.masks > 0
    iou = (predicted & truth).sum((2, 3)) / jnp.maximum((predicted | truth).sum((2, 3)), 1)
    return float(iou[proposals.valid].mean()), proposals


@pytest.mark.parametrize("aim", [0.8, 0.67])
def test_perturbed_masks_have_about_the_iou_aimed_at(scenes, aim):
    got, _ = mean_iou(PerturbedMasks(iou=aim), scenes)
    assert got == pytest.approx(aim, abs=0.06)


def test_an_aim_of_one_leaves_the_masks_alone(scenes):
    got, proposals = mean_iou(PerturbedMasks(iou=1.0, gain=4.0), scenes)
    assert got > 0.93  # the grid at stride 4 only
    assert proposals.masks.max() == 4 and proposals.masks.min() == -4


def test_masks_are_logits_at_stride_four_and_differ_between_keys_and_copies(scenes):
    source = PerturbedMasks(iou=0.7, copies=2)
    _, first = mean_iou(source, scenes, seed=0)
    _, second = mean_iou(source, scenes, seed=1)
    assert first.masks.shape == (24, 10, 24, 24)
    assert first.valid.tolist() == [[True] * 4 + [False] + [True] * 4 + [False]] * 24
    assert jnp.abs(first.masks - second.masks).max() > 1
    assert jnp.abs(first.masks[:, :4] - first.masks[:, 5:9]).max() > 1
    assert (first.masks[:, 4] < 0).all()  # unused slots are empty


def test_perturbation_does_not_favour_large_masks():
    """Shift, stretch and bend scale with the mask: big and small lose about the same IoU."""
    rows, columns = np.mgrid[:96, :96]
    keys = jax.random.split(jax.random.key(0), 200)
    means = []
    for radius in (10, 30):
        mask = jnp.float32((rows - 48) ** 2 + (columns - 48) ** 2 < radius**2)
        warped = jax.jit(jax.vmap(lambda key, m=mask: warp(key, m, warp_strength(0.7))))(keys) > 0.5
        truth = mask > 0.5
        iou = (warped & truth).sum((1, 2)) / (warped | truth).sum((1, 2))
        means.append(float(iou.mean()))
    assert abs(means[0] - means[1]) < 0.04


@pytest.mark.parametrize("fields", [{"iou": 0.1}, {"iou": 1.2}, {"copies": 0}])
def test_impossible_settings_are_named(fields):
    with pytest.raises(ValueError, match=f"masks.{next(iter(fields))}"):
        PerturbedMasks(**fields)
