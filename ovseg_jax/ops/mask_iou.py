"""Pairwise intersection over union of two stacks of binary masks."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int, UInt32

FORMS = ("broadcast", "matmul", "popcount")
EXACT_IN_FLOAT32 = 2**24
"""Counts below this are exact in float32 whatever the order of the additions."""


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
            (32 pixels a word, memory for bits only), or None for the best on the default backend.

    Returns:
        IoU in float32.

    Raises:
        ValueError: If the form is unknown.
    """
    if form is None:
        form = "popcount" if jax.default_backend() == "cpu" else "matmul"
    if form not in FORMS:
        raise ValueError(f"form={form!r} is unknown; choose one of {', '.join(FORMS)}")
    if form == "popcount":
        return mask_iou_packed(pack_masks(first), pack_masks(second), eps=eps)
    first, second = first.reshape(len(first), -1), second.reshape(len(second), -1)
    count = _count_by_broadcast if form == "broadcast" else _count_by_product
    areas = jnp.sum(first, 1, dtype=jnp.int32), jnp.sum(second, 1, dtype=jnp.int32)
    return _ratio(count(first, second), *areas, eps)


def pack_masks(masks: Bool[Array, "*n H W"]) -> UInt32[Array, "*n words"]:
    """Packs the pixels of every mask into bits, 32 a word, the last word filled with zeros.

    The order of bits inside a word is this function's own; only compare what it packed.
    """
    flat = masks.reshape(*masks.shape[:-2], -1)
    fill = [(0, 0)] * (flat.ndim - 1) + [(0, -flat.shape[-1] % 32)]
    pixels = jnp.pad(flat, fill).reshape(*flat.shape[:-1], -1, 32)
    bits = jnp.left_shift(jnp.uint32(1), jnp.arange(32, dtype=jnp.uint32))
    return jnp.sum(jnp.where(pixels, bits, 0), axis=-1, dtype=jnp.uint32)


def mask_iou_packed(
    first: UInt32[Array, "n words"], second: UInt32[Array, "m words"], *, eps: float = 1e-6
) -> Float[Array, "n m"]:
    """Computes what `mask_iou` does, from masks packed by `pack_masks`.

    One mask of `first` at a time, so that memory stays at one row of pairs.
    """

    def count(words: UInt32[Array, " words"]) -> Int[Array, " m"]:
        return _popcount(words & second)

    return _ratio(lax.map(count, first), _popcount(first), _popcount(second), eps)


def _popcount(words: Array) -> Array:
    return jnp.sum(lax.population_count(words).astype(jnp.int32), axis=-1)


def _count_by_broadcast(first: Array, second: Array) -> Array:
    return jnp.sum(first[:, None] & second[None], axis=-1, dtype=jnp.int32)


def _count_by_product(first: Array, second: Array) -> Array:
    """Counts shared pixels as float32 products of chunks small enough to be exact."""
    dtype = jnp.float32 if jax.default_backend() == "cpu" else jnp.bfloat16
    total = jnp.zeros((len(first), len(second)), jnp.int32)
    for start in range(0, first.shape[1], EXACT_IN_FLOAT32):
        left, right = (x[:, start : start + EXACT_IN_FLOAT32].astype(dtype) for x in (first, second))
        product = jnp.matmul(left, right.T, preferred_element_type=jnp.float32)
        total = total + product.astype(jnp.int32)
    return total


def _ratio(intersection: Array, first_area: Array, second_area: Array, eps: float) -> Array:
    union = first_area[:, None] + second_area[None] - intersection
    return intersection.astype(jnp.float32) / (union.astype(jnp.float32) + eps)
