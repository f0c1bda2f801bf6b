"""Contrastive training: random rectangles inside the picture, and captions that repeat."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny_scene import (
    initialise,
    run,
    tiny_batch,
    tiny_method,
    tiny_proposals,
    tiny_text,
    with_settings,
)

from ovseg_jax.config import ContrastiveConfig
from ovseg_jax.losses.classification import contrastive_loss
from ovseg_jax.methods.contrastive import random_rectangles
from ovseg_jax.ops.vectors import unit

BATCH, TEXT = tiny_batch(), tiny_text()
PROPOSALS = tiny_proposals(BATCH)
METHOD = tiny_method(ContrastiveConfig(crop_probability=0.0))
VARIABLES = initialise(METHOD, BATCH, PROPOSALS, TEXT)


def test_rectangles_stay_inside_and_have_the_wanted_sides():
    limits = jnp.tile(jnp.array([[12, 9], [3, 20]]), (500, 1))
    start, stop = (np.asarray(x) for x in random_rectangles(jax.random.key(0), limits, (4, 11)))
    assert (start >= 0).all() and (stop <= limits).all()
    sides = stop - start
    assert set(sides[0::2, 0]) == set(range(4, 12)) and set(sides[0::2, 1]) == set(range(4, 10))
    assert set(sides[1::2, 0]) == {3}  # a grid smaller than the rectangle is taken whole
    assert {0, 8} <= set(start[0::2, 0])  # every place is reached


def test_windows_are_the_picture_or_a_rectangle_in_it():
    whole = METHOD.draw_windows(jax.random.key(0), BATCH.sizes, (32, 32))
    assert whole[0].all()
    assert whole[1, :, :24].all() and not whole[1, :, 24:].any()  # padded from pixel 24 of 32
    always = tiny_method(ContrastiveConfig(crop_probability=1.0, crop_pixels=(8, 16)))
    for seed in range(20):
        windows = np.asarray(always.draw_windows(jax.random.key(seed), BATCH.sizes, (32, 32)))
        for image in windows:
            rows, columns = image.any(1), image.any(0)
            np.testing.assert_array_equal(image, rows[:, None] & columns[None])
            assert 8 <= rows.sum() <= 16 and 8 <= columns.sum() <= 16
        assert not windows[1, :, 24:].any()


def test_what_lies_outside_the_rectangle_cannot_be_seen():
    always = tiny_method(ContrastiveConfig(crop_probability=1.0, crop_pixels=(8, 16)))
    key = jax.random.key(3)
    window = always.draw_windows(key, BATCH.sizes, (32, 32))
    noise = np.random.default_rng(0).integers(0, 256, BATCH.images.shape).astype(np.uint8)
    other = BATCH.replace(images=jnp.where(window[..., None], BATCH.images, noise))

    def embed(batch):
        pixels = METHOD.apply(
            VARIABLES, batch.images.astype(jnp.float32), batch.sizes, method="normalise"
        )
        return always.apply(VARIABLES, pixels, window, method="encode_cut")["cells"]

    np.testing.assert_array_equal(embed(BATCH), embed(other))
    assert not np.allclose(embed(BATCH), embed(BATCH.replace(images=255 - BATCH.images)))


def test_without_rectangles_the_loss_is_that_of_clip():
    loss, metrics = run(METHOD, VARIABLES, "loss", BATCH, PROPOSALS, TEXT, jax.random.key(0))
    whole = BATCH.replace(sizes=jnp.full((2, 2), 32))

    def both(bound, images, captions):
        pixels = bound.normalise(images, whole.sizes)
        return bound.clip.encode_image(pixels), bound.clip.encode_text(captions)

    images = whole.images.astype(jnp.float32)
    image, text = METHOD.apply(VARIABLES, images, whole.captions, method=both)
    factor = jnp.exp(VARIABLES["params"]["clip"]["logit_scale"])
    want = contrastive_loss(unit(image) @ unit(text).T * factor)
    got, _ = run(METHOD, VARIABLES, "loss", whole, PROPOSALS, TEXT, jax.random.key(0))
    np.testing.assert_allclose(got, want, rtol=1e-4)
    assert metrics["temperature"] == pytest.approx(float(factor))
    assert metrics["cells_accuracy"] in (0.0, 0.5, 1.0)


def test_images_that_share_a_caption_are_not_pushed_apart():
    batch = BATCH.replace(captions=jnp.stack([BATCH.captions[0]] * 2))
    loss, metrics = run(METHOD, VARIABLES, "loss", batch, PROPOSALS, TEXT, jax.random.key(0))
    assert loss == pytest.approx(0, abs=1e-6) and metrics["cells_accuracy"] == 1


def test_missing_captions_are_named():
    with pytest.raises(ValueError, match=r"data\.captions"):
        METHOD.apply(
            VARIABLES,
            BATCH.replace(captions=None),
            PROPOSALS,
            TEXT,
            jax.random.key(0),
            method="loss",
        )


def test_each_objective_has_its_own_loss_and_both_are_averaged():
    key = jax.random.key(0)

    def loss_of(*objectives):
        method = with_settings(METHOD, objectives=objectives)
        return run(method, VARIABLES, "loss", BATCH, PROPOSALS, TEXT, key)

    cells, (image, metrics) = loss_of("cells")[0], loss_of("image")
    both = loss_of("cells", "image")[0]
    assert "image_accuracy" in metrics and "cells_accuracy" not in metrics
    np.testing.assert_allclose(both, (cells + image) / 2, rtol=1e-5)
    assert abs(cells - image) > 1e-4  # padding beside the second picture tells them apart


def test_consistency_is_the_distance_of_the_window_in_whole_and_cut_pictures():
    key = jax.random.key(3)
    always = with_settings(METHOD, crop_probability=1.0, crop_pixels=(8, 16))
    plain = run(always, VARIABLES, "loss", BATCH, PROPOSALS, TEXT, key)[0]
    pulled, metrics = run(
        with_settings(always, consistency=2.0), VARIABLES, "loss", BATCH, PROPOSALS, TEXT, key
    )
    np.testing.assert_allclose(pulled, plain + metrics["consistency_loss"], rtol=1e-5)
    assert 0 < metrics["consistency_loss"] < 4
    uncut = run(
        with_settings(METHOD, consistency=2.0), VARIABLES, "loss", BATCH, PROPOSALS, TEXT, key
    )[1]
    np.testing.assert_allclose(uncut["consistency_loss"], 0, atol=1e-5)


def test_contrast_tells_a_window_from_the_other_pictures_of_the_batch():
    """Two like pictures cannot be told apart, which costs log 2; two others can, to some degree."""
    method = with_settings(METHOD, consistency=2.0, consistency_loss="contrast")
    twice = jax.tree.map(lambda leaf: jnp.stack([leaf[0], leaf[0]]), BATCH)
    costs = [
        run(method, VARIABLES, "loss", batch, PROPOSALS, TEXT, jax.random.key(0))[1]
        for batch in (twice, BATCH)
    ]
    same, others = (float(cost["consistency_loss"]) for cost in costs)
    np.testing.assert_allclose(same, 2 * np.log(2), rtol=1e-4)
    assert 0 < others < same - 1e-4
