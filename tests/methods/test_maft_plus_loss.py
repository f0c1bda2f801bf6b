"""What MAFT+ trains by which loss: its own sum, and who gets gradient from which part."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny_scene import (
    WIDTH,
    initialise,
    quick_jit,
    tiny_batch,
    tiny_method,
    tiny_proposals,
    tiny_text,
    with_settings,
)

from ovseg_jax.config import MaftPlusConfig, QueryGeneratorConfig
from ovseg_jax.losses.maft import compensation_loss, mask_aware_loss
from ovseg_jax.methods.set_loss import criterion_of
from ovseg_jax.models.generators.variants import build_generator
from ovseg_jax.ops.masks.of_ids import masks_of_ids

BATCH, TEXT = tiny_batch(), tiny_text()
PROPOSALS = tiny_proposals(BATCH)
GENERATOR = QueryGeneratorConfig(
    backbone="clip",
    num_queries=8,
    width=8,
    mask_width=8,
    heads=2,
    levels=1,
    encoder_layers=1,
    encoder_hidden=8,
    decoder_layers=2,
    decoder_hidden=8,
)
SETTINGS = MaftPlusConfig(transfer_heads=2, num_points=32, num_truth=6, compensation_weight=0.1)
METHOD = tiny_method(SETTINGS, generator=build_generator(GENERATOR, WIDTH))


@pytest.fixture(scope="module")
def params():
    """Random ones, in which the teacher is not the student."""
    return initialise(METHOD, BATCH, PROPOSALS, TEXT)["params"]


def loss_of(params, method=METHOD):
    return method.apply(
        {"params": params}, BATCH, PROPOSALS, TEXT, jax.random.key(0), method="loss"
    )


SET_LOSS = {"class_loss", "mask_loss", "dice_loss"}
TOWER_LOSSES = {"mask_aware_loss", "compensation_loss"}


@quick_jit
def parts_and_gradients(params):
    """The loss's parts; and the gradient of each, those of the set loss together as "loss"."""
    metrics, pull = jax.vjp(lambda p: loss_of(p)[1], params)
    groups = {"loss": SET_LOSS} | {name: {name} for name in TOWER_LOSSES}
    seeds = {
        group: {name: jnp.float32(name in chosen) for name in metrics}
        for group, chosen in groups.items()
    }
    return metrics, {group: pull(seed)[0] for group, seed in seeds.items()}


@pytest.fixture(scope="module")
def derived(params):
    return parts_and_gradients(params)


def moves(tree):
    return any(bool((leaf != 0).any()) for leaf in jax.tree.leaves(tree))


def test_the_loss_is_the_sum_of_its_published_parts(params, derived):
    def by_hand(bound, batch, text, rng):
        draw_key, loss_key = jax.random.split(rng)
        truth = bound.draw_truth(batch, draw_key)
        features = bound.encode_batch(batch)
        layers = bound.propose_all(batch, features, text)
        total, _ = criterion_of(bound.config)(layers, truth, loss_key)
        logits = bound.score(features, layers[-1], text).logits
        masks = masks_of_ids(truth.segment_ids, truth.ids).astype(jnp.float32)
        total += mask_aware_loss(logits, layers[-1].masks, masks, truth.labels)
        images = bound.normalise(batch.images.astype(jnp.float32), batch.sizes)
        before = list(bound.teacher.outputs(images)[0].values())[-1]
        return total + 0.1 * compensation_loss(features.dense, before)

    inputs = {"params": params}, BATCH, TEXT, jax.random.key(0)
    wanted = quick_jit(lambda *x: METHOD.apply(*x, method=by_hand))(*inputs)
    metrics, _ = derived
    np.testing.assert_allclose(metrics["loss"], wanted, rtol=1e-5)
    assert set(metrics) == {"loss"} | SET_LOSS | TOWER_LOSSES
    assert metrics["compensation_loss"] > 0 and metrics["mask_aware_loss"] > 0


def test_the_generator_learns_by_the_set_loss_and_sends_nothing_into_the_tower(derived):
    gradient = derived[1]["loss"]
    assert moves(gradient["generator"]) and moves(gradient["void_embedding"])
    assert not moves(gradient["clip"]["visual"]) and not moves(gradient["transfer"])


def test_the_tower_and_the_transfer_learn_by_the_mask_aware_loss(derived):
    gradient = derived[1]["mask_aware_loss"]
    assert moves(gradient["clip"]["visual"]["stem"]) and moves(gradient["transfer"])
    for name in ("generator", "teacher", "void_embedding"):
        assert not moves(gradient[name])
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(gradient))


def test_the_compensation_draws_the_tower_to_its_teacher_and_leaves_all_else(params, derived):
    gradient = derived[1]["compensation_loss"]
    assert moves(gradient["clip"]["visual"]["stem"])
    for name in ("generator", "transfer", "teacher", "void_embedding"):
        assert not moves(gradient[name])
    alike = params | {"teacher": params["clip"]["visual"]}
    metrics, gradients = parts_and_gradients(alike)
    assert float(metrics["compensation_loss"]) == 0.0
    assert not moves(gradients["compensation_loss"])


@pytest.mark.slow
def test_without_compensation_there_is_no_teacher(params, derived):
    plain = with_settings(METHOD, compensation_weight=0.0)
    assert "teacher" in params and METHOD.copies == {"teacher": "clip/visual"}
    assert "teacher" not in initialise(plain, BATCH, PROPOSALS, TEXT)["params"]
    kept = {name: part for name, part in params.items() if name != "teacher"}
    value, metrics = quick_jit(lambda p: loss_of(p, plain))(kept)
    parts, _ = derived
    assert "compensation_loss" not in metrics
    np.testing.assert_allclose(value, parts["loss"] - parts["compensation_loss"], rtol=1e-5)
