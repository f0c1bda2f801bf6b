"""Mask tokens as MaskCLIP and FISA have them: through every block, seeing what their mask covers.

Source: MaskCLIP (arXiv 2208.08984, section 3), FISA's equation 5; docs/reference 4.2 and 4.3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

from ovseg_jax.foundation.typing import Memory, needed
from ovseg_jax.models.clip.vit import VisionTransformer
from ovseg_jax.models.fisa.relative_mask_attention import RelativeMaskAttention, joined
from ovseg_jax.models.transformer import TransformerBlock
from ovseg_jax.ops.images.resize import resize_masks

Query = Callable[[int, TransformerBlock, Array], Array]
"""Queries [b, q, h, d] of the mask tokens [b, q, c] that enter a block, given its index."""

CERTAIN = 6.0
"""Logit inside a hard mask; the negative outside."""


def mask_logits(
    masks: Float[Array, "b q H W"] | Bool[Array, "b q H W"], size: tuple[int, int]
) -> Float[Array, "b q h w"]:
    """Brings masks to the size of the tower's images, as logits, bilinearly.

    Args:
        masks: Logits, or hard masks, whose logits are plus and minus `CERTAIN`; outside of them
            exactly so, which lets the Distribution Adapter skip.
        size: Height and width in pixels.
    """
    resized = resize_masks(masks.astype(jnp.float32), size)
    return 2 * CERTAIN * resized - CERTAIN if masks.dtype == jnp.bool_ else resized


def covered_tokens(
    masks: Float[Array, "b q H W"], patch: int, class_key: bool = True
) -> Bool[Array, "b q l"]:
    """Returns which tokens, the class token first, a mask token may look at.

    A patch may be seen where the mask holds any of its pixels (probability of one half or more).
    No gradient passes.

    Args:
        masks: Logits at the size of the tower's images.
        patch: Side of a patch in pixels.
        class_key: Whether the class token may be seen too. Without it empty masks look everywhere,
            since attention to nothing has no meaning.
    """
    batch, count, height, width = masks.shape
    cells = masks.reshape(batch, count, height // patch, patch, width // patch, patch)
    covered = (lax.stop_gradient(cells) >= 0).any((3, 5)).reshape(batch, count, -1)
    if not class_key:
        covered = covered | ~covered.any(-1, keepdims=True)
    first = jnp.full((batch, count, 1), class_key)
    return jnp.concatenate([first, covered], axis=-1)


def coverage_bias(covered: Bool[Array, "b q l"]) -> Float[Array, "b 1 q l"]:
    """Returns 0 for tokens that a mask token may look at, -inf for all others."""
    return jnp.where(covered, 0.0, -jnp.inf)[:, None]


def plain_query(index: int, block: TransformerBlock, tokens: Array) -> Array:
    """Returns the queries of mask tokens that nobody told anything."""
    return block.attention.queries(block.attention_norm(tokens))


def walk(  # noqa: PLR0913 - what is read, by whom, and how
    tower: VisionTransformer,
    memories: Sequence[Memory],
    covered: Bool[Array, "b q l"],
    masks: Float[Array, "b q H W"] | None = None,
    *,
    query: Query = plain_query,
    relative: Mapping[int, RelativeMaskAttention] | None = None,
    class_key: bool = True,
) -> list[tuple[Float[Array, "b q c"], Float[Array, "b q H W"] | None]]:
    """Runs copies of the class token, one per mask, through all blocks beside the image.

    Args:
        tower: A bound tower with a class token.
        memories: Of all its blocks; the first with the class token that enters it.
        covered: What `covered_tokens` makes of the masks.
        masks: Logits at the size of the tower's images; only relative blocks read them.
        query: How mask tokens look at the image.
        relative: Blocks with relative mask attention, by index.
        class_key: Whether mask tokens see the class token.

    Returns:
        Tokens and masks behind every block; masks change at relative blocks alone.
    """
    relative = relative or {}
    bias = coverage_bias(covered)
    tokens = jnp.repeat(memories[0].tokens[:, :1], covered.shape[1], axis=1)
    trail = []
    for index, (block, memory) in enumerate(zip(tower.blocks, memories, strict=True)):
        looks = query(index, block, tokens)
        if index not in relative:
            tokens = block.read(tokens, memory, bias, looks)
        else:
            masks = needed(masks, "masks of relative blocks")
            change = _residual(tower, relative[index], memory, looks, masks)
            products = relative[index].products(masks, memory.normed[:, tower.prefix :])
            tokens = block.read(tokens, *joined(memory, bias, products), looks)
            masks = masks + change
            bias = coverage_bias(covered_tokens(masks, tower.patch, class_key))
        trail.append((tokens, masks))
    return trail


def _residual(
    tower: VisionTransformer,
    relative: RelativeMaskAttention,
    memory: Memory,
    query: Array,
    masks: Array,
) -> Float[Array, "b q H W"]:
    height, width = (side // tower.patch for side in masks.shape[2:])
    return relative.residual(query, memory.keys[:, tower.prefix :], (height, width))
