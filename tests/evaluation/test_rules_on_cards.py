"""The card and the computation: a setting moves scores exactly if the card says that it counts.

Every method, with random weights, on masks of every kind of source.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from slow_cases import slow

from ovseg_jax.config import (
    DensePixelsConfig,
    EnsembleConfig,
    FisaConfig,
    MaftPlusConfig,
    MaskAdapterConfig,
    MaskClipPlusPlusConfig,
    MaskCroppingConfig,
    MaskGeneratorConfig,
    MaskPoolingConfig,
    OVSegConfig,
    QueryGeneratorConfig,
)
from ovseg_jax.inference.ensemble import choose_rule
from ovseg_jax.inference.mask_makers.mask_maker import adopt
from ovseg_jax.models.generators.variants import build_generator
from tests.methods.tiny_scene import (
    SEGMENTS,
    WIDTH,
    random_like,
    tiny_batch,
    tiny_clip,
    tiny_method,
    tiny_proposals,
    tiny_text,
    tiny_vit_clip,
)

BATCH, TEXT = tiny_batch(), tiny_text()
TEXT = TEXT.replace(seen=jnp.array([True, False, False, False]))
GENERATOR = QueryGeneratorConfig(
    backbone="convnext_toy",
    num_queries=SEGMENTS + 2,
    width=8,
    mask_width=8,
    heads=2,
    levels=1,
    encoder_layers=1,
    encoder_hidden=8,
    decoder_layers=1,
    decoder_hidden=8,
    num_classes=4,
)
METHODS = {
    "mask_pooling": (MaskPoolingConfig(has_void=True), tiny_clip),
    "mask_cropping": (MaskCroppingConfig(crop_size=32, chunk=4), tiny_clip),
    "mask_adapter": (MaskAdapterConfig(num_maps=2, width=8, num_blocks=1), tiny_clip),
    "maft_plus": (MaftPlusConfig(), tiny_clip),
    "maskclippp": (MaskClipPlusPlusConfig(depth=2, num_templates=2), tiny_vit_clip),
    "ovseg": (OVSegConfig(crop_size=32, chunk=4, prompt_depth=2), tiny_vit_clip),
    "fisa": (FisaConfig(clip_size=0, rank=8, chunk=3), tiny_vit_clip),
    "mask_generator": (MaskGeneratorConfig(), tiny_clip),
    "dense_pixels": (DensePixelsConfig(readout="plain"), tiny_clip),
}
OWN = ("own, words", "own, list")
SOURCES = ("truth", *OWN, "other model", "other model with a say", "SAM")
SETTINGS = {
    "alpha": {"alpha": 0.1},
    "beta": {"beta": 0.3},
    "floor": {"floor": 0.05},
    "skip_empty": {"skip_empty": True},
    "kind": {"kind": "ovseg"},
}
BASE = EnsembleConfig(alpha=0.6, beta=0.8)


@functools.cache
def scored(name, source):
    """Proposals, the method's logits and its grid; None where the source does not fit."""
    heads = {"own, words": "text", "own, list": "linear"}
    head = heads.get(source, "text" if name == "mask_generator" else None)
    generator = None
    if head:
        generator = build_generator(dataclasses.replace(GENERATOR, class_head=head), WIDTH)
    config, clip = METHODS[name]
    method = tiny_method(config, clip(), generator)
    given = tiny_proposals(BATCH)
    # A mask without a cell of CLIP's map, for skip_empty.
    given = given.replace(masks=given.masks.at[:, 1].set(-9.0).at[:, 1, 0, 0].set(9.0))
    rng = np.random.default_rng(1)

    def compute(method):
        features = method.encode_batch(BATCH)
        proposals = given
        if source in OWN:
            proposals = method.propose(BATCH, features, TEXT)
            masks = proposals.masks
            names = proposals.class_logits
            if names is not None:  # random weights are too certain for anything to move them
                largest = jnp.where(jnp.isfinite(names), jnp.abs(names), 0.0).max()
                names = 2.0 * names / jnp.maximum(largest, 1e-6)
            masks = masks.at[:, 1].set(-9.0)
            proposals = proposals.replace(masks=masks, class_logits=names)
        elif source.startswith("other"):
            logits = jnp.asarray(rng.normal(size=(*given.valid.shape, 5)), jnp.float32)
            theirs = given.replace(class_logits=jnp.where(jnp.arange(5) == 3, -jnp.inf, logits))
            proposals = adopt(theirs, names_count=source.endswith("say"))
        elif source == "SAM":
            proposals = proposals.replace(masks=proposals.masks > 0)
        scores = method.score(features, proposals, TEXT)
        return proposals, scores.logits, features.dense

    shapes = jax.eval_shape(functools.partial(method.init, method=compute), jax.random.key(0))
    variables = random_like(shapes[1] if isinstance(shapes, tuple) else shapes)
    if "logit_scale" in variables.get("params", {}).get("clip", {}):
        variables["params"]["clip"]["logit_scale"] = jnp.float32(2.0)
    compiled = jax.jit(functools.partial(method.apply, method=compute))
    proposals, logits, dense = compiled(variables)
    return method, proposals, logits, dense.shape[1:3]


