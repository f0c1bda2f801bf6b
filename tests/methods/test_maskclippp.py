"""MaskCLIP++: masks in every kind of tower, every PSM, every prior, and the exact savings."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny_scene import (
    SIDE,
    WIDTH,
    initialise,
    run,
    tiny_batch,
    tiny_clip,
    tiny_method,
    tiny_proposals,
    tiny_resnet_clip,
    tiny_text,
    tiny_vit_clip,
    with_settings,
)

from ovseg_jax.config import MaskClipPlusPlusConfig
from ovseg_jax.foundation.typing import Proposals
from ovseg_jax.losses.reweighted import mask_weights, reweighted_loss
from ovseg_jax.methods.maskclippp import one_name_per_class
from ovseg_jax.methods.region_priors import cell_labels, filled_boxes, matched_proposals
from ovseg_jax.models.psm import LinearSimilarity
from ovseg_jax.ops.attention.mask_bias import OUTSIDE, soft_mask_bias
from ovseg_jax.ops.masks.of_ids import masks_from_ids
from ovseg_jax.ops.vectors import unit

BATCH, TEXT = tiny_batch(), tiny_text()
PROPOSALS = tiny_proposals(BATCH)
LARGE = BATCH.replace(
    images=BATCH.images.repeat(4, 1).repeat(4, 2),
    segment_ids=BATCH.segment_ids.repeat(4, 1).repeat(4, 2),
    sizes=BATCH.sizes * 4,
)
"""Cells of a ResNet are 32 pixels wide."""
CLIPS = {"convnext": tiny_clip, "resnet": tiny_resnet_clip, "vit": tiny_vit_clip}
PSMS = ("none", "linear", "pseudo_text", "pseudo_only", "linear_mask", "linear_text")


def method_of(tower="vit", **options):
    options = {"depth": 2, "num_templates": 2, "num_truth": 4} | options
    return tiny_method(MaskClipPlusPlusConfig(**options), CLIPS[tower]())


def variables_of(method):
    return initialise(method, BATCH, PROPOSALS, TEXT)


def batch_of(method):
    return LARGE if method.stride == 32 else BATCH


def score(method, variables, proposals=PROPOSALS, text=TEXT):
    def function(bound, batch, proposals, text):
        return bound.score(bound.encode_batch(batch), proposals, text)

    return run(method, variables, function, batch_of(method), proposals, text)


@pytest.mark.parametrize("tower", CLIPS)
def test_masks_may_be_read_some_at_a_time(tower):
    method = method_of(tower)
    variables = variables_of(method)
    whole, parts = score(method, variables), score(with_settings(method, chunk=3), variables)
    assert whole.logits.shape == (2, 8, 5) and np.isneginf(whole.logits[..., 3:]).all()
    assert np.isfinite(whole.logits[..., :3]).all()
    np.testing.assert_allclose(parts.logits, whole.logits, atol=2e-5)
    assert np.abs(np.diff(whole.regions.embeddings, axis=1)).max() > 0.05


@pytest.mark.parametrize("tower", CLIPS)
def test_what_lies_in_the_padding_does_not_count(tower):
    """The second picture ends at column 24; its masks may claim what they like beyond."""
    method = method_of(tower)
    variables = variables_of(method)
    masks = masks_from_ids(batch_of(method).segment_ids, 6)
    beyond = masks.at[1, :, :, 24 * (masks.shape[-1] // SIDE) :].set(True)
    valid = jnp.ones((2, 6), bool)
    first, second = (
        score(method, variables, Proposals(masks=m, valid=valid)) for m in (masks, beyond)
    )
    np.testing.assert_array_equal(first.logits, second.logits)


def test_mask_tokens_see_nothing_outside_their_mask():
    method = method_of()
    variables = variables_of(method)
    features = run(method, variables, "encode_batch", BATCH)
    masks = jnp.zeros((2, 1, 4, 4)).at[:, 0, 1, 1:3].set(1.0)
    outside = (jnp.arange(17) == 0) | (jnp.arange(17) > 7) | (jnp.arange(17) < 6)

    def disturbed(memory):
        change = outside[None, :, None, None]
        tokens = memory.tokens  # the class token starts the mask tokens: it must stay
        return memory.replace(
            tokens=tokens, keys=memory.keys + change, values=memory.values + change
        )

    other = features.replace(cache=tuple(disturbed(m) for m in features.cache))
    before, after = (run(method, variables, "embed_soft", f, masks) for f in (features, other))
    np.testing.assert_allclose(before, after, atol=1e-5)
    inside = features.replace(
        cache=tuple(m.replace(values=m.values.at[:, 6].add(1.0)) for m in features.cache)
    )
    assert np.abs(run(method, variables, "embed_soft", inside, masks) - before).max() > 0.01


def test_a_bias_is_the_mask_times_the_strength_inside_and_a_wall_outside():
    masks = jnp.array([0.0, 0.3, 0.5, 0.8]).reshape(1, 1, 2, 2)
    bias = soft_mask_bias(masks, jnp.array([1.0, 2.0]))
    np.testing.assert_allclose(bias[0, 0, 0], [OUTSIDE, OUTSIDE, 0.5, 0.8])
    np.testing.assert_allclose(bias[0, 1, 0], [OUTSIDE, OUTSIDE, 1.0, 1.6])
    empty = soft_mask_bias(jnp.zeros((1, 1, 2, 2)), jnp.array([1.0]))
    np.testing.assert_array_equal(empty, OUTSIDE)


def test_copies_of_a_token_need_one_query():
    method = method_of()
    variables = variables_of(method)
    features = run(method, variables, "encode_batch", BATCH)
    bias = jax.random.normal(jax.random.key(0), (2, 2, 5, 17))

    def both(bound, memory):
        block, token = bound.clip.visual.blocks[1], memory.tokens[:, :1]
        plain = block.read(jnp.repeat(token, 5, axis=1), memory, bias)
        return plain, block.read_copies(token, memory, bias)

    plain, shared = run(method, variables, both, features.cache[0])
    np.testing.assert_allclose(shared, plain, atol=1e-5)


def test_both_maps_of_the_linear_psm_collapse_into_one():
    module = LinearSimilarity(num_templates=2)
    similarities = jax.random.normal(jax.random.key(1), (3, 4, 2))
    variables = module.init(jax.random.key(2), similarities)
    weights, offset = module.apply(variables, method="collapsed")
    want = module.apply(variables, similarities)
    np.testing.assert_allclose(similarities @ weights + offset, want, atol=1e-6)
    rows = module.apply(variables, TEXT.embeddings, lambda: None, method="words")
    masks = unit(jax.random.normal(jax.random.key(3), (4, WIDTH)))
    want = module.apply(variables, jnp.einsum("qd,std->qst", masks, TEXT.embeddings))
    np.testing.assert_allclose(masks @ rows.T + offset, want, atol=1e-6)


@pytest.mark.parametrize("psm", PSMS)
def test_without_its_psm_a_model_answers_by_cosines(psm):
    method = method_of(psm=psm)
    variables = variables_of(method)
    kept, dropped = (
        score(method, variables),
        score(with_settings(method, keep_psm=False), variables),
    )
    rows = unit(TEXT.embeddings.mean(1))
    plain = jnp.einsum("bqd,sd->bqs", unit(kept.regions.embeddings), rows) * np.exp(3.0)
    want = jnp.stack([plain[..., :2].max(-1), plain[..., 2], plain[..., 3]], -1)
    np.testing.assert_allclose(dropped.logits[..., :3], want, atol=1e-4)
    assert (np.abs(kept.logits[..., :3] - want).max() > 0.01) == (psm != "none")


def test_pseudo_text_looks_at_cells_or_at_the_whole():
    cells = method_of("convnext", psm="pseudo_text")
    variables = variables_of(cells)
    whole = with_settings(cells, condition="whole")
    assert (
        np.abs(score(cells, variables).logits - score(whole, variables).logits)[..., :3].max()
        > 1e-3
    )


def test_a_vocabulary_with_other_templates_is_refused():
    method = method_of(num_templates=14)
    text = dataclasses.replace(TEXT, embeddings=jnp.repeat(TEXT.embeddings, 7, axis=1))
    variables = initialise(method, BATCH, PROPOSALS, text)
    with pytest.raises(ValueError, match=r"2 templates per name, but method\.num_templates is 14"):
        score(method, variables)


# ---- training ------------------------------------------------------------------------------


def test_weights_count_images_then_classes_then_masks():
    labels = jnp.array([[0, 0, 1, -1], [-1, -1, -1, -1], [2, 2, 2, 2]])
    want = [[1 / 8, 1 / 8, 1 / 4, 0], [0] * 4, [1 / 8] * 4]
    np.testing.assert_allclose(mask_weights(labels), want)
    even = [[1 / 6] * 3 + [0], [0] * 4, [1 / 8] * 4]
    np.testing.assert_allclose(mask_weights(labels, by_class=False), even)


@pytest.mark.parametrize("kind", ["ce", "bce"])
def test_the_loss_ignores_empty_columns_and_unlabelled_masks(kind):
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(2, 3, 4)), np.array([[0, 2, -1], [1, -1, -1]])
    padded = np.concatenate([logits, np.full((2, 3, 2), -np.inf)], -1).astype(np.float32)
    found, gradient = jax.value_and_grad(
        lambda x: reweighted_loss(x, jnp.asarray(labels), kind=kind, temperature=0.5)
    )(jnp.asarray(padded))
    total, x = 0.0, logits / 0.5
    for image, mask, weight in [(0, 0, 0.25), (0, 1, 0.25), (1, 0, 0.5)]:
        row, own = x[image, mask], labels[image, mask]
        if kind == "ce":
            each = np.log(np.exp(row).sum()) - row[own]
        else:
            each = np.log1p(np.exp(np.where(np.arange(4) == own, -row, row))).mean()
        total += weight * each
    np.testing.assert_allclose(found, total, rtol=1e-5)
    assert np.isfinite(gradient).all() and not gradient[1, 1:].any()
    assert reweighted_loss(jnp.asarray(padded), -jnp.ones((2, 3), int), kind=kind) == 0


@pytest.mark.parametrize("prior", ["masks", "boxes", "generated", "pixels"])
@pytest.mark.parametrize("tower", CLIPS)
def test_every_prior_trains_every_tower(prior, tower):
    method = method_of(tower, prior=prior, ignore_empty=True)
    variables = variables_of(method)

    def loss(variables):
        function = lambda m, *x: m.loss(*x)[0]  # noqa: E731
        key = jax.random.key(0)
        return method.apply(variables, batch_of(method), PROPOSALS, TEXT, key, method=function)

    value, gradient = jax.jit(jax.value_and_grad(loss))(variables)
    assert np.isfinite(value) and value > 0
    params = gradient["params"]
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(params))
    assert np.abs(params["align"]["expand_kernel"]).max() > 0
    if tower != "convnext" and prior != "pixels":
        assert np.abs(params["log_strength"]).max() > 0


def test_boxes_are_the_smallest_rectangles():
    masks = jnp.zeros((1, 2, 6, 7), bool).at[0, 0, 1, 2].set(True).at[0, 0, 3, 5].set(True)
    boxes = filled_boxes(Proposals(masks=masks, valid=jnp.ones((1, 2), bool))).masks
    want = np.zeros((2, 6, 7), bool)
    want[0, 1:4, 2:6] = True
    np.testing.assert_array_equal(boxes[0], want)


def test_cells_take_the_label_under_their_centre():
    found = cell_labels(BATCH, (4, 4))
    ids = np.asarray(BATCH.segment_ids)[:, 4::8, 4::8].reshape(2, -1)
    labels = np.asarray(BATCH.labels)
    want = [[labels[b, i - 1] if i else -1 for i in row] for b, row in enumerate(ids)]
    np.testing.assert_array_equal(found, want)


def test_matched_proposals_keep_their_own_shape_and_take_the_label():
    truth = masks_from_ids(BATCH.segment_ids, 6)[:, ::-1]
    proposals = Proposals(masks=truth, valid=truth.any((2, 3)))
    regions, labels = matched_proposals(BATCH, proposals, jax.random.key(0), 6)
    assert set(np.unique(labels)) <= {-1, 0, 1, 2}
    for image in range(2):
        for mask, label in zip(regions.masks[image], labels[image], strict=True):
            ids = np.unique(np.asarray(BATCH.segment_ids)[image][np.asarray(mask)])
            assert label < 0 or (len(ids) == 1 and BATCH.labels[image, ids[0] - 1] == label)
    assert (labels >= 0).sum() >= 6


def test_each_class_keeps_one_name():
    found = [one_name_per_class(TEXT, jax.random.key(seed)).classes for seed in range(8)]
    kept = {tuple(np.asarray(x).tolist()) for x in found}
    assert kept == {(0, 4, 1, 2, 4), (4, 0, 1, 2, 4)}


def test_the_frame_divides_into_cells():
    assert SIDE % tiny_vit_clip().stride == 0
