"""FISA and MaskCLIP: what mask tokens see, what trains, and what an untrained FISA equals."""

import dataclasses
import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from slow_cases import quick_ones, slow
from tiny_scene import (
    IMAGES,
    SEGMENTS,
    SIDE,
    WIDTH,
    initialise,
    quick_jit,
    random_like,
    run,
    tiny_batch,
    tiny_method,
    tiny_proposals,
    tiny_text,
    tiny_vit_clip,
    with_settings,
)

from configs import common
from configs.fisa import ablations
from configs.toy import fisa as toy
from ovseg_jax.config import FisaConfig
from ovseg_jax.foundation import trees
from ovseg_jax.foundation.typing import Batch, Proposals
from ovseg_jax.loading import build
from ovseg_jax.loading.parameters import initial_parameters, parameter_shapes, trainable_groups
from ovseg_jax.methods.fisa import Fisa, class_rows
from ovseg_jax.models.fisa.mask_tokens import coverage_bias, covered_tokens
from ovseg_jax.models.fisa.seve import SemanticExtraction
from ovseg_jax.training.optimizer import make_optimizer
from ovseg_jax.training.state import TrainState
from ovseg_jax.training.step import make_step

BATCH, TEXT = tiny_batch(), tiny_text()
PROPOSALS = tiny_proposals(BATCH)
PATCH, CELLS = 8, 16
TINY = {"clip_size": 0, "rank": 8, "num_points": 64, "num_truth": 4, "chunk": 3}
BASE = {"words_enter": "none", "adapter_layers": 0}
QUERIES = toy.QUERIES
NEW = toy.NEW


def fisa(**options) -> Fisa:
    return tiny_method(FisaConfig(**TINY | options), tiny_vit_clip())


def made(**options):
    """A method with random parameters, and its features of the batch."""
    method = fisa(**options)
    variables = initialise(method, BATCH, PROPOSALS, TEXT)
    return method, variables, run(method, variables, "encode_batch", BATCH)


def scored(method, variables, features, proposals=PROPOSALS, text=TEXT):
    return run(method, variables, "score", features, proposals, text)


def with_parameters(variables, changes):
    """Variables in which patterns of paths stand for other values, by a function of the old."""
    flat = trees.flatten(variables["params"])
    for pattern, change in changes.items():
        found = [path for path in flat if trees.first_match(path, (pattern,))]
        assert found, pattern
        flat |= {path: change(flat[path]) for path in found}
    return {"params": trees.unflatten(flat)}


FORMS = ("seve", "relative", "separate", slow("base"), slow("lora"))
"""In which the quick tests run; the slow ones add what the others hold in parts."""


@pytest.fixture(scope="module", params=FORMS)
def case(request):
    """The method in its main forms."""
    forms = {
        "seve": {},
        "base": BASE,
        "relative": BASE | {"relative_blocks": (0, 2)},
        "separate": {"shared": False, "rank": 0, "separate_query": True, "words_enter": "last"}
        | {"word_blocks": 2, "norm": True, "residual": True, "clip_size": SIDE},
        "lora": {"lora_rank": 2, "adapter_layers": 3},
    }
    return made(**forms[request.param])


# ---- what every form keeps ------------------------------------------------------------------


def test_masks_are_scored_alone_and_in_their_order(case):
    scores = scored(*case)
    assert scores.logits.shape == (IMAGES, SEGMENTS + 2, 5)
    assert np.isfinite(scores.logits[..., :3]).all()
    assert (scores.logits[..., 3:] == -np.inf).all()  # an empty class slot, and no void
    order = jnp.array([5, 0, 3, 3, 7, 7, 1])
    others = Proposals(masks=PROPOSALS.masks[:, order], valid=PROPOSALS.valid[:, order])
    again = scored(*case, others)
    np.testing.assert_allclose(again.logits, scores.logits[:, order], atol=1e-4)
    settings = case[0].config
    assert (scores.masks is None) == (not settings.adapter_layers and not settings.relative_blocks)
    if scores.masks is not None:
        assert scores.masks.shape == (IMAGES, SEGMENTS + 2, SIDE, SIDE)
        np.testing.assert_allclose(again.masks, scores.masks[:, order], atol=1e-4)


