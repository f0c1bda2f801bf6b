"""Why a case that cuts masks is computed in double precision: what one pixel can do."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden_cases import GOLDENS, Case, fill, ovseg
from golden_cases.frames import case_batch

from ovseg_jax.foundation.typing import Proposals
from ovseg_jax.ops.images.resize import resize_masks
from ovseg_jax.ops.vectors import unit

CASE = Case(GOLDENS / "ovseg" / "a5_full_r101c_vitb")
NOISE = 6e-5
"""By how much mask logits of this case differ between processors."""


@pytest.fixture(scope="module")
def outcome():
    """Masks in double precision, and what embeds hard masks as OVSeg does."""
    _, method, params = ovseg.converted(CASE)
    batch = case_batch(CASE)
    masks = np.asarray(ovseg.propose(method, params, batch)[1].masks)

    def embed(bound, hard):
        proposals = Proposals(masks=hard, valid=jnp.ones(hard.shape[:2], bool))
        return unit(bound.embed(bound.encode_batch(batch), proposals).embeddings)

    compiled = jax.jit(lambda hard: method.apply({"params": params}, hard, method=embed))
    return masks, lambda hard: np.asarray(compiled(jnp.asarray(hard)))[0]


def upsampled(masks):
    return np.asarray(resize_masks(jnp.asarray(masks), (96, 128)))


def error(features):
    return fill.compare(str(CASE.path), {"region_features": features})["region_features"][:2]


@pytest.mark.slow
def test_region_features_hang_on_six_pixels_at_the_threshold(outcome):
    masks, embed = outcome
    logits = upsampled(masks)
    assert error(embed(logits > 0)) == (True, pytest.approx(0, abs=1e-6))
    close = np.argwhere(np.abs(logits) < NOISE)
    assert len(close) == 6
    for pixel in map(tuple, close):
        hard = logits > 0
        hard[pixel] ^= True
        fits, difference = error(embed(hard))
        assert not fits and 1e-4 < difference < 1e-3


@pytest.mark.slow
def test_the_masks_of_the_original_cut_the_same_pixels(outcome):
    masks, _ = outcome
    stored = fill.load_outputs(str(CASE.path))["pred_masks"]
    theirs = masks.copy()
    theirs.reshape(-1)[:: CASE.info["outputs"]["pred_masks"]["step"]] = stored
    assert 0 < np.abs(theirs - masks).max() < NOISE
    np.testing.assert_array_equal(upsampled(theirs) > 0, upsampled(masks) > 0)
