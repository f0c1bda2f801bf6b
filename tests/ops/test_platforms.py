"""The platform that is compiled for decides the form, wherever the program is traced."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.models.fisa.distribution_adapter import DistributionAdapter
from ovseg_jax.models.layers import in_portions
from ovseg_jax.ops.attention.dot_product import attention
from ovseg_jax.ops.depthwise import depthwise_conv
from ovseg_jax.ops.images.resize import resize_masks
from ovseg_jax.ops.masks.iou import mask_iou

PLATFORMS = ("cpu", "cuda", "tpu")


def floats(*shape):
    return jax.ShapeDtypeStruct(shape, jnp.float32)


def bits(*shape):
    return jax.ShapeDtypeStruct(shape, jnp.bool_)


def lowered(function, *shapes):
    """What XLA gets for each platform, from one trace."""
    traced = jax.jit(function).trace(*shapes)
    return {name: traced.lower(lowering_platforms=(name,)).as_text() for name in PLATFORMS}


def gradient(function):
    def total(*arrays):
        return (function(*arrays) ** 2).sum()

    return jax.grad(total, (0, 1))


GROUPED = "feature_group_count = 8"
"""In StableHLO, of eight channels with a kernel each."""


@pytest.mark.parametrize("over", [lambda f: f, jax.vmap, jax.checkpoint])
@pytest.mark.parametrize("way", [lambda f: f, gradient])
def test_depthwise_convolutions_are_shifts_on_a_cpu_only(over, way):
    shapes = [floats(2, 9, 9, 8), floats(3, 3, 1, 8)]
    if over is jax.vmap:
        shapes = [floats(4, *shape.shape) for shape in shapes]
    text = lowered(way(over(depthwise_conv)), *shapes)
    grouped = "feature_group_count = 32" if over is jax.vmap else GROUPED
    assert grouped in text["tpu"] and grouped in text["cuda"]
    assert "convolution" not in text["cpu"]
    few, many = text["tpu"].count("stablehlo.slice"), text["cpu"].count("stablehlo.slice")
    assert few == 0 and many >= 9


def test_masks_are_compared_by_bits_on_a_cpu_only():
    text = lowered(jax.vmap(mask_iou), bits(2, 3, 8, 8), bits(2, 4, 8, 8))
    assert "popcnt" in text["cpu"] and "dot_general" not in text["cpu"]
    for name in ("cuda", "tpu"):
        assert "popcnt" not in text[name] and "bf16" in text[name]


def test_products_of_masks_count_in_integers_on_a_cpu_only():
    text = lowered(lambda a, b: mask_iou(a, b, form="matmul"), bits(3, 8, 8), bits(4, 8, 8))
    assert "xi8>" in text["cpu"] and "bf16" not in text["cpu"]
    assert "bf16" in text["tpu"] and "xi8>" not in text["tpu"]


@pytest.mark.parametrize("way", [lambda f: f, lambda f: jax.grad(lambda x: (f(x) ** 2).sum())])
def test_masks_are_resized_by_gathering_on_a_cpu_only(way):
    text = lowered(way(lambda masks: resize_masks(masks, (16, 12))), floats(2, 8, 8))
    assert "gather" in text["cpu"] and "dot_general" not in text["cpu"]
    assert "dot_general" in text["tpu"] and "gather" not in text["tpu"]


def test_attention_takes_rows_in_turn_on_a_cpu_only():
    text = lowered(attention, *[floats(1, 1024, 4, 8)] * 3)
    assert "stablehlo.while" in text["cpu"]
    assert "stablehlo.while" not in text["tpu"] + text["cuda"]


def test_rows_go_in_portions_on_a_cpu_only(monkeypatch):
    monkeypatch.setattr("ovseg_jax.models.layers.PORTION", 2**10)
    text = lowered(
        lambda x, k: in_portions(lambda r: r @ k, x, 8), floats(1, 16, 16, 8), floats(8, 8)
    )
    assert text["cpu"].count("dot_general") == 8
    assert text["tpu"].count("dot_general") == 1


@pytest.mark.parametrize("way", [lambda f: f, gradient])
def test_the_distribution_adapter_convolves_elsewhere_than_on_a_cpu(way):
    adapter, masks = DistributionAdapter(2, 4), floats(1, 2, 12, 12)
    params = adapter.init(jax.random.key(0), jnp.zeros(masks.shape))
    text = lowered(way(lambda masks, scale: adapter.apply(params, masks) * scale), masks, masks)
    assert "convolution" in text["tpu"] and "convolution" not in text["cpu"]


@pytest.mark.parametrize("way", [lambda f: f, gradient])
def test_what_a_cpu_runs_is_its_own_form_to_the_bit(way):
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=(1, 8, 8, 4)), rng.normal(size=(7, 7, 1, 4))
    arrays = [jnp.asarray(array, jnp.float32) for array in (x, kernel)]
    found = jax.jit(way(depthwise_conv))(*arrays)
    wanted = jax.jit(way(lambda x, k: depthwise_conv(x, k, form="shift")))(*arrays)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_array_equal(one, other)
