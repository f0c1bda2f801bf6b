"""Dense maps out of a transformer that was trained to name whole images: other last blocks.

CLIP's own last block gathers what the class token needs, so patch tokens behind it say little
about their own place. The ways below let patches attend to patches that are like them. They need
no training and no masks; MaskCLIP++ uses them to show what tuning did to a tower (Table 8 of
arXiv 2412.11464).
"""

from __future__ import annotations

from typing import Literal

from jaxtyping import Array, Float

from ovseg_jax.foundation.typing import Memory
from ovseg_jax.models.clip.vit import VisionTransformer
from ovseg_jax.models.transformer import Rotate, TransformerBlock
from ovseg_jax.ops.attention.dot_product import attention

Readout = Literal["plain", "values", "queries", "queries_keys"]
"""How the last block is read:

* "plain": as it is;
* "values": values attend to values; neither the residual nor the MLP (CLIP Surgery, 2304.05653);
* "queries": queries attend to queries; neither the residual nor the MLP (ClearCLIP, 2407.12442);
* "queries_keys": queries to queries plus keys to keys; with both (SCLIP, 2312.01597).
"""


def read_cells(
    tower: VisionTransformer, images: Float[Array, "b H W 3"], way: Readout
) -> Float[Array, "b h w c"]:
    """Returns one vector per patch, for the tower's head.

    Args:
        tower: A bound tower.
        images: Normalised pixels.
        way: How the last block is read.
    """
    last = tower.layers - 1
    grid = (images.shape[1] // tower.patch, images.shape[2] // tower.patch)
    tokens, memories = tower.run(images, remember=(last,))
    if way != "plain":
        block, rotate = tower.blocks[last], tower.rotate_for(grid)
        tokens = _last_block(block, memories[last], way, rotate)
    return tower.cells(tokens, grid)


def _last_block(
    block: TransformerBlock, memory: Memory, way: Readout, rotate: Rotate | None
) -> Float[Array, "b l c"]:
    joints, values = block.attention, memory.values
    if way == "values":
        return joints.mix(values, values, values)
    queries = joints.queries(memory.normed)
    queries = rotate(queries) if rotate is not None else queries
    if way == "queries":
        return joints.mix(queries, queries, values)
    mixed = attention(queries, queries, values) + attention(memory.keys, memory.keys, values)
    return block.finish(memory.tokens, joints.join(mixed))