def test_padding_the_vocabulary_changes_nothing(case):
    wider = TEXT.replace(
        embeddings=jnp.pad(TEXT.embeddings, ((0, 3), (0, 0), (0, 0))),
        classes=jnp.where(jnp.arange(8) < 4, jnp.pad(TEXT.classes, (0, 3)), 6),
        valid=jnp.pad(TEXT.valid, (0, 2)),
        seen=jnp.pad(TEXT.seen, (0, 2)),
    )
    again = scored(*case, text=wider)
    np.testing.assert_allclose(again.logits[..., :3], scored(*case).logits[..., :3], atol=1e-4)


def test_empty_and_full_masks_are_finite_with_their_gradient(case):
    method, variables, features = case
    masks = jnp.zeros((IMAGES, 3, SIDE, SIDE), bool).at[:, 1].set(True).at[:, 2, 0, 0].set(True)
    hard = Proposals(masks=masks, valid=jnp.ones((IMAGES, 3), bool))

    def total(variables):
        scores = method.apply(variables, features, hard, TEXT, method="score")
        return scores.logits[..., :3].sum(), scores.logits

    gradient, logits = quick_jit(jax.grad(total, has_aux=True))(variables)
    assert np.isfinite(logits[..., :3]).all()
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


# ---- what mask tokens see -------------------------------------------------------------------


def disturbed(features, where):
    """Features whose memories hold something else at some tokens [b, l]."""
    noise = jax.random.normal(jax.random.key(1), features.cache[0].keys.shape)

    def change(memory):
        there = where[:, :, None, None]
        keys = jnp.where(there, noise, memory.keys)
        return memory.replace(keys=keys, values=jnp.where(there, -noise, memory.values))

    return features.replace(cache=tuple(change(memory) for memory in features.cache))


@pytest.mark.parametrize("options", [{}, BASE], ids=["seve", "base"])
def test_what_lies_outside_a_mask_changes_nothing(options):
    method, variables, features = made(**options, class_key=False)
    variables = still(variables) if not options else variables
    half = jnp.zeros((IMAGES, 1, SIDE, SIDE), bool).at[..., : SIDE // 2 + 1].set(True)
    proposals = Proposals(masks=half, valid=jnp.ones((IMAGES, 1), bool))
    inside = jnp.arange(CELLS) % 4 < 3  # three of four columns: one pixel of the third is enough
    outside = jnp.concatenate([jnp.ones(1, bool), ~inside])[None].repeat(IMAGES, 0)
    plain = scored(method, variables, features, proposals).logits[..., :3]
    changed = disturbed(features, outside)
    np.testing.assert_array_equal(
        scored(method, variables, changed, proposals).logits[..., :3], plain
    )
    changed = disturbed(features, ~outside)
    assert np.abs(scored(method, variables, changed, proposals).logits[..., :3] - plain).min() > 0
    seen = with_settings(method, class_key=True)
    changed = scored(seen, variables, disturbed(features, outside), proposals)
    unchanged = scored(seen, variables, features, proposals)
    assert np.abs(changed.logits[..., :3] - unchanged.logits[..., :3]).min() > 0


def test_a_patch_is_seen_where_the_mask_has_any_pixel():
    masks = jnp.full((1, 3, 16, 16), -1.0).at[0, 0, 7, 8].set(0.0).at[0, 1].set(2.0)
    bias = coverage_bias(covered_tokens(masks, 8))
    assert bias.shape == (1, 1, 3, 5)
    want = [[True, False, True, False, False], [True] * 5, [True] + [False] * 4]
    np.testing.assert_array_equal(np.isfinite(bias[0, 0]), want)
    bias = coverage_bias(covered_tokens(masks, 8, class_key=False))
    want = [[False, False, True, False, False], [False] + [True] * 4, [False] + [True] * 4]
    np.testing.assert_array_equal(np.isfinite(bias[0, 0]), want)


def test_clip_sees_a_square_and_masks_follow():
    method = fisa(clip_size=SIDE)
    variables = initialise(method, BATCH, PROPOSALS, TEXT)
    assert method.stride == 32
    double = BATCH.replace(
        images=BATCH.images.repeat(2, 1).repeat(3, 2), sizes=BATCH.sizes * jnp.array([2, 3])
    )
    features = run(method, variables, "encode_batch", double)
    assert features.dense.shape[1:3] == (4, 4)
    large = PROPOSALS.replace(masks=PROPOSALS.masks.repeat(2, 2).repeat(3, 3))
    assert scored(method, variables, features, large).masks.shape[2:] == (SIDE, SIDE)


# ---- words ----------------------------------------------------------------------------------


def test_extraction_is_attention_over_existing_classes():
    module = SemanticExtraction(width=12, heads=3, rank=6)
    rng = np.random.default_rng(0)
    tokens, words = rng.normal(size=(2, 5, 12)), rng.normal(size=(4, 7))
    valid = np.array([True, False, True, True])
    arrays = [jnp.asarray(x, jnp.float32) for x in (tokens, words)] + [jnp.asarray(valid)]
    shapes = jax.eval_shape(module.init, jax.random.key(0), *arrays)
    params = random_like(shapes)["params"]
    found = module.apply({"params": params}, *arrays)
    parts = {name: jax.tree.map(np.float64, params[name]) for name in params}
    query, key, value = (
        x @ parts[name]["kernel"] + parts[name]["bias"]
        for name, x in (("query", tokens), ("key", words), ("value", words))
    )
    for head in range(3):
        narrow, wide = slice(2 * head, 2 * head + 2), slice(4 * head, 4 * head + 4)
        logits = query[..., narrow] @ key[valid][:, narrow].T / np.sqrt(2)
        weights = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
        want = weights @ value[valid][:, wide]
        np.testing.assert_allclose(found[..., wide], want, atol=1e-5)


def test_a_class_is_the_mean_of_its_names():
    rows = np.asarray(TEXT.embeddings.mean(1), np.float64)
    rows /= np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-9)
    want = np.stack([rows[0] + rows[1], rows[2], rows[3], np.zeros(WIDTH)])
    want /= np.maximum(np.linalg.norm(want, axis=-1, keepdims=True), 1e-9)
    np.testing.assert_allclose(class_rows(TEXT), want, atol=1e-6)


