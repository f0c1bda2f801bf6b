"""OVSeg: prompts where crops show nothing, its loss over pairs, its ensemble."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny_scene import (
    initialise,
    run,
    tiny_batch,
    tiny_method,
    tiny_proposals,
    tiny_text,
    tiny_vit_clip,
    with_settings,
)

from ovseg_jax.config import EnsembleConfig, OVSegConfig
from ovseg_jax.foundation.typing import Opinion, Proposals
from ovseg_jax.inference.ensemble import choose_rule, ovseg_probabilities
from ovseg_jax.methods.ovseg import paired_loss
from ovseg_jax.models.mask_prompts import kept_patches
from ovseg_jax.ops.masks.crops import crop_regions

BATCH, TEXT = tiny_batch(), tiny_text()
PROPOSALS = tiny_proposals(BATCH)


def method_of(**options):
    options = {"crop_size": 32, "chunk": 3, "prompt_depth": 2, "num_truth": 4} | options
    return tiny_method(OVSegConfig(**options), tiny_vit_clip())


def variables_of(method):
    return initialise(method, BATCH, PROPOSALS, TEXT)


def score(method, variables):
    def function(bound, batch, proposals, text):
        return bound.score(bound.encode_batch(batch), proposals, text)

    return run(method, variables, function, BATCH, PROPOSALS, TEXT)


@pytest.mark.parametrize("prompts", ["mask", "vpt", "none"])
def test_crops_may_be_encoded_some_at_a_time(prompts):
    method = method_of(prompts=prompts, prompt_tokens=3)
    variables = variables_of(method)
    parts, whole = score(method, variables), score(with_settings(method, chunk=64), variables)
    np.testing.assert_allclose(parts.logits, whole.logits, atol=2e-4)
    empty = ~np.asarray(PROPOSALS.valid)
    assert empty.any() and not np.asarray(whole.regions.embeddings)[empty].any()
    assert np.isneginf(whole.logits[..., -1]).all()


def test_prompts_stand_where_the_crop_shows_nothing_and_nowhere_else():
    method = method_of()
    variables = variables_of(method)
    crops = jax.random.normal(jax.random.key(0), (3, 32, 32, 3))
    full, none = jnp.ones((3, 32, 32), bool), jnp.zeros((3, 32, 32), bool)
    plain = run(method, variables, lambda m, x: m.clip.encode_image(x), crops)
    np.testing.assert_allclose(run(method, variables, "embed_crops", crops, full), plain, atol=1e-5)
    hidden = run(method, variables, "embed_crops", crops, none)
    np.testing.assert_allclose(hidden[1:], hidden[:1].repeat(2, 0), atol=1e-5)
    half = full.at[:, :, 16:].set(False)
    changed = crops.at[:, :, 16:].add(1.0)
    found = [run(method, variables, "embed_crops", x, half) for x in (crops, changed)]
    np.testing.assert_allclose(*found, atol=1e-5)
    assert np.abs(found[0] - plain).max() > 0.01


def test_deeper_prompts_act_behind_blocks():
    """The last prompts matter although the first are the same."""
    method = method_of()
    variables = variables_of(method)
    other = jax.tree.map(lambda x: x, variables)
    prompts = other["params"]["prompt"]["mask_embedding"]
    noise = jax.random.normal(jax.random.key(1), prompts[1].shape)
    other["params"]["prompt"]["mask_embedding"] = prompts.at[1].add(noise)
    crops, none = jnp.ones((1, 32, 32, 3)), jnp.zeros((1, 32, 32), bool)
    before, after = (run(method, v, "embed_crops", crops, none) for v in (variables, other))
    assert np.abs(before - after).max() > 0.01


def test_further_tokens_are_replaced_and_dropped():
    method = method_of(prompts="vpt", prompt_tokens=5)
    variables = variables_of(method)
    crops = jnp.ones((1, 32, 32, 3))

    def tokens(bound, crops):
        return bound.clip.visual.run(crops, prompts=bound.prompt(), remember=[0, 1, 2])

    last, memories = run(method, variables, tokens, crops)
    assert last.shape == (1, 17, 24)
    assert [memories[i].tokens.shape[1] for i in range(3)] == [22, 22, 22]
    own = np.asarray(variables["params"]["prompt"]["tokens"])
    np.testing.assert_array_equal(memories[0].tokens[0, 1:6], own[0])
    np.testing.assert_array_equal(memories[1].tokens[0, 1:6], own[1])
    assert np.abs(memories[2].tokens[0, 1:6] - own[1]).max() > 0.01


def test_prompts_need_patches():
    method = tiny_method(OVSegConfig(crop_size=32))
    with pytest.raises(ValueError, match="prompts 'mask' need a transformer.*ConvNeXtTower"):
        variables_of(method)


def test_one_mask_alone_and_none_at_all_are_answered():
    """The original fails with exactly one valid mask, and with none (docs/reference 3.2)."""
    method = method_of()
    variables = variables_of(method)

    def logits(masks):
        proposals = Proposals(masks=masks, valid=jnp.ones(masks.shape[:2], bool))
        features = run(method, variables, "encode_batch", BATCH)
        return run(method, variables, "score", features, proposals, TEXT).logits

    masks = PROPOSALS.masks[:, :2]
    several = logits(masks)
    np.testing.assert_allclose(logits(masks[:, :1]), several[:, :1], atol=2e-4)
    only_one = jnp.concatenate([masks[:, :1], jnp.full_like(masks[:, :1], -9.0)], axis=1)
    np.testing.assert_allclose(logits(only_one)[:, :1], several[:, :1], atol=2e-4)
    none = logits(jnp.full_like(masks, -9.0))
    assert not np.asarray(none[..., :3]).any()
    named, _ = opinions()
    named = jnp.tile(named[:, :2], (2, 1, 1))
    weights = EnsembleConfig(kind="ovseg", alpha=0.7, beta=0.7)
    found = ovseg_probabilities(named, none, TEXT.seen, TEXT.valid, weights)
    inside = softmax(np.delete(np.asarray(named), 3, axis=-1))[..., :3]
    np.testing.assert_allclose(found[..., :3], inside**0.3, rtol=1e-5)  # the generator alone


def test_patches_are_kept_for_a_single_pixel():
    masks = jnp.zeros((1, 8, 8), bool).at[0, 3, 4].set(True)
    np.testing.assert_array_equal(kept_patches(masks, 4)[0], [[False, True], [False, False]])


def test_regions_are_cropped_to_the_nearest_pixel():
    mask = np.arange(48).reshape(1, 6, 8) % 5 < 2
    box = jnp.array([[1, 2, 5, 7]])
    want = mask[0, 1:5, 2:7][[0, 0, 1, 2, 2, 3]][:, [0, 0, 1, 2, 3, 4]]
    np.testing.assert_array_equal(crop_regions(jnp.asarray(mask), box, 6)[0], want)


# ---- training ------------------------------------------------------------------------------


def test_pairs_without_a_mask_take_no_part():
    rng = np.random.default_rng(0)
    logits = jnp.asarray(rng.normal(size=(5, 5)), jnp.float32)
    labels = jnp.array([1, 2, -1, 1, -1])
    kept = np.asarray(logits)[[0, 1, 3]][:, [0, 1, 3]]

    def side(x):
        return (np.log(np.exp(x).sum(1)) - np.diag(x)).mean()

    want = (side(kept) + side(kept.T)) / 2
    np.testing.assert_allclose(paired_loss(logits, labels), want, rtol=1e-5)
    kept[0, 2] = kept[2, 0] = -np.inf  # the same noun twice
    want = (side(kept) + side(kept.T)) / 2
    np.testing.assert_allclose(paired_loss(logits, labels, ignore_duplicates=True), want, rtol=1e-5)
    assert paired_loss(logits, jnp.full(5, -1)) == 0


@pytest.mark.parametrize("prompts", ["mask", "vpt"])
def test_prompts_learn(prompts):
    method = method_of(prompts=prompts, prompt_tokens=3)
    variables = variables_of(method)

    def loss(variables):
        key = jax.random.key(0)
        return method.apply(variables, BATCH, PROPOSALS, TEXT, key, method="loss")[0]

    value, gradient = jax.jit(jax.value_and_grad(loss))(variables)
    leaves = jax.tree.leaves(gradient["params"])
    assert np.isfinite(value) and all(np.isfinite(x).all() for x in leaves)
    for prompt in jax.tree.leaves(gradient["params"]["prompt"]):
        assert (np.abs(prompt).max((1, 2)) > 0).all()  # at every depth


# ---- ensemble ------------------------------------------------------------------------------


def opinions():
    rng = np.random.default_rng(1)
    named = jnp.asarray(rng.normal(size=(1, 3, 5)), jnp.float32)
    seen_by_clip = jnp.asarray(rng.normal(size=(1, 3, 5)), jnp.float32)
    seen_by_clip = seen_by_clip.at[0, 2].set(0.0).at[..., -1].set(-jnp.inf)
    return named, seen_by_clip


def softmax(x):
    return np.exp(x) / np.exp(x).sum(-1, keepdims=True)


def test_opinions_are_multiplied_and_not_normalised():
    named, logits = opinions()
    weights = EnsembleConfig(kind="ovseg", alpha=0.7, beta=0.7)
    found = ovseg_probabilities(named, logits, TEXT.seen, TEXT.valid, weights)[0]
    inside = softmax(np.delete(np.asarray(named)[0], 3, axis=-1))[:, :3]  # slot 3 is empty
    outside = softmax(np.asarray(logits)[0, :, :3])
    outside[2] = 1  # the method saw nothing of the last mask
    np.testing.assert_allclose(found[:, :3], inside**0.3 * outside**0.7, rtol=1e-5)
    assert not found[:, 3].any() and (found.sum(-1)[:2] < 1).all()


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_each_opinion_alone(alpha):
    named, logits = opinions()
    proposals = Proposals(
        masks=jnp.ones((1, 3, 4, 4)),
        valid=jnp.ones((1, 3), bool),
        class_logits=named,
        opinion=Opinion.NAMES,
    )
    weights = EnsembleConfig(kind="ovseg", alpha=alpha, beta=alpha)
    found = choose_rule(proposals, weights, (4, 4)).join(proposals, logits, TEXT)
    inside = softmax(np.delete(np.asarray(named)[0], 3, axis=-1))
    want = inside[:2, :3] if not alpha else softmax(np.asarray(logits)[0, :2, :3])
    np.testing.assert_allclose(np.exp(found)[0, :2, :3], want, atol=1e-5)
    np.testing.assert_allclose(np.exp(found).sum(-1), 1, atol=1e-5)
