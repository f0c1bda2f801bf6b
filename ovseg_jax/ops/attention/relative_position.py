"""Attention between the cells of a grid, with learned offsets by row and by column.

The offset between two cells is a sum of one that depends on how many rows and one that depends on
how many columns they lie apart, each a product with the query. Their whole table would be as large
as the logits, 0.8 GB for one block of SAM; here it exists for a few queries at a time.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from ovseg_jax.foundation.errors import OperandError
from ovseg_jax.ops.chunks import map_rows
from ovseg_jax.ops.placement import rows_on_a_device

FORMS = ("reference", "chunked")
CHUNK = 256
"""Query cells that the chunked form takes at once."""
LARGE = 2**26
"""Bytes of float32 logits above which chunks replace whole tables."""


def relative_attention(
    query: Float[Array, "b l heads d"],
    key: Float[Array, "b l heads d"],
    value: Float[Array, "b l heads d"],
    rows: Float[Array, "b l heads h"],
    columns: Float[Array, "b l heads w"],
    *,
    form: str | None = None,
) -> Float[Array, "b l heads d"]:
    """Mixes values by softmax(query · key / sqrt(d) + row offset + column offset).

    Matches `add_decomposed_rel_pos` of facebookresearch/segment-anything.

    Args:
        query: What asks; cells of a grid, row by row.
        key: What is asked.
        value: What is mixed.
        rows: Offset of each query cell for every row of keys.
        columns: Likewise for every column; h x w = l.
        form: One of `FORMS`; None for the one that fits the size.

    Raises:
        OperandError: The form is unknown.
    """
    batch, length, heads, _ = query.shape
    if form is None:
        form = "chunked" if 4 * rows_on_a_device(batch) * heads * length**2 > LARGE else "reference"
    if form not in FORMS:
        raise OperandError(f"form={form!r} is unknown; choose one of {', '.join(FORMS)}")
    parts = [jnp.swapaxes(x, 1, 2) for x in (query, key, value, rows, columns)]
    if form == "reference":
        return jnp.swapaxes(_mix(*parts), 1, 2)
    mixed = _chunked(*(x.reshape(batch * heads, length, -1) for x in parts))
    return jnp.swapaxes(mixed.reshape(batch, heads, length, -1), 1, 2)


def _mix(query: Array, key: Array, value: Array, rows: Array, columns: Array) -> Array:
    wide = jnp.promote_types(query.dtype, jnp.float32)
    logits = jnp.einsum("...ld,...sd->...ls", query, key, preferred_element_type=wide)
    logits = logits * query.shape[-1] ** -0.5
    table = logits.reshape(*logits.shape[:-1], rows.shape[-1], columns.shape[-1])
    table = table + rows[..., :, None] + columns[..., None, :]
    weights = jax.nn.softmax(table.reshape(logits.shape), axis=-1).astype(value.dtype)
    return jnp.einsum("...ls,...sd->...ld", weights, value)


def _chunked(query: Array, key: Array, value: Array, rows: Array, columns: Array) -> Array:
    count, length = query.shape[:2]
    chunk = min(CHUNK, length)
    portions = -(-length // chunk)

    def cut(x: Array) -> Array:
        padded = jnp.pad(x, ((0, 0), (0, portions * chunk - length), (0, 0)))
        return padded.reshape(count, portions, chunk, -1)

    def one_head(operands: tuple) -> Array:
        key, value, *asking = operands
        return lax.map(lambda x: _mix(x[0], key, value, x[1], x[2]), tuple(asking))

    mixed = map_rows(one_head, (key, value, cut(query), cut(rows), cut(columns)))
    return mixed.reshape(count, portions * chunk, -1)[:, :length]
