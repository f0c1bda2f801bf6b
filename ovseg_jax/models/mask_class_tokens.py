"""Mask class tokens of a vision transformer: copies of the class token that look under masks.

The image never looks at them, so its blocks run once and leave memories; any number of masks is
read from those later. All copies enter the first block equal, so there one query serves all masks
(docs/reference 9.10). Source: MaskCLIP++ (arXiv 2412.11464, section 3.2); docs/reference 2.2.
"""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Array, Float

from ovseg_jax.foundation.typing import Memory
from ovseg_jax.models.clip.vit import VisionTransformer


def patch_memories(memories: Sequence[Memory], prefix: int) -> tuple[Memory, ...]:
    """Returns memories in which keys and values are those of patches alone."""
    return tuple(
        memory.replace(keys=memory.keys[:, prefix:], values=memory.values[:, prefix:])
        for memory in memories
    )


def read_mask_tokens(
    tower: VisionTransformer,
    memories: Sequence[Memory],
    biases: Sequence[Float[Array, "b heads q hw"]],
) -> Float[Array, "b q d"]:
    """Runs mask tokens through the last blocks of a tower and embeds them.

    Args:
        tower: A bound tower with a class token.
        memories: What `VisionTransformer.run` remembered of its last blocks, in their order.
        biases: Added to the logits over patches, one for each of these blocks.

    Returns:
        Embeddings in the joint space, not of unit length.
    """
    patches = patch_memories(memories, tower.prefix)
    blocks = tower.blocks[len(tower.blocks) - len(patches) :]
    tokens = blocks[0].read_copies(patches[0].tokens[:, :1], patches[0], biases[0])
    for block, memory, bias in zip(blocks[1:], patches[1:], biases[1:], strict=True):
        tokens = block.read(tokens, memory, bias)
    return tower.head_output(tower.head_hidden(tokens))