def test_words_reach_the_tokens_on_their_way():
    other = TEXT.replace(embeddings=TEXT.embeddings[::-1].at[4].set(0.0))
    for options, moves in (({}, True), (BASE, False)):
        method, variables, features = made(**options)
        tokens = [
            scored(method, variables, features, text=t).regions.embeddings for t in (TEXT, other)
        ]
        assert (np.abs(tokens[0] - tokens[1]).max() > 1e-3) == moves


# ---- what an untrained FISA equals -----------------------------------------------------------


def still(variables):
    """Words say nothing, and the adapter changes nothing."""
    names = (r"distribution/conv1/.*",)
    return with_parameters(variables, dict.fromkeys(names, jnp.zeros_like))


@pytest.mark.parametrize("options", [{}, {"separate_query": True, "shared": False, "rank": 0}])
def test_silent_words_and_an_identical_adapter_give_the_base(options):
    method, variables, features = made(residual=True, **options)
    silent = [r"seve/\w+/value/(kernel|bias)"]
    silent += [r"seve/\w+_query/(kernel|bias)"] if "separate_query" in options else []
    variables = with_parameters(still(variables), dict.fromkeys(silent, jnp.zeros_like))
    base = fisa(**BASE)
    shared = {"params": {"clip": variables["params"]["clip"]}}
    want = scored(base, shared, run(base, shared, "encode_batch", BATCH))
    found = scored(method, variables, features)
    np.testing.assert_allclose(found.logits[..., :3], want.logits[..., :3], atol=1e-5)
    np.testing.assert_allclose(
        found.regions.embeddings, want.regions.embeddings, rtol=1e-5, atol=1e-5
    )
    literal = scored(with_settings(method, residual=False), variables, features)
    assert np.abs(literal.logits[..., :3] - want.logits[..., :3]).max() > 1e-2


def test_fresh_parameters_are_silent_where_there_is_a_residual():
    method = fisa(residual=True, separate_query=True, lora_rank=2)
    fresh = quick_jit(lambda key: initial_parameters(method, key))(jax.random.key(0))
    zeros = {path for path, leaf in trees.flatten(fresh).items() if not leaf.any()}
    assert {"seve/shared/value/kernel", "seve/block1_query/kernel"} <= zeros
    assert {"distribution/conv1/kernel", "lora/block2_output/up"} <= zeros
    assert not {"seve/shared/query/kernel", "distribution/conv0/kernel"} & zeros


# ---- LoRA -----------------------------------------------------------------------------------


