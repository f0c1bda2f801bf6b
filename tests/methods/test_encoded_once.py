"""Mask tokens beside an image that is encoded once: the plain joint forward, without its price.

The originals put mask tokens into one sequence with the image. Here the image is encoded alone;
further masks and other words must get the same numbers from what was kept, compile nothing, and
need memory by the chunk.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny_scene import (
    SIDE,
    initialise,
    quick_jit,
    tiny_batch,
    tiny_method,
    tiny_proposals,
    tiny_text,
    tiny_vit_clip,
    with_settings,
)

from ovseg_jax.config import FisaConfig, MaskClipPlusPlusConfig, OVSegConfig
from ovseg_jax.foundation.typing import Proposals
from ovseg_jax.methods.fisa import class_rows
from ovseg_jax.models.fisa.mask_tokens import coverage_bias, covered_tokens, mask_logits
from ovseg_jax.ops.attention.mask_bias import soft_mask_bias

BATCH, TEXT, OTHER_TEXT = tiny_batch(), tiny_text(), tiny_text(seed=7)
PROPOSALS = tiny_proposals(BATCH)
OTHERS = PROPOSALS.replace(masks=-jnp.roll(PROPOSALS.masks, 3, axis=3))
BLOCKED = -1e30


def joint_block(block, x, bias, query=None):
    """Runs one block on all tokens at once."""
    normed = block.attention_norm(x)
    query = block.attention.queries(normed) if query is None else query
    keys, values = block.attention.keys(normed), block.attention.values(normed)
    return block.finish(x, block.attention.mix(query, keys, values, bias))


def joint_bias(rows, length):
    """Bias of [masks | class | patches] over themselves; `rows` are those of the masks."""
    count = rows.shape[2]
    bias = jnp.zeros((*rows.shape[:2], length, length)).at[..., :count].set(BLOCKED)
    return bias.at[:, :, :count, count:].set(jnp.maximum(rows, BLOCKED))


def with_masks(x, count):
    return jnp.concatenate([jnp.repeat(x[:, :1], count, axis=1), x], axis=1)


def joint_maskclippp(bound, batch, proposals, text):
    features = bound.encode_batch(batch)  # for its sizes, and for what the PSM reads
    tower, soft = bound.clip.visual, bound.soft_masks(features, proposals.masks)
    pixels = bound.normalise(batch.images.astype(jnp.float32), batch.sizes)
    x, first = tower.embed_tokens(tower.embed_patches(pixels)), tower.layers - bound.config.depth
    for block in tower.blocks[:first]:
        x = block(x)
    count = soft.shape[1]
    x = with_masks(x, count)
    for strength, block in zip(bound.strengths(), tower.blocks[first:], strict=True):
        rows = soft_mask_bias(soft, strength)
        rows = jnp.pad(rows, ((0, 0), (0, 0), (0, 0), (1, 0)), constant_values=BLOCKED)
        x = joint_block(block, x, joint_bias(rows, x.shape[1]))
    embeddings = tower.head_output(tower.head_hidden(x[:, :count]))
    return bound.aligned_logits(features, embeddings, text)


def joint_fisa(bound, batch, proposals, text):
    tower = bound.clip.visual
    pixels = bound.normalise(batch.images.astype(jnp.float32), batch.sizes)
    masks = bound.distribution(mask_logits(proposals.masks, pixels.shape[1:3]))
    rows = coverage_bias(covered_tokens(masks, tower.patch))
    words = bound.seve.words(class_rows(text))
    count = masks.shape[1]
    x = with_masks(tower.embed_tokens(tower.embed_patches(pixels)), count)
    bias = joint_bias(rows, x.shape[1])
    for index, block in enumerate(tower.blocks):
        told = bound.seve.query(index, block, x[:, :count], words, text.valid)
        seen = block.attention.queries(block.attention_norm(x[:, count:]))
        x = joint_block(block, x, bias, jnp.concatenate([told, seen], axis=1))
    embeddings = bound.clip.project(x[:, :count])
    return bound.compare(embeddings, bound.text_rows(text), text)


def methods():
    """The two methods with mask tokens, and the joint forward of each."""
    tuned = tiny_method(MaskClipPlusPlusConfig(depth=2, num_templates=2, chunk=3), tiny_vit_clip())
    early = tiny_method(FisaConfig(clip_size=0, rank=8, num_points=16, chunk=3), tiny_vit_clip())
    return {"maskclippp": (tuned, joint_maskclippp), "fisa": (early, joint_fisa)}


def jitted(method, function):
    return quick_jit(lambda variables, *rest: method.apply(variables, *rest, method=function))


@pytest.mark.parametrize("name", methods())
def test_other_masks_and_words_get_the_numbers_of_the_joint_forward(name):
    method, joint = methods()[name]
    variables = initialise(method, BATCH, PROPOSALS, TEXT)
    score, whole = jitted(method, "score"), jitted(method, joint)
    features = jitted(method, "encode_batch")(variables, BATCH)
    answers = []
    for proposals in (PROPOSALS, OTHERS):
        for text in (TEXT, OTHER_TEXT):
            found = score(variables, features, proposals, text).logits[..., :3]
            wanted = whole(variables, BATCH, proposals, text)[..., :3]
            np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)
            answers.append(found)
    assert score._cache_size() == 1
    changes = [np.abs(answers[i] - answers[j]).max() for i, j in ((0, 1), (0, 2), (2, 3))]
    assert min(changes) > 0.01


@pytest.mark.parametrize("name", ["ovseg", "maskclippp", "fisa"])
def test_memory_of_scoring_is_bounded_by_the_chunk(name):
    """Four times the masks need room for their results, and for none of their copies."""
    prompted = tiny_method(OVSegConfig(crop_size=32, chunk=8), tiny_vit_clip())
    method = {"ovseg": prompted, **{key: value[0] for key, value in methods().items()}}[name]
    method = with_settings(method, chunk=8)
    variables = initialise(method, BATCH, PROPOSALS, TEXT)
    one = jax.tree.map(lambda leaf: leaf[:1], BATCH)
    features = jax.eval_shape(
        lambda variables: method.apply(variables, one, method="encode_batch"), variables
    )

    def plan(count):
        masks = jax.ShapeDtypeStruct((1, count, SIDE, SIDE), jnp.bool_)
        proposals = Proposals(masks=masks, valid=jax.ShapeDtypeStruct((1, count), jnp.bool_))
        lowered = jitted(method, "score").lower(variables, features, proposals, TEXT)
        memory = lowered.compile().memory_analysis()
        return memory.temp_size_in_bytes, memory.output_size_in_bytes

    (few, small), (many, large) = plan(16), plan(64)
    assert many - few <= large - small + 64 * 1024
