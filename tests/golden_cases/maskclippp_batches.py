"""Slips of the original's EVA tower that only batches show, so that goldens of batches agree.

There mask tokens of image i start from token i of image 0 instead of its own class token, and where
images differ in their number of masks, the rotary embedding of those with fewer is shifted by the
difference (docs/reference 2.2). The package has neither; a batch of one is the same in both.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ovseg_jax.foundation.typing import Features


def with_slips(model, pixels: jax.Array, each: list[Features], counts: list[int]) -> list[Features]:
    """The features of a batch with the memories that the original would have.

    Args:
        model: The classifier, which applies functions of the method.
        pixels: Normalised images in their frame.
        each: Features of each image.
        counts: Masks of each image.
    """
    if len(each) == 1:
        return each
    first, found = each[0].cache[0].tokens, []
    for index, features in enumerate(each):
        memories, shift = features.cache, max(counts) - counts[index]
        if shift:
            memories = model(shifted_memories, pixels[index : index + 1], shift)
        tokens = memories[0].tokens.at[:, 0].set(first[:, index])
        memories = memories[0].replace(tokens=tokens), *memories[1:]
        found.append(features.replace(cache=memories))
    return found


def shifted_memories(method, pixels: jax.Array, shift: jax.Array):
    """Memories of the last blocks where the turn of patch i goes to patch i + shift."""
    tower = method.clip.visual
    first = tower.layers - method.config.depth
    _, memories = tower.run(pixels, remember=[first])
    turn = tower.rotate_for((pixels.shape[1] // tower.patch, pixels.shape[2] // tower.patch))

    def rotate(x):
        padded = jnp.concatenate([x, jnp.zeros_like(x)], axis=1)
        # the patches that the window still covers, one class token in front as `turn` expects
        window = jax.lax.dynamic_slice_in_dim(padded, shift, x.shape[1], axis=1)
        turned = turn(window)
        back = jax.lax.dynamic_update_slice_in_dim(padded, turned, shift, axis=1)
        return back[:, : x.shape[1]]

    tokens, found = memories[first].tokens, []
    for block in tower.blocks[first:]:
        tokens, memory = block.remember(tokens, rotate=rotate if turn else None)
        found.append(memory)
    return tuple(found)
