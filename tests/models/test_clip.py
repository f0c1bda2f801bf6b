"""The CLIP towers: shapes, names, exact identities, and what must not change."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.foundation import trees
from ovseg_jax.models import layers
from ovseg_jax.models.clip.convnext import ConvNeXtTower
from ovseg_jax.models.clip.text import TextTower
from ovseg_jax.models.clip.variants import VARIANTS, build_clip, build_tokenizer

SHAPES = ((2, 40, 5, 3), (3, 12))
"""Of rows, and of the kernel that maps them to hidden channels."""


@pytest.fixture(scope="module")
def toy():
    clip = build_clip("convnext_toy")
    tokens = jnp.asarray(build_tokenizer("convnext_toy")(["a ball", "the sky and the sea"]))
    params = jax.jit(clip.init)(jax.random.key(0), jnp.zeros((1, 32, 32, 3)), tokens)["params"]
    images = jax.random.normal(jax.random.key(1), (2, 48, 40, 3))
    return clip, params, images, tokens


def apply(toy, method, *arguments):
    """Applies under `jit`, which compiles faster than the same operations one by one."""
    clip, params, *_ = toy
    call = jax.jit(lambda variables, *rest: clip.apply(variables, *rest, method=method))
    return call({"params": params}, *arguments)


@pytest.mark.parametrize("height", [1, 7, 40])
def test_rows_in_portions_equal_all_rows_at_once(height, monkeypatch):
    """Uneven portions, more portions than rows, and the gradient."""
    x, kernel = (jax.random.normal(jax.random.key(i), shape) for i, shape in enumerate(SHAPES))
    x = x[:, :height]

    calls = []

    def rows_to_rows(rows):
        calls.append(rows.shape[1])
        return jnp.tanh(rows @ kernel) @ kernel.T

    def squares(x):
        found = layers.in_portions(rows_to_rows, x, kernel.shape[1])
        return (found**2).sum(), found

    answers = []
    for portion, parts in ((2**24, 1), (500, min(height, layers.MOST_PORTIONS))):
        monkeypatch.setattr(layers, "PORTION", portion)
        calls.clear()
        answers.append(jax.tree.leaves(jax.value_and_grad(squares, has_aux=True)(x)))
        assert len(calls) == parts and sum(calls) == height and max(calls) - min(calls) <= 1
    for whole, portions in zip(*answers, strict=True):
        error = 1e-6 * np.abs(whole).max()  # one rounding of the largest term of a sum
        np.testing.assert_allclose(portions, whole, rtol=1e-5, atol=error)


def test_toy_features_lie_at_stride_eight_and_pyramid_names_start_at_res2(toy):
    features = apply(toy, "features", toy[2], jnp.array([[48, 40], [40, 40]]))
    assert features.dense.shape == (2, 6, 5, 96)
    assert {name: x.shape[1:] for name, x in features.pyramid.items()} == {
        "res2": (12, 10, 32),
        "res3": (6, 5, 96),
    }
    assert features.projected.shape == (2, 6, 5, 96)


def test_image_embedding_is_the_head_on_the_mean_of_the_dense_map(toy):
    dense = apply(toy, "features", toy[2]).dense
    expected = apply(toy, "project", dense.mean((1, 2)))
    np.testing.assert_allclose(apply(toy, "encode_image", toy[2]), expected, atol=1e-5)


@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_mean_before_the_last_linear_map_equals_mean_after_it(head):
    tower = ConvNeXtTower(dims=(8,), depths=(1,), embedding_dim=6, head=head)
    params = jax.jit(tower.init)(jax.random.key(0), jnp.zeros((1, 8, 8, 3)))
    vectors = jax.random.normal(jax.random.key(1), (3, 4, 8))
    hidden = tower.apply(params, vectors, method="head_hidden")
    after = tower.apply(params, hidden, method="head_output").mean(1)
    before = tower.apply(params, hidden.mean(1), method="head_output")
    np.testing.assert_allclose(before, after, atol=1e-6)


def test_text_embedding_ignores_what_follows_the_end_of_text(toy):
    tokens = np.array(toy[3])
    end = tokens.argmax(-1)
    tokens[0, end[0] + 1 :] = 7
    np.testing.assert_allclose(
        apply(toy, "encode_text", jnp.asarray(tokens)),
        apply(toy, "encode_text", toy[3]),
        atol=1e-6,
    )


def test_shorter_token_rows_give_the_same_embedding(toy):
    short = toy[3][:, :12]
    np.testing.assert_allclose(
        apply(toy, "encode_text", short), apply(toy, "encode_text", toy[3]), atol=1e-5
    )


def test_text_tower_reads_earlier_words(toy):
    swapped = toy[3].at[1, 1].set(9)
    change = apply(toy, "encode_text", swapped) - apply(toy, "encode_text", toy[3])
    assert jnp.abs(change[1]).max() > 1e-3 and jnp.abs(change[0]).max() == 0


def test_temperature_starts_at_one_over_007_and_stops_at_100(toy):
    clip, params, *_ = toy
    start = clip.apply({"params": params}, method="temperature")
    np.testing.assert_allclose(start, 1 / 0.07, rtol=1e-5)
    hot = params | {"logit_scale": jnp.asarray(9.0)}
    assert clip.apply({"params": hot}, method="temperature") == 100


def test_stochastic_depth_needs_its_rng(toy):
    clip, params, images, _ = toy
    calm = apply(toy, "encode_image", images)
    np.testing.assert_array_equal(calm, apply(toy, "encode_image", images))

    @jax.jit
    def noisy(seed):
        rngs = {"stochastic_depth": jax.random.key(seed)}
        return clip.apply({"params": params}, images, method="encode_image", rngs=rngs)

    assert jnp.abs(noisy(0) - calm).max() > 1e-4
    assert any(jnp.abs(noisy(seed) - noisy(0)).max() > 1e-4 for seed in range(1, 20))


def test_bfloat16_keeps_float32_parameters_and_stays_close(toy):
    clip, params, images, tokens = toy
    half = build_clip("convnext_toy", "bfloat16")
    shapes = jax.eval_shape(half.init, jax.random.key(0), images, tokens)["params"]
    assert {x.dtype for x in jax.tree.leaves(shapes)} == {jnp.dtype("float32")}
    dense = jax.jit(lambda p, x: half.apply({"params": p}, x, method="features").dense)(
        params, images
    )
    assert dense.dtype == jnp.bfloat16
    exact = apply(toy, "features", images).dense
    assert jnp.abs(dense - exact).mean() < 0.02


@pytest.mark.parametrize(
    ("name", "millions"),
    [
        ("convnext_base", 151.52),
        ("convnext_base_w_320", 179.39),
        ("convnext_large_d_320", 351.77),
        ("convnext_xxlarge", 1200.58),
    ],
)
def test_published_variants_have_their_published_parameter_count(name, millions):
    clip = build_clip(name)
    arguments = jnp.zeros((1, 64, 64, 3)), jnp.zeros((1, 77), jnp.int32)
    shapes = jax.eval_shape(clip.init, jax.random.key(0), *arguments)["params"]
    assert abs(trees.count(shapes) / 1e6 - millions) < 0.01


def test_parameter_names_say_what_they_are(toy):
    paths = trees.flatten(toy[1])
    assert "visual/stage1/block1/depthwise/kernel" in paths
    assert "visual/stage1/downsample/norm/scale" in paths
    assert not [path for path in paths if "_0" in path]


def test_unknown_variant_names_the_nearest():
    with pytest.raises(ValueError, match="'convnext_xlarge'.*Did you mean 'convnext_xxlarge'"):
        build_clip("convnext_xlarge")


def test_every_variant_has_a_tokenizer_that_fits_its_text_tower():
    brought = ("siglip", "siglip2")  # these read a file of the user's: test_sentencepiece.py
    for name, row in VARIANTS.items():
        if row.tokenizer in brought:
            continue
        tokenizer = build_tokenizer(name)
        assert (tokenizer.vocab_size, tokenizer.context_length) == (
            row.text.vocab_size,
            row.text.context_length,
        )


def test_quick_gelu_is_a_switch():
    sizes = dict(vocab_size=20, context_length=5, width=8, heads=2, layers=1, embedding_dim=4)
    tokens = jnp.array([[18, 3, 19, 0, 0]])
    params = jax.jit(TextTower(**sizes).init)(jax.random.key(0), tokens)
    exact = jax.jit(TextTower(**sizes).apply)(params, tokens)
    quick = jax.jit(TextTower(**sizes, quick=True).apply)(params, tokens)
    assert 0 < jnp.abs(exact - quick).max() < 0.05


def test_tokens_of_another_tokenizer_are_refused(toy):
    with pytest.raises(ValueError, match="77 tokens, but the context is 32"):
        apply(toy, "encode_text", jnp.zeros((1, 77), jnp.int32))
