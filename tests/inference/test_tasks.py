"""Semantic, panoptic and instance results: bounded memory, the same answer as the plain forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.inference.postprocess import panoptic
from ovseg_jax.inference.postprocess.geometry import Frame, as_logits, cut_rows, resize_to_output
from ovseg_jax.inference.postprocess.instance import instances
from ovseg_jax.inference.postprocess.panoptic import PanopticRules, panoptic_segments
from ovseg_jax.inference.postprocess.semantic import semantic_labels, semantic_scores

THINGS = np.arange(6) < 3
FRAME = Frame(padded=(64, 96), picture=(50, 90), output=(71, 113))


@pytest.fixture
def scene():
    """Twelve blobs over 16 x 24 cells, with logits for six classes and void."""
    rng = np.random.default_rng(3)
    rows, columns = np.mgrid[0:16, 0:24]
    centres = rng.uniform([0, 0], [16, 24], (12, 2))
    distance = np.hypot(rows - centres[:, :1, None], columns - centres[:, 1:, None])
    masks = (5 - distance + rng.normal(size=distance.shape) * 0.3).astype(np.float32)
    return jnp.asarray(rng.normal(size=(12, 7)) * 2, jnp.float32), jnp.asarray(masks)


def test_row_tiles_multiply_like_the_whole_matrix():
    matrix = np.tril(np.triu(np.random.default_rng(0).normal(size=(37, 20)), -19), 2)
    source = np.random.default_rng(1).normal(size=20)
    tiles = cut_rows(matrix, 8)
    band = tiles.weights.shape[2]
    parts = [w @ source[s : s + band] for s, w in zip(tiles.starts, tiles.weights, strict=True)]
    np.testing.assert_allclose(np.concatenate(parts)[: tiles.height], matrix @ source)


@pytest.mark.parametrize("order", ["masks_first", "scores_first"])
@pytest.mark.parametrize("rows", [0, 1, 10])
def test_labels_by_rows_are_the_argmax_of_the_full_scores(scene, order, rows):
    scores = np.asarray(semantic_scores(*scene, FRAME, order=order))
    labels, best = semantic_labels(*scene, FRAME, order=order, rows=rows)
    assert scores.shape == (6, 71, 113) and labels.shape == (71, 113)
    np.testing.assert_array_equal(labels, scores.argmax(0))
    np.testing.assert_allclose(best, scores.max(0), atol=1e-5)


def test_the_two_orders_differ_only_near_edges(scene):
    first, _ = semantic_labels(*scene, FRAME, order="masks_first")
    second, _ = semantic_labels(*scene, FRAME, order="scores_first")
    assert 0 < (first != second).mean() < 0.03


def test_slots_without_a_mask_add_nothing(scene):
    log_probs, masks = scene
    valid = jnp.arange(12) < 7
    padded, _ = semantic_labels(log_probs, masks, FRAME, valid=valid)
    alone, _ = semantic_labels(log_probs[:7], masks[:7], FRAME)
    np.testing.assert_array_equal(padded, alone)


@pytest.mark.parametrize("order", ["masks_first", "scores_first"])
def test_847_classes_at_full_size_stay_within_the_memory_of_a_tile(order):
    frame = Frame((640, 640), (600, 640), (1200, 1280))
    shapes = (
        jax.ShapeDtypeStruct((100, 848), jnp.float32),
        jax.ShapeDtypeStruct((100, 160, 160), jnp.float32),
    )
    compiled = semantic_labels.lower(*shapes, frame, order=order).compile()
    temporary = compiled.memory_analysis().temp_size_in_bytes
    assert temporary < 300 * 2**20 < 847 * 1200 * 1280 * 4 / 10


def segments(log_probs, masks, frame, **thresholds):
    """Panoptic segments where the first three classes are things."""
    return panoptic_segments(log_probs, masks, frame, THINGS, PanopticRules(**thresholds))


def test_claims_by_rows_equal_the_plain_form(scene):
    log_probs, masks = scene
    kept, labels, scores = panoptic.keep_masks(log_probs, 0.2)
    probs = np.asarray(jax.nn.sigmoid(resize_to_output(masks[kept], FRAME)))
    plain = panoptic.assemble(
        panoptic.claim_pixels(scores, probs), labels, scores, THINGS, PanopticRules()
    )
    tiled = segments(log_probs, masks, FRAME, object_threshold=0.2)
    np.testing.assert_array_equal(tiled.segment_ids, plain.segment_ids)
    np.testing.assert_array_equal(tiled.info, plain.info)
    assert 1 < len(tiled.info) <= len(kept)


def boxes(*spans):
    """Hard masks as row spans of an 8 x 8 image."""
    masks = np.zeros((len(spans), 8, 8), bool)
    for mask, (top, bottom) in zip(masks, spans, strict=True):
        mask[top:bottom] = True
    return as_logits(jnp.asarray(masks))


def certain(*labels, score=0.9):
    """Log probabilities with `score` on each mask's label, of six classes and void."""
    probs = np.full((len(labels), 7), (1 - score) / 6)
    probs[np.arange(len(labels)), labels] = score
    return jnp.log(jnp.asarray(probs, jnp.float32))


