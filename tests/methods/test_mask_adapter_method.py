"""Mask-Adapter as a method: pooling by maps, and its two losses slot by slot."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from tiny_scene import (
    IMAGES,
    initialise,
    quick_jit,
    run,
    tiny_batch,
    tiny_clip,
    tiny_method,
    tiny_proposals,
    tiny_text,
)

from ovseg_jax.config import MaskAdapterConfig
from ovseg_jax.foundation.typing import Proposals
from ovseg_jax.methods.mask_adapter import MaskAdapter
from ovseg_jax.methods.mixed_masks import (
    gather_pairs,
    match_by_costs,
    predicted_coverage,
    truth_at,
)
from ovseg_jax.ops.images.resize import resize_masks
from ovseg_jax.ops.masks.of_ids import masks_from_ids

BATCH, TEXT = tiny_batch(), tiny_text()
PROPOSALS = tiny_proposals(BATCH)
KEY = jax.random.key(0)
TRUTH, MATCHED = 7, 3


def make_method(head="mlp", **fields) -> MaskAdapter:
    sizes = dict(num_maps=3, width=8, mask_width=8, num_blocks=1, has_void=True)
    return tiny_method(
        MaskAdapterConfig(num_truth=TRUTH, num_matched=MATCHED, **sizes | fields), tiny_clip(head)
    )


METHOD = make_method(phase="mixed")


@pytest.fixture(scope="module")
def variables():
    return initialise(METHOD, BATCH, PROPOSALS, TEXT)


@pytest.fixture(scope="module")
def features(variables):
    return run(METHOD, variables, "encode_batch", BATCH)


@pytest.mark.parametrize("head", ["mlp", "linear"])
def test_averaging_before_the_last_linear_map_changes_nothing(head):
    method = make_method(head)
    variables = initialise(method, BATCH, PROPOSALS, TEXT)
    features = run(method, variables, "encode_batch", BATCH)
    masks = masks_from_ids(BATCH.segment_ids, 4)
    fast = run(method, variables, "embed_masks", features, masks)
    plain = run(method, variables, "embed_masks_plainly", features, masks)
    np.testing.assert_allclose(fast.maps, plain.maps, atol=1e-5)
    np.testing.assert_allclose(fast.embeddings, plain.embeddings, atol=2e-5)


def test_the_maps_are_returned_for_saving(variables, features):
    scores = run(METHOD, variables, "score", features, PROPOSALS, TEXT)
    grid = features.dense.shape[1:3]
    assert scores.regions.maps.shape == (IMAGES, PROPOSALS.masks.shape[1], 3, *grid)


def test_logits_are_cut_at_the_threshold_before_they_are_resized(variables, features):
    hard = Proposals(masks=jax.nn.sigmoid(PROPOSALS.masks) > 0.5, valid=PROPOSALS.valid)
    soft = run(METHOD, variables, "embed", features, PROPOSALS)
    np.testing.assert_array_equal(
        soft.embeddings, run(METHOD, variables, "embed", features, hard).embeddings
    )


def test_the_warm_up_is_the_cross_entropy_of_expanded_masks(variables, features):
    method = make_method(class_weight=3.0)
    loss, metrics = run(method, variables, "loss", BATCH, PROPOSALS, TEXT, KEY)
    truth, labels = run(method, variables, "sample_truth", BATCH, KEY)
    logits = run(method, variables, "score", features, truth, TEXT).logits
    rows = np.asarray(jax.nn.log_softmax(logits, axis=-1)).reshape(-1, 5)
    flat = np.asarray(labels).ravel()
    picked = [-row[label] for row, label in zip(rows, flat, strict=True) if label >= 0]
    np.testing.assert_allclose(loss, 3 * np.mean(picked), rtol=1e-4)
    right = [
        row[:-1].argmax() == label for row, label in zip(rows, flat, strict=True) if label >= 0
    ]
    np.testing.assert_allclose(metrics["mask_accuracy"], np.mean(right), rtol=1e-6)


def test_all_ground_truth_is_matched_not_only_what_was_drawn(variables):
    """With one slot for ground truth, other segments are still found by the matcher."""
    truth = truth_at(BATCH, PROPOSALS.masks.shape[-2:])
    pairs = run(METHOD, variables, "match", PROPOSALS, truth, KEY)
    expected = np.sort(np.asarray(truth.labels[0])[np.asarray(truth.labels[0]) >= 0])
    assert len(expected) > MATCHED  # the capacity is used up
    assert (pairs.labels[0] >= 0).all()
    hard = jax.nn.sigmoid(pairs.predicted) > 0.4
    overlap = (hard & (pairs.truth > 0.5)).sum((2, 3)) / (hard | (pairs.truth > 0.5)).sum((2, 3))
    assert (overlap[pairs.labels >= 0] > 0.7).all()


def test_hungarian_pairs_are_one_to_one_by_costs():
    """Of two equal masks the one with the right class is taken."""
    truth = truth_at(BATCH, PROPOSALS.masks.shape[-2:])
    slots = PROPOSALS.masks.shape[1]
    labels = jnp.pad(truth.labels, ((0, 0), (0, slots - truth.labels.shape[1])))
    right = 5.0 * jax.nn.one_hot(labels, 5)
    wrong = jnp.zeros_like(right).at[..., 3].set(5.0)  # a class slot that is empty
    proposals = Proposals(
        masks=jnp.concatenate([PROPOSALS.masks, PROPOSALS.masks], 1),
        valid=jnp.ones((IMAGES, 2 * slots), bool),
        class_logits=jnp.concatenate([wrong, right], 1),
    )
    matches = match_by_costs(BATCH, proposals, 16, KEY)
    for image in range(IMAGES):
        used = np.asarray(matches.valid[image])
        own = np.flatnonzero(np.asarray(truth.labels[image]) >= 0)
        np.testing.assert_array_equal(np.asarray(matches.truth[image])[used], own)
        np.testing.assert_array_equal(np.asarray(matches.prediction[image])[used], own + slots)
    few = match_by_costs(BATCH, proposals, 2, KEY)
    assert few.valid.all() and few.prediction.shape == (IMAGES, 2)


def test_hungarian_pairs_need_no_overlap():
    truth = truth_at(BATCH, PROPOSALS.masks.shape[-2:])
    empty = PROPOSALS.replace(
        masks=jnp.full_like(PROPOSALS.masks, -4.0),
        class_logits=jnp.zeros((*PROPOSALS.masks.shape[:2], 5)),
    )
    matches = match_by_costs(BATCH, empty, 16, KEY)
    np.testing.assert_array_equal(matches.valid.sum(1), (truth.labels >= 0).sum(1))
    for image in range(IMAGES):
        chosen = np.asarray(matches.prediction[image])[np.asarray(matches.valid[image])]
        assert len(set(chosen)) == len(chosen)
    assert not (gather_pairs(matches, empty, truth).predicted > 0).any()


def test_the_hungarian_rule_enters_the_loss_and_wants_classes(variables):
    method = make_method(phase="mixed", match_rule="mask2former")
    logits = jnp.zeros((*PROPOSALS.masks.shape[:2], 5))
    named = PROPOSALS.replace(class_logits=logits)
    _, metrics = run(method, variables, "loss", BATCH, named, TEXT, KEY)
    assert metrics["matched"] == MATCHED
    with pytest.raises(ValueError, match="these masks have none: use masks.kind 'generator'"):
        run(method, variables, "loss", BATCH, PROPOSALS, TEXT, KEY)


def test_invalid_predictions_and_unlabelled_segments_are_never_matched(variables):
    none = Proposals(masks=PROPOSALS.masks, valid=jnp.zeros_like(PROPOSALS.valid))
    truth = truth_at(BATCH, PROPOSALS.masks.shape[-2:])
    pairs = run(METHOD, variables, "match", none, truth, KEY)
    assert (pairs.labels == -1).all() and not pairs.predicted.any() and not pairs.truth.any()
    unlabelled = BATCH.replace(labels=jnp.full_like(BATCH.labels, -1))
    truth = truth_at(unlabelled, PROPOSALS.masks.shape[-2:])
    pairs = run(METHOD, variables, "match", PROPOSALS, truth, KEY)
    assert (pairs.labels == -1).all()


def test_slots_are_truth_then_predictions_then_their_truth(variables, features):
    size, frame = METHOD.mask_size(features), BATCH.images.shape[1:3]
    truth = truth_at(BATCH, PROPOSALS.masks.shape[-2:])
    pairs = run(METHOD, variables, "match", PROPOSALS, truth, KEY)
    masks = jnp.full((IMAGES, TRUTH, *size), 0.25)
    labels = jnp.full((IMAGES, TRUTH), 1)
    mixed, all_labels = METHOD.mix(features, masks, labels, pairs, frame)
    assert mixed.shape == (IMAGES, TRUTH + 2 * MATCHED, *size)
    assert (mixed[:, :TRUTH] == 0.25).all()
    hard = (jax.nn.sigmoid(pairs.predicted) > 0.5) & (pairs.labels >= 0)[..., None, None]
    want = resize_masks(resize_masks(hard.astype(jnp.float32), frame), size)
    np.testing.assert_allclose(mixed[:, TRUTH:-MATCHED], want, atol=1e-6)
    want = resize_masks(resize_masks(pairs.truth, frame), size)
    np.testing.assert_allclose(mixed[:, -MATCHED:], want, atol=1e-6)
    expected = [jnp.full((IMAGES, TRUTH), 1), pairs.labels, pairs.labels]
    np.testing.assert_array_equal(all_labels, jnp.concatenate(expected, 1))


def test_padding_predictions_are_empty_or_full_as_asked(variables):
    none = Proposals(masks=PROPOSALS.masks, valid=jnp.zeros_like(PROPOSALS.valid))
    pairs = run(METHOD, variables, "match", none, truth_at(BATCH, (8, 8)), KEY)
    for pad_empty, value in ((True, 0.0), (False, 1.0)):
        masks = predicted_coverage(pairs, (32, 32), (16, 16), threshold=0.5, pad_empty=pad_empty)
        np.testing.assert_allclose(masks, value, atol=1e-6)


def test_the_mixed_loss_adds_cross_entropy_and_cosine(variables, features):
    shifted = PROPOSALS.replace(masks=jnp.roll(PROPOSALS.masks, 2, axis=3))  # alike, not equal
    method = make_method(phase="mixed", match_iou=0.2)
    loss, metrics = run(method, variables, "loss", BATCH, shifted, TEXT, KEY)
    np.testing.assert_allclose(loss, metrics["class_loss"] + metrics["cosine_loss"], rtol=1e-6)
    assert metrics["cosine_loss"] > 1e-4 and metrics["matched"] > 0
    equal = PROPOSALS.replace(valid=jnp.zeros_like(PROPOSALS.valid))
    _, metrics = run(METHOD, variables, "loss", BATCH, equal, TEXT, KEY)
    np.testing.assert_allclose(metrics["cosine_loss"], 0, atol=1e-5)  # empty pairs agree
    assert metrics["matched"] == 0


def test_detaching_stops_the_cosine_gradient_at_the_side_of_the_truth(variables, features):
    size = METHOD.mask_size(features)
    masks = jax.random.uniform(KEY, (IMAGES, TRUTH + 2 * MATCHED, *size))
    labels = jnp.full(masks.shape[:2], -1)  # no cross-entropy at all

    def gradient(detach):
        method = make_method(phase="mixed", detach_truth=detach)

        def loss(masks):
            return method.apply(variables, features, masks, labels, TEXT, method="mixed_loss")[0]

        return jnp.abs(quick_jit(jax.grad(loss))(masks)).sum((0, 2, 3))

    detached, attached = gradient(True), gradient(False)
    assert (detached[TRUTH:-MATCHED] > 0).all() and (detached[-MATCHED:] == 0).all()
    assert (attached[-MATCHED:] > 0).all() and (attached[:TRUTH] == 0).all()


def test_a_few_steps_on_one_scene_learn_it(variables):
    """The adapter alone, CLIP frozen, names the ground-truth masks better than at the start."""
    method = make_method()
    params = variables["params"]

    optimizer = optax.adam(0.02)

    @quick_jit
    def step(adapter, moments):
        def loss(adapter):
            merged = {"params": params | {"adapter": adapter}}
            return method.apply(merged, BATCH, PROPOSALS, TEXT, KEY, method="loss")[0]

        value, gradient = jax.value_and_grad(loss)(adapter)
        updates, moments = optimizer.update(gradient, moments)
        return optax.apply_updates(adapter, updates), moments, value

    adapter, values = params["adapter"], []
    moments = optimizer.init(adapter)
    for _ in range(30):
        adapter, moments, value = step(adapter, moments)
        values.append(float(value))
    assert values[-1] < 0.9 * values[0], values