def answer(name, source, weights=BASE, no_object=0.0):
    """Probabilities of the masks that exist, and what the rule says of itself."""
    method, proposals, logits, grid = scored(name, source)
    if proposals.class_logits is not None and no_object:
        shifted = proposals.class_logits.at[..., -1].add(no_object)
        proposals = proposals.replace(class_logits=shifted)
        logits = shifted if method.repeats_names else logits
    rule = choose_rule(proposals, weights, grid, repeats=method.repeats_names)
    probabilities = np.exp(rule.join(proposals, logits, TEXT))
    return probabilities[np.asarray(proposals.valid)], rule.describe(seen=1, unseen=2)


def fits(name, source):
    if name == "dense_pixels":
        return source in ("truth", "SAM", OWN[0])
    return name != "mask_generator" or source not in ("truth", "SAM")


CASES = [(name, source) for name in METHODS for source in SOURCES if fits(name, source)]
QUICK = {
    *(("mask_pooling", source) for source in SOURCES),
    *(("mask_adapter", "truth"), ("mask_adapter", "other model"), ("maskclippp", "truth")),
    *(("ovseg", "own, words"), ("ovseg", "other model with a say"), ("mask_generator", OWN[0])),
    *(("fisa", "own, words"), ("fisa", "own, list"), ("fisa", "truth")),
}
"""Every source once, and each kind of rule; the other pairs are run with the slow tests."""


@pytest.mark.parametrize(("name", "source"), [c if c in QUICK else slow(*c) for c in CASES])
def test_scores_move_exactly_with_what_the_card_names(name, source):
    before, said = answer(name, source)
    assert np.isfinite(before).all()
    for setting, change in SETTINGS.items():
        after, now = answer(name, source, dataclasses.replace(BASE, **change))
        moved = np.abs(after - before).max() > 1e-5
        assert moved == (now != said), f"{setting}: {said!r} -> {now!r}, moved: {moved}"
    after, _ = answer(name, source, no_object=2.0)
    moved = np.abs(after - before).max() > 1e-5
    assert moved == ("'no object'" in said), said


def test_what_cards_say():
    said = {case: answer(*case)[1] for case in QUICK}
    mixed, no_object = "fcclip, alpha 0.6 (seen), beta 0.8 (unseen)", "; 'no object' of the"
    assert said["mask_pooling", "own, words"].startswith(mixed + no_object)
    assert said["ovseg", "other model with a say"].startswith(mixed + no_object)
    assert said["ovseg", "own, words"] == mixed  # without a void row nothing is no object
    assert said["mask_pooling", "own, list"].startswith(f"none for classes{no_object}")
    assert said["mask_adapter", "other model"].startswith(f"none for classes{no_object}")
    assert said["fisa", "own, words"] == said["fisa", "own, list"] == said["fisa", "truth"]
    assert said["fisa", "truth"] == "none: the masks bring no classifier"
    assert said["mask_generator", "own, words"].startswith("none: names are those of the")


def test_exponents_without_a_class_are_not_named_and_do_not_count():
    proposals, logits, grid = scored("mask_pooling", "own, words")[1:]
    for seen, text in ((True, "alpha"), (False, "beta")):
        all_one = TEXT.replace(seen=jnp.full(4, seen))
        found = []
        for weights in (BASE, dataclasses.replace(BASE, **{"beta" if seen else "alpha": 0.1})):
            rule = choose_rule(proposals, weights, grid)
            said = rule.describe(*((3, 0) if seen else (0, 3)))
            assert text in said and ("beta" if seen else "alpha") not in said
            found.append(rule.join(proposals, logits, all_one))
        np.testing.assert_array_equal(*found)


def test_settings_that_never_meet_stay_unnamed():
    products = dataclasses.replace(BASE, kind="ovseg")
    before, said = answer("ovseg", "own, words", products)
    for change in ({"floor": 0.05}, {"skip_empty": True}):
        after, now = answer("ovseg", "own, words", dataclasses.replace(products, **change))
        np.testing.assert_array_equal(after, before)
        assert now == said or "floor" not in now
