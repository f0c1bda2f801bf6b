"""The joints of the ViT: what mask methods do beside the image equals one joint sequence."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from plain_vit import PlainViT

from ovseg_jax.models.clip.vit import VisionTransformer

SIDE, PATCH, LAYERS, HEADS, MASKS = 4, 4, 3, 2, 3
CELLS = SIDE**2
SMALL = {
    "image_size": SIDE * PATCH,
    "patch": PATCH,
    "width": 24,
    "layers": LAYERS,
    "heads": HEADS,
    "embedding_dim": 10,
}
TOWERS = {
    "openai": {"activation": "quick_gelu"},
    "eva02": {
        "mlp_width": 40,
        "gated": True,
        "rotary_grid": 16,
        "eps": 1e-6,
        "pre_norm": False,
        "patch_bias": True,
        "head_bias": True,
        "key_bias": False,
    },
}


@pytest.fixture(scope="module", params=TOWERS)
def case(request):
    """A tower with random parameters everywhere, the same written plainly, two images."""
    tower = VisionTransformer(**SMALL, **TOWERS[request.param])
    rng = np.random.default_rng(0)
    images = rng.normal(size=(2, SIDE * PATCH, SIDE * PATCH, 3)).astype(np.float32)
    shapes = jax.eval_shape(tower.init, jax.random.key(0), images)["params"]
    params = jax.tree.map(lambda x: 0.3 * rng.normal(size=x.shape).astype(np.float32), shapes)
    return tower, params, PlainViT(tower, params), images


def masks_over_cells():
    """Soft masks [b, q, cells]; the last of each image is empty."""
    masks = np.random.default_rng(1).uniform(size=(2, MASKS, CELLS))
    masks[:, -1] = 0
    return masks


@functools.cache
def compiled(tower, method):
    return jax.jit(lambda p, x, *rest: tower.apply({"params": p}, x, *rest, method=method))


def jitted(case, method, *arguments):
    tower, params, _, images = case
    arrays = jax.tree.map(jnp.asarray, (params, images, *arguments))
    return compiled(tower, method)(*arrays)


def test_the_plain_tower_and_ours_agree(case):
    _, _, plain, images = case
    for image, found in zip(images, jitted(case, "__call__"), strict=True):
        tokens = plain.entering(plain.cells(image))
        for index in range(LAYERS):
            tokens = plain.block(index, tokens)
        np.testing.assert_allclose(found, plain.head(tokens)[0], atol=2e-5)


def test_memories_are_what_the_block_computed(case):
    _, _, plain, images = case
    found = jitted(case, lambda tower, images: tower.run(images, remember={0, 2})[1])
    assert set(found) == {0, 2}
    for b, image in enumerate(images):
        tokens = plain.entering(plain.cells(image))
        for index in range(3):
            if index in found:
                _, keys, values = plain.parts(index, tokens)
                normed = plain.norm(tokens, plain.params[f"block{index}"]["attention_norm"])
                expected = {"tokens": tokens, "normed": normed, "keys": keys, "values": values}
                for name, value in expected.items():
                    mine = getattr(found[index], name)[b]
                    np.testing.assert_allclose(mine, value, atol=1e-5, err_msg=name)
            tokens = plain.block(index, tokens)


# ---- mask tokens ---------------------------------------------------------------------------


@functools.cache
def read_all(first):
    """Runs mask tokens through blocks `first` to the last, one bias [b, h, q, l] for each."""

    def method(tower, images, biases, queries=None):
        tokens, memories = tower.run(images, remember=range(first, LAYERS))
        masks = jnp.repeat(memories[first].tokens[:, :1], MASKS, axis=1)
        for index in range(first, LAYERS):
            query = None if queries is None else queries[index - first]
            bias = biases[index - first]
            masks = tower.blocks[index].read(masks, memories[index], bias, query)
        return tower.head_output(tower.head_hidden(masks)), tower.embed_whole(tokens)

    return method


def joint(plain, image, first, biases, queries=None):
    """One sequence [image | masks]: nobody sees masks, masks see the image under a bias."""
    tokens = plain.entering(plain.cells(image))
    for index in range(first):
        tokens = plain.block(index, tokens)
    tokens = np.concatenate([tokens, np.repeat(tokens[:1], MASKS, axis=0)])
    for index in range(first, LAYERS):
        bias = np.zeros((HEADS, len(tokens), len(tokens)))
        bias[:, :, 1 + CELLS :] = -np.inf
        bias[:, 1 + CELLS :, : 1 + CELLS] = biases[index - first]
        query = None if queries is None else queries[index - first]
        tokens = plain.block(index, tokens, bias, query)
    return plain.head(tokens[1 + CELLS :]), plain.head(tokens)[0]


def compare(case, first, biases, queries=None):
    _, _, plain, images = case
    found, whole = jitted(case, read_all(first), biases, queries)
    for b, image in enumerate(images):
        mine = None if queries is None else queries[:, b]
        expected, expected_whole = joint(plain, image, first, biases[:, b], mine)
        np.testing.assert_allclose(found[b], expected, atol=3e-5)
        np.testing.assert_allclose(whole[b], expected_whole, atol=3e-5)
    assert np.abs(found[0, 0] - found[0, 1]).max() > 1e-3


def maskclip_bias():
    """The class token and covered cells, in every block; -inf elsewhere."""
    covered = np.where(masks_over_cells() > 0.5, 0, -np.inf)
    bias = np.concatenate([np.zeros((2, MASKS, 1)), covered], axis=-1)
    return np.broadcast_to(bias[None, :, None], (LAYERS, 2, HEADS, MASKS, 1 + CELLS))


def test_maskclip_mask_tokens_pass_all_blocks_and_see_the_class_token(case):
    compare(case, 0, maskclip_bias())


def test_maskclippp_mask_tokens_enter_late_and_do_not_see_the_class_token(case):
    """exp(s) mask where the mask is above half its maximum, -100 elsewhere (docs/reference 2.2)."""
    masks = masks_over_cells()[None, :, None]
    inside = masks > masks.max(-1, keepdims=True) / 2
    scale = np.exp(np.random.default_rng(2).normal(size=(2, 1, HEADS, 1, 1)))
    cells = np.where(inside, scale * masks, -100)
    blocked = np.full((*cells.shape[:-1], 1), -np.inf)
    compare(case, 1, np.concatenate([blocked, cells], axis=-1))


def test_fisa_queries_come_from_elsewhere(case):
    shape = (LAYERS, 2, MASKS, HEADS, SMALL["width"] // HEADS)
    queries = np.random.default_rng(3).normal(size=shape).astype(np.float32)
    compare(case, 0, maskclip_bias(), queries)


def test_relative_mask_attention_is_a_memory_with_other_keys(case):
    """MaskCLIP's (query key + extra) / 2 over patches needs no new hook (docs/reference 4.2)."""
    _, _, plain, images = case
    extra = np.random.default_rng(4).normal(size=(2, HEADS, MASKS, CELLS)).astype(np.float32)

    def method(tower, images, extra):
        _, memories = tower.run(images, remember={0})
        memory = memories[0]
        halves = jnp.where(jnp.arange(1 + CELLS) > 0, 0.5, 1.0)[:, None, None]
        bias = jnp.pad(extra / 2, ((0, 0), (0, 0), (0, 0), (1, 0)))
        masks = jnp.repeat(memory.tokens[:, :1], MASKS, axis=1)
        halved = memory.replace(keys=memory.keys * halves)
        return tower.blocks[0].read(masks, halved, bias)

    found = jitted(case, method, extra)
    for b, image in enumerate(images):
        tokens = plain.entering(plain.cells(image))
        tokens = np.concatenate([tokens, np.repeat(tokens[:1], MASKS, axis=0)])
        query, key, _ = plain.parts(0, tokens)
        logits = np.einsum("lhd,shd->hls", query, key) / np.sqrt(plain.depth)
        bias = np.zeros_like(logits)
        bias[:, :, 1 + CELLS :] = -np.inf
        half = (logits[:, 1 + CELLS :, 1 : 1 + CELLS] + extra[b]) / 2
        bias[:, 1 + CELLS :, 1 : 1 + CELLS] = half - logits[:, 1 + CELLS :, 1 : 1 + CELLS]
        np.testing.assert_allclose(found[b], plain.block(0, tokens, bias)[1 + CELLS :], atol=3e-5)


