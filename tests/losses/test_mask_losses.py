"""Mask losses: known values, and pairwise forms that equal the plain ones."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.losses import masks as losses

RNG = np.random.default_rng(0)
LOGITS = jnp.asarray(RNG.standard_normal((4, 50)) * 3, jnp.float32)
TRUTH = jnp.asarray(RNG.integers(0, 2, (3, 50)), jnp.float32)


@pytest.mark.parametrize(
    ("pairwise", "plain"),
    [
        (losses.pairwise_cross_entropy, losses.binary_cross_entropy),
        (losses.pairwise_focal, losses.focal_loss),
        (losses.pairwise_dice, losses.dice_loss),
    ],
    ids=["cross-entropy", "focal", "dice"],
)
def test_pairwise_forms_equal_the_plain_ones(pairwise, plain):
    want = [[plain(logits, truth) for truth in TRUTH] for logits in LOGITS]
    np.testing.assert_allclose(pairwise(LOGITS, TRUTH), np.array(want), rtol=1e-5)


def test_known_values():
    zero, ones = jnp.zeros((1, 4)), jnp.ones((1, 4))
    np.testing.assert_allclose(losses.binary_cross_entropy(zero, ones), np.log(2), rtol=1e-6)
    np.testing.assert_allclose(losses.focal_loss(zero, ones), 0.25 * 0.25 * np.log(2), rtol=1e-6)
    np.testing.assert_allclose(losses.dice_loss(zero, ones), 1 - (2 * 2 + 1) / (2 + 4 + 1))


def test_a_perfect_mask_costs_nothing_and_extreme_logits_stay_finite():
    perfect = jnp.where(TRUTH > 0, 200.0, -200.0)
    for loss in (losses.binary_cross_entropy, losses.focal_loss, losses.dice_loss):
        np.testing.assert_allclose(loss(perfect, TRUTH), 0, atol=1e-6)
        gradient = jax.grad(lambda x, loss=loss: loss(x, TRUTH).sum())(-perfect)
        assert jnp.isfinite(gradient).all() and jnp.isfinite(loss(-perfect, TRUTH)).all()
