"""Classification losses: values by hand, what is ignored, and gradients without NaN."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.losses.classification import (
    contrastive_loss,
    cosine_consistency,
    masked_cross_entropy,
)

LOGITS = jax.random.normal(jax.random.key(0), (2, 4, 6)) * 3
LABELS = jnp.array([[0, -1, 5, 2], [-1, -1, 3, 3]])


def by_hand(logits, labels):
    logits, labels = np.float64(logits).reshape(-1, logits.shape[-1]), np.ravel(labels)
    losses = [
        np.log(np.exp(row).sum()) - row[label]
        for row, label in zip(logits, labels, strict=True)
        if label >= 0
    ]
    return np.mean(losses)


def test_the_mean_is_over_labelled_entries():
    np.testing.assert_allclose(
        masked_cross_entropy(LOGITS, LABELS), by_hand(LOGITS, LABELS), rtol=1e-5
    )


def test_without_labels_loss_and_gradient_are_zero():
    value, gradient = jax.value_and_grad(masked_cross_entropy)(LOGITS, jnp.full((2, 4), -1))
    assert value == 0 and (gradient == 0).all()


def test_empty_class_slots_take_no_part():
    wide = jnp.concatenate([LOGITS, jnp.full((2, 4, 3), -jnp.inf)], axis=-1)
    value, gradient = jax.value_and_grad(masked_cross_entropy)(wide, LABELS)
    want, want_gradient = jax.value_and_grad(masked_cross_entropy)(LOGITS, LABELS)
    np.testing.assert_allclose(value, want, rtol=1e-6)
    np.testing.assert_allclose(gradient[..., :6], want_gradient, atol=1e-7)
    assert (gradient[..., 6:] == 0).all()


def test_rows_without_any_class_spoil_nothing_when_they_are_ignored():
    logits = LOGITS.at[0, 1].set(-jnp.inf)
    value, gradient = jax.value_and_grad(masked_cross_entropy)(logits, LABELS)
    np.testing.assert_allclose(value, by_hand(LOGITS, LABELS), rtol=1e-5)
    assert jnp.isfinite(gradient).all() and (gradient[0, 1] == 0).all()


def test_equal_and_opposite_directions_cost_zero_and_two():
    x = jax.random.normal(jax.random.key(1), (2, 3, 5))
    assert cosine_consistency(x, 4 * x) == pytest.approx(0, abs=1e-6)
    assert cosine_consistency(x, -x) == pytest.approx(2, abs=1e-6)


def test_zero_vectors_leave_the_gradient_finite():
    x = jnp.ones((2, 3)).at[0].set(0.0)
    gradient = jax.grad(cosine_consistency)(x, jnp.ones((2, 3)) * jnp.arange(3.0))
    assert jnp.isfinite(gradient).all()


def test_contrastive_loss_is_the_mean_of_both_directions():
    logits = jax.random.normal(jax.random.key(2), (4, 4))
    own = np.arange(4)
    want = (by_hand(logits, own) + by_hand(logits.T, own)) / 2
    np.testing.assert_allclose(contrastive_loss(logits), want, rtol=1e-5)


def test_equal_captions_are_neither_right_nor_wrong():
    logits = jax.random.normal(jax.random.key(3), (3, 3))
    same = jnp.eye(3, dtype=bool).at[0, 2].set(True).at[2, 0].set(True)
    # Rows and columns 0 and 2 see one wrong partner only.
    rows = [by_hand(logits[jnp.array([0])][:, :2], [0]), by_hand(logits[1:2], [1])]
    rows.append(by_hand(logits[2:, 1:], [1]))
    columns = [by_hand(logits.T[jnp.array([0])][:, :2], [0]), by_hand(logits.T[1:2], [1])]
    columns.append(by_hand(logits.T[2:, 1:], [1]))
    want = (np.mean(rows) + np.mean(columns)) / 2
    np.testing.assert_allclose(contrastive_loss(logits, same), want, rtol=1e-5)
    gradient = jax.grad(contrastive_loss)(logits, same)
    assert jnp.isfinite(gradient).all() and gradient[0, 2] == 0 and gradient[1, 2] != 0