def test_masks_do_not_depend_on_each_other(case):
    """What makes chunks of masks exact: a mask alone gives the row it gives among others."""
    biases = maskclip_bias()
    together, _ = jitted(case, read_all(0), biases, None)
    biases = np.array(biases)
    biases[:, :, :, 1:] = 0
    alone, _ = jitted(case, read_all(0), biases, None)
    np.testing.assert_allclose(together[:, 0], alone[:, 0], atol=1e-6)
    assert np.abs(together[:, 1] - alone[:, 1]).max() > 1e-3


# ---- mask prompts --------------------------------------------------------------------------


def test_ovseg_prompts_replace_cells_outside_the_mask(case):
    """Before positions, and behind blocks 1 and 2; the class token is never touched (3.3)."""
    _, _, plain, images = case
    rng = np.random.default_rng(5)
    prompts = rng.normal(size=(3, CELLS, SMALL["width"])).astype(np.float32)
    kept = (rng.uniform(size=(2, CELLS, 1)) > 0.4).astype(np.float32)

    def method(tower, images, prompts, kept):
        def edit(depth):
            grid = kept.reshape(2, SIDE, SIDE, 1)
            prompt = prompts[depth].reshape(SIDE, SIDE, -1)
            return lambda cells: cells * grid + prompt * (1 - grid)

        tokens, _ = tower.run(images, edits={depth: edit(depth) for depth in range(3)})
        return tokens

    found = jitted(case, method, prompts, kept)
    for b, image in enumerate(images):
        tokens = plain.entering(plain.cells(image) * kept[b] + prompts[0] * (1 - kept[b]))
        for index in range(LAYERS):
            tokens = plain.block(index, tokens)
            if index < 2:
                tokens[1:] = tokens[1:] * kept[b] + prompts[index + 1] * (1 - kept[b])
        np.testing.assert_allclose(found[b], tokens, atol=5e-5)


def test_the_class_token_alone_needs_no_other_token_of_the_last_block(case):
    tower, params, _, images = case

    def both(bound, images):
        prompt = {1: lambda cells: 0.5 * cells}
        whole, _ = bound.run(images, edits=prompt)
        return whole[:, :1], bound.run(images, edits=prompt, class_only=True)[0]

    whole, alone = compiled(tower, both)(params, images)
    np.testing.assert_allclose(alone, whole, rtol=1e-5, atol=1e-5)
    want = compiled(tower, "outputs")(params, images)[1]
    np.testing.assert_allclose(compiled(tower, "__call__")(params, images), want, atol=1e-5)