def test_low_rank_changes_are_added_to_the_kernels_and_start_at_zero():
    method, variables, _ = made(lora_rank=2)
    plain = fisa()
    zeroed = with_parameters(variables, {r"lora/.*/up": jnp.zeros_like})
    params = {name: part for name, part in variables["params"].items() if name != "lora"}
    kernels = {
        path: leaf
        + variables["params"]["lora"][f"{block}_{part}"]["down"]
        @ variables["params"]["lora"][f"{block}_{part}"]["up"]
        for path, leaf in trees.flatten(params).items()
        if "attention/" in path and path.startswith("clip/visual") and path.endswith("kernel")
        for block, part in [path.split("/")[2::2]]
    }
    assert len(kernels) == 3 * 4
    merged = trees.unflatten(trees.flatten(params) | kernels)

    def answer(method, params):
        variables = {"params": params}
        features = run(method, variables, "encode_batch", BATCH)
        return scored(method, variables, features).logits[..., :3]

    base = answer(plain, params)
    np.testing.assert_array_equal(answer(method, zeroed["params"]), base)
    found = answer(method, variables["params"])
    np.testing.assert_allclose(found, answer(plain, merged), atol=1e-5)
    assert np.abs(found - base).max() > 1e-3


# ---- training -------------------------------------------------------------------------------


class Given:
    """A source that always proposes the same."""

    def propose(self, batch: Batch, rng: jax.Array) -> Proposals:
        return PROPOSALS


def stepped(method, variables, trainable):
    """The parameters before and after one step, by path."""
    config = dataclasses.replace(toy.get_config().optimizer, trainable=trainable, lr_factors=())
    chosen, frozen = trees.split(variables["params"], trainable)
    tx = make_optimizer(dataclasses.replace(config, warmup_steps=0), 10, chosen)
    state = TrainState(
        step=jnp.zeros((), jnp.int32), trainable=chosen, frozen=frozen, optimizer=tx.init(chosen)
    )
    after, metrics = quick_jit(make_step(method, Given(), tx, seed=0))(state, BATCH, TEXT)
    assert all(np.isfinite(value).all() for value in metrics.values())
    return trees.flatten(variables["params"]), trees.flatten(after.params)


def test_one_step_of_simo_moves_queries_and_what_is_new():
    method, variables, _ = made()
    before, after = stepped(method, variables, (*NEW, QUERIES))
    moved = {path for path in before if np.any(before[path] != after[path])}
    new = {path for path in before if path.startswith(("seve/", "distribution/"))}
    queries = {
        f"clip/visual/block{index}/attention/query/{leaf}"
        for index in range(3)
        for leaf in ("kernel", "bias")
    }
    assert moved <= new | queries and queries <= moved
    assert new - moved <= {"seve/shared/key/bias"}  # softmax does not see it


def test_separate_queries_leave_the_image_as_it_is():
    method, variables, features = made(separate_query=True)
    before, after = stepped(method, variables, NEW)
    assert all(np.array_equal(before[p], after[p]) for p in before if p.startswith("clip/"))
    again = run(method, {"params": trees.unflatten(after)}, "encode_batch", BATCH)
    for old, new in zip(jax.tree.leaves(features), jax.tree.leaves(again), strict=True):
        np.testing.assert_array_equal(old, new)
    assert np.any(before["seve/block0_query/kernel"] != after["seve/block0_query/kernel"])


def test_the_loss_needs_no_truth_and_teaches_masks_and_words():
    method, variables, _ = made()

    def loss(variables, batch):
        key = jax.random.key(0)
        return method.apply(variables, batch, PROPOSALS, TEXT, key, method="loss")

    compute = quick_jit(jax.value_and_grad(loss, has_aux=True))
    (value, metrics), gradient = compute(variables, BATCH)
    parts = [metrics[name] for name in ("class_loss", "mask_loss", "dice_loss")]
    np.testing.assert_allclose(sum(parts), value, rtol=1e-5)
    assert all(part > 0 for part in parts)
    own = gradient["params"]
    for part in (own["distribution"]["conv0"]["kernel"], own["seve"]["shared"]["value"]["kernel"]):
        assert np.abs(part).max() > 0 and np.isfinite(part).all()
    (value, _), gradient = compute(variables, BATCH.replace(labels=jnp.full_like(BATCH.labels, -1)))
    assert value == 0
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


