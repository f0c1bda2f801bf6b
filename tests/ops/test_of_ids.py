"""Masks from id maps agree with masks made the long way, at every size."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.ops.images.resize import resize_masks
from ovseg_jax.ops.masks import of_ids, resizing

IDS = jax.random.randint(jax.random.key(0), (2, 33, 50), 0, 5)
CHOSEN = jnp.array([[1, 3, of_ids.NO_ID], [4, 2, 1]])


def test_an_id_map_becomes_one_mask_per_id():
    masks = of_ids.masks_from_ids(jnp.array([[[0, 1], [2, 1]]]), 3)
    assert masks[0].tolist() == [
        [[False, True], [False, True]],
        [[False, False], [True, False]],
        [[False, False], [False, False]],
    ]


def test_chosen_ids_come_in_their_order_and_padding_is_empty():
    masks = of_ids.masks_of_ids(IDS, CHOSEN)
    np.testing.assert_array_equal(masks[1, 0], IDS[1] == 4)
    assert not masks[0, 2].any()


def test_presence_is_having_a_pixel():
    present = of_ids.ids_present(jnp.array([[[0, 1], [3, 1]], [[0, 0], [0, 0]]]), 3)
    assert present.tolist() == [[True, False, True], [False, False, False]]


@pytest.mark.parametrize("size", [(8, 12), (33, 50), (40, 77), (1, 1), (5, 64)])
def test_coverage_equals_resizing_the_expanded_masks(size):
    got = of_ids.coverage_of_ids(IDS, CHOSEN, size)
    want = resize_masks(of_ids.masks_of_ids(IDS, CHOSEN).astype(jnp.float32), size)
    np.testing.assert_allclose(got, want, atol=1e-6)


def test_coverage_never_builds_the_masks_at_full_size():
    ids = jax.ShapeDtypeStruct((1, 256, 256), jnp.int32)
    chosen = jax.ShapeDtypeStruct((1, 64), jnp.int32)
    lowered = jax.jit(of_ids.coverage_of_ids, static_argnums=2).lower(ids, chosen, (16, 16))
    temporaries = lowered.compile().memory_analysis().temp_size_in_bytes
    assert temporaries < 64 * 256 * 256 / 4


def test_two_resizes_become_one():
    masks = jax.random.uniform(jax.random.key(1), (2, 3, 8, 12))
    want = resize_masks(resize_masks(masks, (32, 40)), (6, 9))
    np.testing.assert_allclose(resizing.resize_via(masks, (32, 40), (6, 9)), want, atol=1e-6)


@pytest.mark.parametrize("size", [(11, 10), (4, 7), (50, 60)])
def test_area_coverage_keeps_the_covered_fraction(size):
    masks = of_ids.masks_of_ids(IDS, CHOSEN)
    coverage = resizing.area_coverage(masks, size)
    np.testing.assert_allclose(coverage.mean((2, 3)), masks.mean((2, 3)), atol=1e-6)


def test_area_coverage_of_whole_cells_is_their_mean():
    mask = jax.random.bernoulli(jax.random.key(2), 0.5, (1, 1, 8, 12))
    want = mask.reshape(1, 1, 2, 4, 3, 4).mean((3, 5))
    np.testing.assert_allclose(resizing.area_coverage(mask, (2, 3)), want, atol=1e-6)


def test_one_pixel_leaves_a_trace_in_its_cell_only():
    mask = jnp.zeros((1, 1, 64, 64), bool).at[0, 0, 40, 10].set(True)
    coverage = resizing.area_coverage(mask, (2, 2))[0, 0]
    np.testing.assert_allclose(coverage, [[0, 0], [1 / 1024, 0]], atol=1e-7)


def test_binarising_leaves_hard_masks_alone_and_cuts_logits():
    hard = jnp.array([[True, False]])
    assert resizing.binarise(hard) is hard
    logits = jnp.array([[-1.0, 0.0, 0.1, 3.0]])
    assert resizing.binarise(logits).tolist() == [[False, False, True, True]]
    assert resizing.binarise(logits, 0.45).tolist() == [[False, True, True, True]]


def test_hard_masks_of_the_right_size_pass_unchanged():
    masks = of_ids.masks_of_ids(IDS, CHOSEN)
    assert resizing.hard_masks(masks, (33, 50)) is masks
    np.testing.assert_array_equal(resizing.hard_masks(masks, (66, 100))[:, :, ::2, ::2], masks)
    logits = jnp.where(masks, 5.0, -5.0)
    np.testing.assert_array_equal(resizing.hard_masks(logits, (33, 50)), masks)


PRESENT = jnp.array([[True, False, True, True, False], [False] * 5])


def test_sampling_takes_all_in_order_when_they_fit():
    slots, valid = of_ids.sample_slots(jax.random.key(0), PRESENT, 4)
    assert valid.tolist() == [[True, True, True, False], [False] * 4]
    assert slots[0, :3].tolist() == [0, 2, 3]


def test_sampling_pads_beyond_the_number_of_slots():
    slots, valid = of_ids.sample_slots(jax.random.key(0), PRESENT, 9)
    assert slots.shape == valid.shape == (2, 9)
    assert valid.sum() == 3


def test_sampling_a_few_of_many_is_uniform_and_without_repetition():
    present = jnp.ones((2000, 6), bool).at[:, 1].set(False)
    slots, valid = of_ids.sample_slots(jax.random.key(3), present, 3)
    assert valid.all()
    slots = np.asarray(slots)
    assert all(len(set(row)) == 3 for row in slots.tolist())
    frequency = np.bincount(slots.ravel(), minlength=6) / 2000
    np.testing.assert_allclose(frequency, [0.6, 0, 0.6, 0.6, 0.6, 0.6], atol=0.05)