SMALL = Frame.plain(8, 8)


def test_stuff_of_one_class_is_one_segment_and_things_stay_apart():
    log_probs = certain(5, 0, 5, 0)
    found = segments(log_probs, boxes((0, 2), (2, 4), (4, 6), (6, 8)), SMALL)
    np.testing.assert_array_equal(found.info, [[1, 0, 5], [2, 1, 0], [3, 1, 0]])
    np.testing.assert_array_equal(found.segment_ids[:, 0], [1, 1, 2, 2, 1, 1, 3, 3])


def test_a_mask_that_lost_most_of_itself_is_dropped():
    log_probs = jnp.concatenate([certain(0, score=0.9), certain(1, score=0.6)])
    found = segments(log_probs, boxes((0, 6), (4, 8)), SMALL)
    np.testing.assert_array_equal(found.info[:, 2], [0])
    assert (found.segment_ids[6:] == 0).all()
    kept = segments(log_probs, boxes((0, 6), (4, 8)), SMALL, overlap_threshold=0.5)
    np.testing.assert_array_equal(kept.segment_ids[:, 0], [1] * 6 + [2] * 2)


def test_void_and_low_scores_leave_pixels_unclaimed():
    log_probs = jnp.concatenate([certain(6), certain(0, score=0.3), certain(1)])
    masks = boxes((0, 2), (2, 4), (4, 5))
    found = segments(log_probs, masks, SMALL, object_threshold=0.5)
    np.testing.assert_array_equal(found.info[:, 2], [1])
    nothing = segments(log_probs[:1], masks[:1], SMALL)
    assert nothing.info.shape == (0, 3) and not nothing.segment_ids.any()


def test_empty_and_full_masks_are_handled():
    found = segments(certain(0, 1), boxes((3, 3), (0, 8)), SMALL)
    np.testing.assert_array_equal(found.info, [[1, 1, 1]])
    assert (found.segment_ids == 1).all()


def test_instances_are_the_best_pairs_of_things():
    log_probs = jnp.concatenate(
        [certain(0, score=0.9), certain(5, score=0.8), certain(2, score=0.7)]
    )
    found = instances(log_probs, boxes((0, 4), (4, 8), (2, 2)), SMALL, top=3, is_thing=THINGS)
    np.testing.assert_array_equal(found.classes, [0, 2])
    np.testing.assert_allclose(found.scores, [0.9, 0.0], atol=1e-5)  # an empty mask has quality 0
    assert found.masks[0, :4].all() and found.masks[0].sum() == 32 and not found.masks[1].any()


def test_instance_scores_are_probability_times_mean_mask_probability(scene):
    log_probs, masks = scene
    found = instances(log_probs, masks, FRAME, top=200)
    assert len(found.scores) == 12 * 6
    probs = np.asarray(jax.nn.sigmoid(resize_to_output(masks, FRAME)))
    inside = probs > 0.5
    quality = (probs * inside).sum((1, 2)) / (inside.sum((1, 2)) + 1e-6)
    classes = np.asarray(jax.nn.softmax(log_probs))[:, :-1]
    expected = classes[found.queries, found.classes] * quality[found.queries]
    np.testing.assert_allclose(found.scores, expected, atol=1e-5)
    assert (found.masks != inside[found.queries]).mean() < 1e-4


def test_no_instance_of_a_class_slot_that_is_empty():
    log_probs = certain(0, 1).at[:, 3:6].set(-jnp.inf)
    found = instances(log_probs, boxes((0, 4), (4, 8)), SMALL, top=100)
    assert set(found.classes) == {0, 1, 2}
