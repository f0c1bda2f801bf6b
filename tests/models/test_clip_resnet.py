"""The ResNet tower's attention pool per mask, its norms, and its place in `Clip`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.models.clip.clip import Clip
from ovseg_jax.models.clip.resnet import ResNetTower
from ovseg_jax.models.clip.text import TextTower

TOWER = ResNetTower(image_size=64, blocks=(1, 1, 1, 1), width=8, heads=4, embedding_dim=6)
IMAGES = jax.random.normal(jax.random.key(0), (2, 96, 64, 3))


@pytest.fixture(scope="module")
def variables():
    params = jax.jit(TOWER.init)(jax.random.key(1), IMAGES)
    leaves, tree = jax.tree.flatten(params)
    keys = jax.random.split(jax.random.key(2), len(leaves))
    draws = [jax.random.normal(key, x.shape) for key, x in zip(keys, leaves, strict=True)]
    noisy = [x * (1 + 0.1 * n) + 0.01 * n for x, n in zip(leaves, draws, strict=True)]
    return jax.tree.unflatten(tree, noisy)


@pytest.fixture(scope="module")
def dense(variables):
    maps = TOWER.apply(variables, IMAGES, method="trunk")
    assert {n: x.shape[1:] for n, x in maps.items()} == {
        "stem": (48, 32, 8),
        "res2": (24, 16, 32),
        "res3": (12, 8, 64),
        "res4": (6, 4, 128),
        "res5": (3, 2, 256),
    }
    return maps["res5"]


def plain_pool(variables, dense, bias):
    """The pool written out in float64, one mask and one head at a time."""
    pool = jax.tree.map(lambda x: np.asarray(x, np.float64), variables["params"]["pooling"])
    dense, bias = np.asarray(dense, np.float64), np.asarray(bias, np.float64)
    batch, height, width, channels = dense.shape
    positions = TOWER.apply(
        variables,
        method=lambda m: m.pooling._tokens(jnp.zeros((1, height, width, channels))),
    )
    first, rest = (np.asarray(x[0], np.float64) for x in positions)

    def dense_layer(name, x):
        return x @ pool[name]["kernel"] + pool[name]["bias"]

    result = []
    for image, rows in zip(dense, bias, strict=True):
        cells = image.reshape(-1, channels)
        query = dense_layer("query", cells.mean(0) + first[0])
        key, value = dense_layer("key", cells + rest), dense_layer("value", cells + rest)
        size = channels // 4
        for mask in range(rows.shape[1]):
            heads = []
            for head in range(4):
                part = slice(head * size, (head + 1) * size)
                logits = key[:, part] @ query[part] / size**0.5 + rows[head, mask]
                weights = np.exp(logits - logits.max())
                heads.append(weights / weights.sum() @ value[:, part])
            result.append(dense_layer("output", np.concatenate(heads)))
    return np.stack(result).reshape(batch, -1, 6)


def test_masks_with_a_bias_per_head_equal_the_plain_formula(variables, dense):
    bias = 2 * jax.random.normal(jax.random.key(5), (2, 4, 3, 6))
    found = TOWER.apply(variables, dense, bias, method="pool")
    expected = plain_pool(variables, dense, bias)
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


def test_blocked_cells_do_not_count_and_an_empty_mask_is_no_nan(variables, dense):
    outside = jnp.where(jnp.arange(6) < 2, 0.0, -jnp.inf)
    empty = jnp.full(6, -jnp.inf)
    bias = jnp.stack([outside, empty])[None, None]
    found = TOWER.apply(variables, dense, bias, method="pool")
    # Cells change behind the mean, which asks: only what they answer must not reach the result.
    assert jnp.isfinite(found).all()
    constant = variables["params"]["pooling"]["output"]["bias"]
    np.testing.assert_allclose(found[:, 1], jnp.tile(constant, (2, 1)), atol=1e-6)
    hard = jnp.where(jnp.isinf(bias), -1e9, bias)
    soft = TOWER.apply(variables, dense, hard, method="pool")
    np.testing.assert_allclose(found[:, 0], soft[:, 0], atol=1e-5)


def test_a_cell_alone_is_its_projected_value(variables, dense):
    vectors = dense[0, 0]
    hidden = TOWER.apply(variables, vectors, method="head_hidden")
    found = TOWER.apply(variables, hidden, method="head_output")
    pool = variables["params"]["pooling"]
    value = vectors @ pool["value"]["kernel"] + pool["value"]["bias"]
    expected = value @ pool["output"]["kernel"] + pool["output"]["bias"]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_means_commute_with_the_end_of_the_head(variables):
    text = TextTower(vocab_size=9, context_length=4, width=8, heads=2, layers=1, embedding_dim=6)
    clip = Clip(visual=TOWER, text=text)
    tokens = jnp.ones((1, 4), jnp.int32)
    params = clip.init(jax.random.key(0), IMAGES, tokens)["params"]
    vectors = jax.random.normal(jax.random.key(1), (2, 5, 256))
    mean = clip.apply({"params": params}, vectors, method="project_mean")
    each = clip.apply({"params": params}, vectors, method="project").mean(1)
    np.testing.assert_allclose(mean, each, atol=1e-5)
    features = clip.apply({"params": params}, IMAGES, method="features")
    assert features.dense.shape == (2, 3, 2, 256) and clip.stride == 32
    assert set(features.pyramid) == {"res2", "res3", "res4", "res5"}


def test_batch_statistics_make_the_stored_ones_irrelevant(variables):
    training = TOWER.clone(batch_statistics=True)
    moved = jax.tree_util.tree_map_with_path(
        lambda path, x: x + 5 if path[-1].key in ("mean", "variance") else x, variables
    )
    one = training.apply(variables, IMAGES, method="trunk")["res2"]
    np.testing.assert_array_equal(one, training.apply(moved, IMAGES, method="trunk")["res2"])
    stored = TOWER.apply(variables, IMAGES, method="trunk")["res2"]
    assert jnp.abs(stored - TOWER.apply(moved, IMAGES, method="trunk")["res2"]).max() > 1e-3


def test_half_precision_stays_close(variables):
    half = TOWER.clone(dtype=jnp.bfloat16)
    exact = TOWER.apply(variables, IMAGES, method="trunk")["res5"]
    rough = half.apply(variables, IMAGES, method="trunk")["res5"]
    assert rough.dtype == jnp.bfloat16
    assert jnp.abs(rough - exact).mean() < 0.03 * jnp.abs(exact).mean()


def test_masks_are_embedded_by_attention_inside_them(variables, dense):
    hard = np.zeros((2, 3, 3, 2), np.float32)
    hard[:, 0, :2], hard[:, 1] = 1, 0.5  # the last mask is empty
    clip = Clip(visual=TOWER, text=TextTower(6, 9, 4, 8, 1, 2))

    def embed(weights):
        params = {"visual": variables["params"]}
        return clip.apply(
            {"params": params | {"logit_scale": jnp.zeros(())}},
            dense,
            jnp.asarray(weights),
            method="embed_masks",
        )

    bias = np.where(hard.reshape(2, 1, 3, 6) > 0, 0, -np.inf)
    bias = np.broadcast_to(bias, (2, 4, 3, 6))
    want = plain_pool(variables, dense, bias[:, :, :2])
    np.testing.assert_allclose(embed(hard)[:, :2], want, atol=2e-5)
    output = variables["params"]["pooling"]["output"]["bias"]
    np.testing.assert_allclose(embed(hard)[0, 2], output, atol=1e-6)
    # a cell that is covered by a quarter answers a quarter as much
    quarter = np.where(np.arange(6) < 2, 0.25, 1).reshape(1, 1, 3, 2).repeat(2, 0)
    bias = np.broadcast_to(np.log(quarter).reshape(2, 1, 1, 6), (2, 4, 1, 6))
    quarter = quarter.astype(np.float32)
    np.testing.assert_allclose(embed(quarter), plain_pool(variables, dense, bias), atol=2e-5)
