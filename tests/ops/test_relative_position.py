"""Attention with offsets by row and column: both forms, and the table written out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.ops.attention import relative_position as module
from ovseg_jax.ops.attention.relative_position import relative_attention

H, W, HEADS, DEPTH = 3, 5, 2, 4


def inputs():
    keys = jax.random.split(jax.random.key(0), 5)
    shape = (2, H * W, HEADS)
    depths = (DEPTH, DEPTH, DEPTH, H, W)
    return [jax.random.normal(k, (*shape, d)) for k, d in zip(keys, depths, strict=True)]


def test_the_table_written_out_gives_the_same():
    query, key, value, rows, columns = inputs()
    table = rows[..., :, None] + columns[..., None, :]
    bias = jnp.moveaxis(table.reshape(2, H * W, HEADS, H * W), 2, 1)
    want = jax.nn.dot_product_attention(query, key, value, bias)
    np.testing.assert_allclose(relative_attention(*inputs(), form="reference"), want, atol=1e-6)


@pytest.mark.parametrize("chunk", [4, 256])
def test_chunks_give_the_same(chunk, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", chunk)
    want = relative_attention(*inputs(), form="reference")
    np.testing.assert_allclose(relative_attention(*inputs(), form="chunked"), want, atol=1e-6)


def test_the_form_follows_the_size(monkeypatch):
    monkeypatch.setattr(module, "LARGE", 1)
    monkeypatch.setattr(module, "_chunked", lambda *x: x[2] * 0)
    assert (relative_attention(*inputs()) == 0).all()
    with pytest.raises(ValueError, match="form='x' is unknown"):
        relative_attention(*inputs(), form="x")
