"""Tiny random generators of every kind: quick forms, heads, what is refused."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from slow_cases import quick_ones

from ovseg_jax.config import QueryGeneratorConfig
from ovseg_jax.models.generators import variants
from ovseg_jax.models.generators.variants import build_generator

TINY = QueryGeneratorConfig(
    backbone="clip",
    num_queries=5,
    num_classes=3,
    width=16,
    mask_width=8,
    heads=2,
    levels=2,
    encoder_layers=1,
    encoder_hidden=16,
    decoder_layers=3,
    decoder_hidden=16,
)
KINDS = {
    "text": TINY,
    "linear": dataclasses.replace(TINY, class_head="linear"),
    "detr": dataclasses.replace(
        TINY, pixel_decoder="fpn", decoder="detr", class_head="embedding", encoder_layers=0
    ),
    "detr with encoder": dataclasses.replace(
        TINY, pixel_decoder="fpn", decoder="detr", class_head="linear"
    ),
}


def pyramid(sides=((12, 16), (6, 8), (3, 4)), seed=0):
    rng = np.random.default_rng(seed)
    return {
        f"res{index + 2}": jnp.asarray(rng.standard_normal((2, *side, 6 + index)), jnp.float32)
        for index, side in enumerate(sides)
    }


def initialised(config, maps):
    module = build_generator(config, embedding_dim=7)
    images, sizes = jnp.zeros((2, 48, 64, 3)), jnp.array([[48, 64], [40, 60]])
    shapes = jax.eval_shape(module.init, jax.random.key(0), images, sizes, maps)
    rng = np.random.default_rng(1)

    def draw(leaf):
        fan_in = np.prod(leaf.shape[:-1]) if len(leaf.shape) > 1 else 1
        return jnp.asarray(rng.standard_normal(leaf.shape) / np.sqrt(fan_in), jnp.float32)

    params = jax.tree.map(draw, shapes)

    def run(maps, *, all_layers=False):
        return jax.jit(lambda p, x: module.apply(p, images, sizes, x, all_layers=all_layers))(
            params, maps
        )

    return run


@pytest.mark.parametrize("kind", KINDS)
def test_the_quick_way_gives_the_last_of_all_answers(kind):
    maps = pyramid()
    run = initialised(KINDS[kind], maps)
    every, quick = run(maps, all_layers=True), run(maps)
    assert len(quick) == 1 and len(every) == 3 + (KINDS[kind].decoder == "masked_attention")
    for want, got in zip(*map(jax.tree.leaves, (every[-1], quick[0])), strict=True):
        np.testing.assert_allclose(got, want, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_odd_sizes_and_what_comes_out(kind):
    config, maps = KINDS[kind], pyramid(((23, 30), (12, 15), (6, 8)))
    (answer,) = initialised(config, maps)(maps)
    assert answer.masks.shape == (2, 5, 23, 30) and answer.valid.all()
    if config.class_head == "linear":
        assert answer.class_logits.shape == (2, 5, 4) and answer.class_embeddings is None
    else:
        lengths = np.linalg.norm(answer.class_embeddings, axis=-1)
        assert answer.class_logits is None and answer.class_embeddings.shape == (2, 5, 7)
        np.testing.assert_allclose(lengths, lengths[0, 0], rtol=1e-5)


def test_images_of_a_batch_do_not_touch_each_other():
    maps = pyramid()
    run = initialised(TINY, maps)
    changed = {name: x.at[1].set(0.5) for name, x in maps.items()}
    np.testing.assert_allclose(run(maps)[0].masks[0], run(changed)[0].masks[0], atol=1e-5)


def test_borrowed_maps_get_no_gradient():
    maps = pyramid()
    run = initialised(TINY, maps)
    gradient = jax.grad(lambda maps: run(maps)[0].masks.sum())(maps)
    assert all((leaf == 0).all() for leaf in jax.tree.leaves(gradient))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"backbone": "swin_tinny"}, "no row 'swin_tinny'. Did you mean 'swin_tiny'"),
        ({"class_head": "embedding"}, "masked attention has 'linear' or 'text'"),
        ({"decoder": "detr", "pixel_decoder": "fpn"}, "DETR's decoder has 'linear' or 'embedding'"),
    ],
)
def test_parts_that_do_not_fit_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        build_generator(dataclasses.replace(TINY, **change), 7)


SMALL = ("resnet50", "swin_tiny", "convnext_toy")


def test_too_few_trunk_maps_are_refused():
    maps = pyramid()
    del maps["res4"]
    with pytest.raises(ValueError, match="2 levels and one finer map"):
        initialised(TINY, maps)


@pytest.mark.parametrize("name", quick_ones(variants.BACKBONES, SMALL))
def test_every_backbone_has_the_published_strides(name):
    module = variants.backbone(name)
    images = jax.ShapeDtypeStruct((1, 70, 101, 3), jnp.float32)
    params = jax.eval_shape(module.init, jax.random.key(0), images)
    maps = jax.eval_shape(module.apply, params, images)
    first = next(iter(maps.values())).shape[1:3]
    assert first in ((18, 26), (17, 25))  # Swin and ResNet pad, ConvNeXt drops
    for index, shape in enumerate(x.shape for x in maps.values()):
        assert abs(shape[1] - first[0] / 2**index) < 1 and abs(shape[2] - first[1] / 2**index) < 1
