"""Mask pooling and mask cropping: what they average, and what they cut out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny_scene import (
    WIDTH,
    initialise,
    quick_jit,
    run,
    tiny_batch,
    tiny_method,
    tiny_proposals,
    tiny_text,
)

from ovseg_jax.config import MaskCroppingConfig, MaskPoolingConfig
from ovseg_jax.foundation.typing import Proposals
from ovseg_jax.methods.mask_pooling import pooling_weights
from ovseg_jax.ops.images.resize import resize, resize_masks
from ovseg_jax.ops.masks.of_ids import masks_from_ids

BATCH, TEXT = tiny_batch(), tiny_text()
PROPOSALS = tiny_proposals(BATCH)
POOLING = tiny_method(MaskPoolingConfig())
CROPPING = tiny_method(MaskCroppingConfig(crop_size=16, chunk=3))
VARIABLES = initialise(POOLING, BATCH, PROPOSALS, TEXT)


def proposals_of(masks) -> Proposals:
    return Proposals(masks=masks, valid=jnp.ones(masks.shape[:2], bool))


@pytest.fixture(scope="module")
def features():
    return run(POOLING, VARIABLES, "encode_batch", BATCH)


def head(method, vectors):
    return run(method, VARIABLES, lambda bound, x: bound.clip.project(x), vectors)


def test_a_full_mask_pools_the_whole_map(features):
    got = run(POOLING, VARIABLES, "embed", features, proposals_of(jnp.ones((2, 1, 32, 32), bool)))
    want = head(POOLING, features.dense.mean((1, 2)))
    np.testing.assert_allclose(got.embeddings[:, 0], want, atol=1e-5)


def test_hard_masks_weigh_cells_by_what_they_cover(features):
    """A mask of one pixel takes its cell's feature; bilinear sampling would miss the pixel."""
    mask = jnp.zeros((2, 1, 32, 32), bool).at[:, 0, 8, 16].set(True)
    got = run(POOLING, VARIABLES, "embed", features, proposals_of(mask)).embeddings
    np.testing.assert_allclose(got[:, 0], head(POOLING, features.dense[:, 1, 2]), atol=1e-4)


def test_logits_are_resized_then_cut_at_zero_as_in_fc_clip():
    want = resize_masks(PROPOSALS.masks, (4, 4)) > 0
    np.testing.assert_array_equal(pooling_weights(PROPOSALS.masks, (4, 4)), want)


def test_an_empty_mask_pools_zeros(features):
    got = run(POOLING, VARIABLES, "embed", features, proposals_of(jnp.zeros((2, 1, 32, 32), bool)))
    want = head(POOLING, jnp.zeros_like(features.dense[:, 0, 0]))
    np.testing.assert_allclose(got.embeddings[:, 0], want, atol=1e-5)


def test_more_masks_than_a_chunk_are_pooled_alike(features):
    masks = masks_from_ids(BATCH.segment_ids, 5)
    few = run(POOLING, VARIABLES, "embed", features, proposals_of(masks)).embeddings
    many = run(POOLING, VARIABLES, "embed", features, proposals_of(jnp.tile(masks, (1, 9, 1, 1))))
    np.testing.assert_allclose(many.embeddings, jnp.tile(few, (1, 9, 1)), atol=1e-5)


# ---- cropping -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pixels():
    return run(CROPPING, VARIABLES, "encode_batch", BATCH)


def embed(method, pixels, masks):
    return run(method, VARIABLES, "embed", pixels, proposals_of(masks)).embeddings


def encode_image(pictures):
    return run(CROPPING, VARIABLES, lambda bound, x: bound.clip.encode_image(x), pictures)


def rectangle(top, left, bottom, right):
    return jnp.zeros((2, 1, 32, 32), bool).at[:, :, top:bottom, left:right].set(True)


def test_encoding_for_crops_runs_no_tower(pixels):
    assert pixels.dense.size == 0 and pixels.images.shape == BATCH.images.shape


@pytest.mark.parametrize("fill", ["mean", "picture"])
def test_a_rectangle_is_embedded_as_its_cut_out(pixels, fill):
    method = tiny_method(MaskCroppingConfig(crop_size=16, fill=fill))
    got = embed(method, pixels, rectangle(4, 6, 20, 22))
    crops = resize(pixels.images[:, 4:20, 6:22], (16, 16), method="bicubic")
    np.testing.assert_allclose(got[:, 0], encode_image(crops), atol=1e-4)


@pytest.mark.parametrize("fill", ["mean", "black", "picture"])
def test_outside_the_mask_stands_a_colour_or_the_picture(pixels, fill):
    method = tiny_method(MaskCroppingConfig(crop_size=16, fill=fill))
    ring = rectangle(4, 6, 20, 22) & ~rectangle(8, 10, 16, 18)
    box, inside = pixels.images[:, 4:20, 6:22], ring[:, 0, 4:20, 6:22, None]
    black = method.normalise(jnp.zeros_like(BATCH.images, float), BATCH.sizes)[:, 4:20, 6:22]
    cut = jnp.where(inside, box, {"mean": 0.0, "black": black, "picture": box}[fill])
    want = encode_image(resize(cut, (16, 16), method="bicubic"))
    np.testing.assert_allclose(embed(method, pixels, ring)[:, 0], want, atol=1e-4)


def test_boxes_grow_but_not_beyond_the_picture(pixels):
    method = tiny_method(MaskCroppingConfig(crop_size=16, fill="picture", expand=2.0))
    got = embed(method, pixels, rectangle(12, 14, 20, 22))
    for image, right in ((0, 26), (1, 24)):  # the second picture ends at column 24
        cut = pixels.images[image : image + 1, 8:24, 10:right]
        want = encode_image(resize(cut, (16, 16), method="bicubic"))
        np.testing.assert_allclose(got[image], want, atol=1e-4)


def test_empty_masks_get_the_zero_vector_and_masks_of_other_sizes_work(pixels):
    assert (embed(CROPPING, pixels, rectangle(0, 0, 0, 0)) == 0).all()
    logits = jnp.where(rectangle(4, 8, 20, 24)[:, :, ::4, ::4], 8.0, -8.0)
    full = embed(CROPPING, pixels, resize_masks(logits, (32, 32)) > 0)
    assert full.shape == (2, 1, WIDTH)
    np.testing.assert_allclose(embed(CROPPING, pixels, logits), full, atol=1e-4)


def test_chunks_do_not_change_crops(pixels):
    masks = masks_from_ids(BATCH.segment_ids, 5)
    whole = tiny_method(MaskCroppingConfig(crop_size=16, chunk=100))
    np.testing.assert_allclose(
        embed(CROPPING, pixels, masks), embed(whole, pixels, masks), atol=1e-5
    )


def test_the_gradient_passes_empty_masks():
    def loss(variables):
        batch = BATCH.replace(segment_ids=jnp.zeros_like(BATCH.segment_ids).at[0, :4].set(1))
        return CROPPING.apply(variables, batch, PROPOSALS, TEXT, jax.random.key(0), method="loss")[
            0
        ]

    gradient = quick_jit(jax.grad(loss))(VARIABLES)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))
