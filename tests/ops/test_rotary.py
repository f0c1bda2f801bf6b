"""Rotary positions: the plain formula, and what a rotation must not change."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.ops.attention.rotary import rotate_cells, rotation


def draw(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def plainly_turned(x, grid, span, prefix):
    """One token, one head, one pair of channels at a time."""
    out, channels = np.array(x, np.float64), x.shape[-1]
    for cell in range(grid[0] * grid[1]):
        place = cell // grid[1] / grid[0] * span, cell % grid[1] / grid[1] * span
        for pair in range(channels // 2):
            which, nth = divmod(pair, channels // 4)
            angle = place[which] * 10_000.0 ** (-2 * nth / (channels // 2))
            turn = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
            channel = slice(2 * pair, 2 * pair + 2)
            out[:, prefix + cell, :, channel] = out[:, prefix + cell, :, channel] @ np.transpose(
                turn
            )
    return out


@pytest.mark.parametrize("grid", [(4, 4), (3, 5), (1, 7)])
@pytest.mark.parametrize("prefix", [0, 1, 3])
def test_is_the_plain_formula(grid, prefix):
    x = draw(2, prefix + grid[0] * grid[1], 3, 16)
    result = rotate_cells(x, rotation(grid, 16, 16), prefix)
    np.testing.assert_allclose(result, plainly_turned(x, grid, 16, prefix), atol=1e-5)


def test_tokens_in_front_stay_and_lengths_are_kept():
    x = draw(1, 3 + 6, 2, 8)
    result = rotate_cells(x, rotation((2, 3), 8, 16), 3)
    np.testing.assert_array_equal(result[:, :3], x[:, :3])
    lengths = np.linalg.norm(np.asarray(x).reshape(1, 9, 2, 4, 2), axis=-1)
    turned = np.linalg.norm(np.asarray(result).reshape(1, 9, 2, 4, 2), axis=-1)
    np.testing.assert_allclose(turned, lengths, atol=1e-6)
    assert jnp.abs(result[:, 4:] - x[:, 4:]).max() > 0.1


def test_products_depend_on_the_distance_alone():
    """What makes it a position embedding: query and key moved together give the same logit."""
    query, key, turn = draw(8), draw(8, seed=1), rotation((6, 6), 8, 16)
    same = [rotate_cells(jnp.tile(x, (1, 36, 1, 1)), turn, 0)[0, :, 0] for x in (query, key)]
    logits = np.asarray(same[0] @ same[1].T).reshape(6, 6, 6, 6)
    np.testing.assert_allclose(logits[0, 1, 2, 4], logits[3, 2, 5, 5], atol=1e-5)
    assert abs(logits[0, 1, 2, 4] - logits[0, 1, 2, 5]) > 1e-3


def test_every_grid_spans_the_range_of_pre_training():
    """A cell in the middle turns alike whether the grid has 8, 16 or 32 cells."""
    turns = [rotation((side, side), 8, 16) for side in (8, 16, 32)]
    middle = [
        np.asarray(t.sine).reshape(side, side, 8)[side // 2, side // 4]
        for t, side in zip(turns, (8, 16, 32), strict=True)
    ]
    np.testing.assert_allclose(middle[0], middle[1], atol=1e-6)
    np.testing.assert_allclose(middle[2], middle[1], atol=1e-6)
    np.testing.assert_allclose(middle[1][[0, 4]], np.sin([8.0, 4.0]), atol=1e-6)


def test_rows_turn_the_first_half_of_the_channels_and_columns_the_second():
    turn = rotation((2, 5), 8, 16)
    table = np.asarray(turn.sine).reshape(2, 5, 8)
    assert np.ptp(table[:, :, :4], axis=1).max() == 0 and np.ptp(table[:, :, 4:], axis=0).max() == 0
    assert np.ptp(table[:, :, :4], axis=0).max() > 0 and np.ptp(table[:, :, 4:], axis=1).max() > 0


def test_low_precision_is_turned_in_float32():
    x, turn = draw(1, 37, 2, 16).astype(jnp.bfloat16), rotation((6, 6), 16, 16)
    result = rotate_cells(x, turn, 1)
    assert result.dtype == jnp.bfloat16
    wide = rotate_cells(x.astype(jnp.float32), turn, 1)
    np.testing.assert_array_equal(result, wide.astype(jnp.bfloat16))


def test_gradient_is_the_turn_back():
    x, turn = draw(1, 5, 1, 8), rotation((2, 2), 8, 16)
    weights = draw(1, 5, 1, 8, seed=1)
    gradient = jax.grad(lambda x: (rotate_cells(x, turn, 1) * weights).sum())(x)
    back = rotate_cells(weights, turn.replace(sine=-turn.sine), 1)
    np.testing.assert_allclose(gradient, back, atol=1e-6)


@pytest.mark.parametrize("grid", [(16, 16), (6, 9)])
def test_agrees_with_timm(grid):
    torch = pytest.importorskip("torch")
    import parity  # noqa: F401 - before timm

    timm = pytest.importorskip("timm.layers")
    rope = timm.RotaryEmbeddingCat(
        16, max_res=None, in_pixels=False, feat_shape=grid, ref_feat_shape=(16, 16)
    )
    x = draw(2, grid[0] * grid[1], 3, 16)
    heads_first = torch.tensor(np.array(jnp.swapaxes(x, 1, 2)))
    expected = timm.apply_rot_embed_cat(heads_first, rope.get_embed()).transpose(1, 2)
    np.testing.assert_allclose(rotate_cells(x, rotation(grid, 16, 16), 0), expected, atol=1e-5)


def test_wrong_channels_and_lengths_are_named():
    with pytest.raises(ValueError, match="in fours, not 6"):
        rotation((2, 2), 6, 16)
    with pytest.raises(ValueError, match="5 tokens less 0 in front are not 4 cells"):
        rotate_cells(jnp.zeros((1, 5, 1, 8)), rotation((2, 2), 8, 16), 0)
