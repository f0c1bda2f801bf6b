"""Pairwise intersection over union of two stacks of binary masks."""

from __future__ import annotations

from functools import partial

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int, UInt32

from ovseg_jax.foundation.errors import OperandError

FORMS = ("broadcast", "matmul", "popcount")
EXACT_IN_FLOAT32 = 2**24
"""Counts below this are exact in float32 whatever the order of the additions."""
WORDS_PER_BLOCK = 32
"""Words of every mask compared at a time; 16 and 32 were equally fast on CPU, 64 half as fast."""


def mask_iou(
    first: Bool[Array, "n H W"],
    second: Bool[Array, "m H W"],
    *,
    eps: float = 1e-6,
    form: str | None = None,
) -> Float[Array, "n m"]:
    """Computes intersection / (union + eps) of every pair; all forms count exactly.

    Two empty masks have IoU 0. For a batch, use `jax.vmap`.

    Args:
        first: One stack of masks.
        second: The other, of the same image size.
        eps: Added to the union, in pixels (1e-6 in Mask-Adapter's matcher).
        form: "broadcast" (pair by pair, the plain reference), "matmul" (matrix product), "popcount"
            (32 pixels a word, memory for bits only), or None for the best on the platform that is
            compiled for.

    Returns:
        IoU in float32.

    Raises:
        OperandError: If the form is unknown.
    """
    if form is None:
        forms = {"cpu": "popcount", "default": "matmul"}
        ways = {name: partial(mask_iou, eps=eps, form=each) for name, each in forms.items()}
        return lax.platform_dependent(first, second, **ways)
    if form not in FORMS:
        raise OperandError(f"form={form!r} is unknown; choose one of {', '.join(FORMS)}")
    if form == "popcount":
        return mask_iou_packed(pack_masks(first), pack_masks(second), eps=eps)
    first, second = first.reshape(len(first), -1), second.reshape(len(second), -1)
    count = _count_by_broadcast if form == "broadcast" else _count_by_product
    areas = jnp.sum(first, 1, dtype=jnp.int32), jnp.sum(second, 1, dtype=jnp.int32)
    return _ratio(count(first, second), *areas, eps)


def pack_masks(masks: Bool[Array, "*n H W"]) -> UInt32[Array, "*n words"]:
    """Packs the pixels of every mask into bits, 32 a word, filled up with zeros.

    Word i holds the pixels i, i + words, i + 2 words, ... of the flattened mask, so that packing
    runs along words and vectorises. Only compare what this function packed.
    """
    flat = masks.reshape(*masks.shape[:-2], -1)
    fill = [(0, 0)] * (flat.ndim - 1) + [(0, -flat.shape[-1] % 32)]
    pixels = jnp.pad(flat, fill).reshape(*flat.shape[:-1], 32, -1)
    bits = jnp.left_shift(jnp.uint32(1), jnp.arange(32, dtype=jnp.uint32))
    return jnp.sum(jnp.where(pixels, bits[:, None], 0), axis=-2, dtype=jnp.uint32)


def mask_iou_packed(
    first: UInt32[Array, "n words"], second: UInt32[Array, "m words"], *, eps: float = 1e-6
) -> Float[Array, "n m"]:
    """Computes what `mask_iou` does, from masks packed by `pack_masks`.

    Some words of all masks at a time: that block and the running counts stay in the cache, and
    nothing of size n x m x words exists. A full mask joins each stack, so that the same loop counts
    the areas.
    """
    rows, columns = _add_full_mask(first), _add_full_mask(second).T  # masks last fill vectors

    def add_block(block: Int[Array, ""], total: Int[Array, "n m"]) -> Int[Array, "n m"]:
        start = block * WORDS_PER_BLOCK
        left = lax.dynamic_slice_in_dim(rows, start, WORDS_PER_BLOCK, axis=1)[:, :, None]
        right = lax.dynamic_slice_in_dim(columns, start, WORDS_PER_BLOCK, axis=0)[None]
        counts = lax.population_count(left & right).astype(jnp.int32)
        return total + jnp.sum(counts, axis=1)

    zeros = jnp.zeros((len(first) + 1, len(second) + 1), jnp.int32)
    total = lax.fori_loop(0, len(columns) // WORDS_PER_BLOCK, add_block, zeros)
    return _ratio(total[:-1, :-1], total[:-1, -1], total[-1, :-1], eps)


def _add_full_mask(packed: Array) -> Array:
    """Appends a mask of ones, then words of zeros up to a whole number of blocks."""
    full = jnp.full((1, packed.shape[1]), 2**32 - 1, jnp.uint32)
    fill = ((0, 0), (0, -packed.shape[1] % WORDS_PER_BLOCK))
    return jnp.pad(jnp.concatenate([packed, full]), fill)


def _count_by_broadcast(first: Array, second: Array) -> Array:
    return jnp.sum(first[:, None] & second[None], axis=-1, dtype=jnp.int32)


def _count_by_product(first: Array, second: Array) -> Array:
    """Counts shared pixels exactly: in integers on CPU, in bfloat16 with float32 sums elsewhere."""
    return lax.platform_dependent(
        first, second, cpu=_count_by_integer_product, default=_count_by_float_product
    )


def _count_by_integer_product(first: Array, second: Array) -> Array:
    left, right = first.astype(jnp.int8), second.astype(jnp.int8)
    return jnp.einsum("np,mp->nm", left, right, preferred_element_type=jnp.int32)


def _count_by_float_product(first: Array, second: Array) -> Array:
    """Counts shared pixels in chunks small enough for their float32 sums to be exact."""
    total = jnp.zeros((len(first), len(second)), jnp.int32)
    for start in range(0, first.shape[1], EXACT_IN_FLOAT32):
        chunk = slice(start, start + EXACT_IN_FLOAT32)
        left, right = first[:, chunk].astype(jnp.bfloat16), second[:, chunk].astype(jnp.bfloat16)
        product = jnp.einsum("np,mp->nm", left, right, preferred_element_type=jnp.float32)
        total = total + product.astype(jnp.int32)
    return total


def _ratio(intersection: Array, first_area: Array, second_area: Array, eps: float) -> Array:
    union = first_area[:, None] + second_area[None] - intersection
    return intersection.astype(jnp.float32) / (union.astype(jnp.float32) + eps)