def test_masks_without_a_partner_have_no_say_in_the_class_loss():
    """With one truth, matched by the mask that equals it, the others may be called anything."""
    method, variables, features = made(**BASE)
    labels = jnp.full_like(BATCH.labels, -1).at[:, 0].set(1)
    batch = BATCH.replace(labels=labels)
    first = PROPOSALS.masks[:, :1]

    def class_loss(others):
        masks = jnp.concatenate([first, others], axis=1)
        proposals = Proposals(masks=masks, valid=jnp.ones(masks.shape[:2], bool))
        arguments = batch, proposals, TEXT, jax.random.key(0), features
        return run(method, variables, "loss", *arguments)[1]["class_loss"]

    inverse = -PROPOSALS.masks[:, :1].repeat(3, 1) - 3
    shifted = jnp.full_like(inverse, -8.0)
    assert class_loss(inverse) == class_loss(shifted) > 0


# ---- sizes and refusals ----------------------------------------------------------------------


ADAPTER = 9 * 8 + 8 + 9 * 8 + 1
"""Two convolutions of 3 x 3, from 1 to 8 channels and back."""
NORM = 2 * 768
QUERY, KEY, VALUE = 1024 * 1024 + 1024, 768 * 1024 + 1024, 768 * 1024 + 1024
READINGS = {
    "simo": {
        "clip": 24 * QUERY,
        "seve": NORM + (1024 * 128 + 128) + (768 * 128 + 128) + VALUE,
        "distribution": ADAPTER,
    },
    **dict.fromkeys(
        ("first_blocks", "last_blocks"),
        {"seve": NORM + 7 * (QUERY + KEY + VALUE + QUERY), "distribution": ADAPTER},
    ),
}


@pytest.mark.parametrize("name", quick_ones(READINGS, ["simo"]))
def test_readings_of_the_paper_train_26_million_parameters(name, capsys):
    """The two ways to 26 M, query projections or full rank in 7 blocks; printed group by group."""
    groups = trainable_groups(ablations.VARIANTS[name]())
    assert groups == READINGS[name]
    assert 25.5e6 <= sum(groups.values()) <= 26.5e6
    common.report_variants(ablations.VARIANTS, [name])
    printed = capsys.readouterr().out
    assert printed.startswith(name) and f"{sum(groups.values()) / 1e6:.3f} M" in printed
    assert all(f"{part} {count:,}" in printed for part, count in groups.items())


def test_full_rank_words_enter_the_first_or_the_last_blocks():
    blocks = {}
    for name in ("first_blocks", "last_blocks"):
        config = ablations.get_config(name)
        shapes = parameter_shapes(build.method(config.model))
        blocks[name] = {int(part[5:]) for part in shapes["seve"] if part[5:].isdigit()}
    assert blocks == {"first_blocks": set(range(7)), "last_blocks": set(range(17, 24))}
    assert ablations.get_config("simo").model.method.words_enter == "all"


@pytest.mark.parametrize("generator", ["", slow("_swin_tiny"), slow("_resnet50")])
def test_published_models_differ_in_their_frozen_generator(generator):
    config = importlib.import_module(f"configs.fisa.vit_l_14_336{generator}").get_config()
    groups = trainable_groups(config)
    assert groups == READINGS["simo"]
    backbone = generator.strip("_") or "swin_base"
    assert config.model.generator.backbone == backbone


@pytest.mark.parametrize("rank", [64, slow(128), slow(256)])
def test_low_rank_variants_have_two_factors_per_projection(rank):
    config = ablations.get_config(f"lora_{rank}")
    assert trainable_groups(config)["lora"] == 24 * 4 * 2 * 1024 * rank
    assert not any("clip/" in pattern for pattern in config.optimizer.trainable)


UNTRAINED = ("baseline", "maskclip_true_masks", "maskclip_true_names")


@pytest.mark.slow
@pytest.mark.parametrize("name", ablations.VARIANTS)
def test_variants_fit_their_models(name):
    config = ablations.get_config(name)
    shapes = parameter_shapes(build.method(config.model))
    chosen, _ = trees.split(shapes, config.optimizer.trainable)
    assert bool(chosen) == (config.num_steps > 0) == (name not in UNTRAINED)
    jax.eval_shape(make_optimizer(config.optimizer, config.num_steps, chosen).init, chosen)
    fresh = [p for p in config.init_missing if not trees.split(shapes, (p,))[0]]
    assert not fresh


def test_impossible_sizes_are_refused():
    with pytest.raises(ValueError, match="word_blocks=9, but the tower has 3 blocks"):
        initialise(fisa(words_enter="first", word_blocks=9), BATCH, PROPOSALS, TEXT)
    with pytest.raises(ValueError, match="rank=7 does not divide into 2 heads"):
        initialise(fisa(rank=7), BATCH, PROPOSALS, TEXT)
