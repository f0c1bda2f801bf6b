"""Other last blocks, against the formulas written out with NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from methods.tiny_scene import random_like

from ovseg_jax.models.clip.readout import read_cells
from ovseg_jax.models.clip.vit import VisionTransformer
from ovseg_jax.ops.attention.rotary import rotate_cells, rotation

HEADS, WIDTH = 2, 24
SIZES = {"image_size": 32, "patch": 8, "width": WIDTH, "layers": 2, "heads": HEADS}
TOWERS = {
    "clip": VisionTransformer(**SIZES, embedding_dim=16),
    "eva": VisionTransformer(
        **SIZES, embedding_dim=16, gated=True, key_bias=False, pre_norm=False, rotary_grid=4
    ),
}
IMAGES = jax.random.normal(jax.random.key(0), (2, 24, 32, 3))
GRID = (3, 4)


def softmax(x):
    x = np.exp(x - x.max(-1, keepdims=True))
    return x / x.sum(-1, keepdims=True)


def by_head(x):
    return np.asarray(x).reshape(*x.shape[:2], HEADS, -1).transpose(0, 2, 1, 3)


def self_attention(x, values):
    weights = softmax(x @ x.transpose(0, 1, 3, 2) / np.sqrt(WIDTH / HEADS))
    return weights @ values


@pytest.mark.parametrize("name", TOWERS)
@pytest.mark.parametrize("way", ["plain", "values", "queries", "queries_keys"])
def test_each_way_is_its_formula(name, way):
    tower = TOWERS[name]
    variables = random_like(jax.eval_shape(tower.init, jax.random.key(0), IMAGES))
    found = tower.apply(variables, IMAGES, way, method=read_cells)

    def joints(bound, images):
        """What enters the last block, its projections, and its own parts as functions."""
        tokens, memories = bound.run(images, remember=(1,))
        memory, block = memories[1], bound.blocks[1]
        parts = (block.attention.query, block.attention.key, block.attention.value)
        return tokens, memory.tokens, [part(memory.normed) for part in parts]

    tokens, entering, projected = tower.apply(variables, IMAGES, method=joints)
    if tower.rotary_grid:
        turn = rotation(GRID, WIDTH // HEADS, tower.rotary_grid)
        shape = (*projected[0].shape[:2], HEADS, WIDTH // HEADS)
        turned = [rotate_cells(x.reshape(shape), turn, 1).reshape(x.shape) for x in projected[:2]]
        projected = [*turned, projected[2]]
    query, key, value = map(by_head, projected)
    mixed = {
        "plain": 0,
        "values": self_attention(value, value),
        "queries": self_attention(query, value),
        "queries_keys": self_attention(query, value) + self_attention(key, value),
    }[way]

    def finish(bound, mixed):
        block = bound.blocks[1]
        joined = block.attention.join(mixed)
        return block.finish(entering, joined) if way == "queries_keys" else joined

    if way == "plain":
        want = tokens
    else:
        want = tower.apply(variables, jnp.asarray(mixed.transpose(0, 2, 1, 3)), method=finish)
    np.testing.assert_allclose(found, want[:, 1:].reshape(2, *GRID, WIDTH), atol=1e-4)
