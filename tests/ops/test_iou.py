"""Every form of mask IoU must count exactly."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.ops.masks import iou as module
from ovseg_jax.ops.masks.iou import mask_iou, mask_iou_packed, pack_masks

FORMS = ("broadcast", "matmul", "popcount")


def draw(count, height, width, seed=0):
    rng = np.random.default_rng(seed)
    return jnp.asarray(rng.random((count, height, width)) < rng.random((count, 1, 1)))


def count_in_numpy(first, second, eps=1e-6):
    first, second = np.asarray(first), np.asarray(second)
    pairs = [(np.sum(a & b), np.sum(a | b)) for a in first for b in second]
    ratios = [np.float32(i) / (np.float32(u) + np.float32(eps)) for i, u in pairs]
    return np.reshape(ratios, (len(first), len(second)))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [(8, 8), (7, 13), (1, 1), (40, 52)])
def test_every_form_counts_pixels(form, size):
    first, second = draw(5, *size), draw(3, *size, seed=1)
    expected = count_in_numpy(first, second)
    np.testing.assert_allclose(mask_iou(first, second, form=form), expected, rtol=2e-7)
    np.testing.assert_allclose(
        jax.jit(mask_iou, static_argnames="form")(first, second, form=form), expected, rtol=2e-7
    )


@pytest.mark.parametrize("form", FORMS)
def test_empty_and_full_masks(form):
    empty, full = jnp.zeros((1, 5, 7), bool), jnp.ones((1, 5, 7), bool)
    both = jnp.concatenate([empty, full])
    np.testing.assert_allclose(mask_iou(both, both, form=form), [[0, 0], [0, 1]], atol=1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_a_batch_goes_through_vmap(form):
    first, second = draw(6, 9, 5).reshape(2, 3, 9, 5), draw(4, 9, 5, 1).reshape(2, 2, 9, 5)
    batched = jax.vmap(lambda a, b: mask_iou(a, b, form=form))(first, second)
    for index in range(2):
        np.testing.assert_array_equal(
            batched[index], mask_iou(first[index], second[index], form=form)
        )


def test_float_products_are_exact_across_chunks(monkeypatch):
    monkeypatch.setattr(module, "EXACT_IN_FLOAT32", 64)
    first, second = draw(3, 17, 23), draw(4, 17, 23, seed=1)
    flat = first.reshape(3, -1), second.reshape(4, -1)
    expected = np.asarray(flat[0]).astype(int) @ np.asarray(flat[1]).astype(int).T
    np.testing.assert_array_equal(module._count_by_float_product(*flat), expected)


def test_packed_masks_can_be_kept_and_compared():
    first, second = draw(4, 6, 11), draw(2, 6, 11, seed=1)
    packed = pack_masks(first)
    assert packed.shape == (4, 3) and packed.dtype == jnp.uint32  # 66 pixels, 32 a word
    np.testing.assert_array_equal(
        mask_iou_packed(packed, pack_masks(second)), mask_iou(first, second, form="broadcast")
    )


def test_packing_keeps_every_pixel_apart():
    single = jnp.eye(35, dtype=bool).reshape(35, 5, 7)
    packed = np.asarray(pack_masks(single))
    assert len(np.unique(packed, axis=0)) == 35
    assert np.all(np.bitwise_count(packed).sum(1) == 1)


def test_eps_is_added_to_the_union():
    mask = jnp.ones((1, 2, 2), bool)
    np.testing.assert_allclose(mask_iou(mask, mask, eps=4.0), 0.5)


def test_an_unknown_form_is_refused():
    with pytest.raises(ValueError, match="bitwise"):
        mask_iou(draw(1, 2, 2), draw(1, 2, 2), form="bitwise")
