"""The geometric ensemble equals FC-CLIP's formula, without its NaN."""

import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.inference.ensemble import (
    class_probabilities,
    geometric_ensemble,
    log_probabilities,
)

SEEN = jnp.array([True, False, True, False])
ALL = jnp.ones(4, bool)


def softmax(x):
    exponent = np.exp(x - x.max(-1, keepdims=True))
    return exponent / exponent.sum(-1, keepdims=True)


def as_written_in_the_paper(class_logits, method_logits, alpha, beta):
    inside, outside = softmax(class_logits[..., :-1]), softmax(method_logits[..., :-1])
    weight = np.where(SEEN, alpha, beta)
    mixed = softmax(np.log(inside ** (1 - weight) * outside**weight))
    void = softmax(class_logits)[..., -1:]
    return np.log(np.concatenate([mixed * (1 - void), void], axis=-1) + 1e-8)


@pytest.fixture
def logits():
    draw = np.random.default_rng(0).normal(size=(2, 2, 3, 5)) * 3
    return draw[0].astype(np.float32), draw[1].astype(np.float32)


@pytest.mark.parametrize(("alpha", "beta"), [(0.4, 0.8), (0.0, 1.0), (1.0, 0.0)])
def test_the_mixture_is_the_papers(logits, alpha, beta):
    mixed = geometric_ensemble(
        *map(jnp.asarray, logits), seen=SEEN, valid=ALL, alpha=alpha, beta=beta
    )
    expected = as_written_in_the_paper(*logits, alpha, beta)
    np.testing.assert_allclose(mixed, expected, atol=2e-5)


def test_a_probability_of_zero_gives_a_low_score_not_nan(logits):
    inside, outside = logits
    inside[..., 1] = outside[..., 2] = -2000.0  # both underflow to zero
    mixed = geometric_ensemble(
        jnp.asarray(inside), jnp.asarray(outside), seen=SEEN, valid=ALL, alpha=0.4, beta=0.8
    )
    assert np.isfinite(mixed).all()
    np.testing.assert_allclose(np.exp(mixed).sum(-1), 1, atol=1e-5)
    assert (np.asarray(mixed)[..., 1:3] < -18).all()


def test_empty_class_slots_change_nothing_and_stay_absent(logits):
    plain = geometric_ensemble(*map(jnp.asarray, logits), seen=SEEN, valid=ALL, alpha=0.4, beta=0.8)
    padded = [np.insert(x, [4, 4], [[-np.inf, 9.0]], axis=-1) for x in logits]
    mixed = geometric_ensemble(
        *map(jnp.asarray, padded),
        seen=jnp.r_[SEEN, False, True],
        valid=jnp.r_[ALL, False, False],
        alpha=0.4,
        beta=0.8,
    )
    assert (np.asarray(mixed)[..., 4:6] == -np.inf).all()
    np.testing.assert_allclose(np.delete(mixed, [4, 5], axis=-1), plain, atol=1e-6)


def test_own_logits_are_normalised_with_void_and_without(logits):
    own = log_probabilities(jnp.asarray(logits[0]), valid=ALL)
    np.testing.assert_allclose(np.exp(own), softmax(logits[0]), atol=1e-6)
    without = np.array(logits[0])
    without[..., -1] = -np.inf
    probabilities = class_probabilities(log_probabilities(jnp.asarray(without), valid=ALL))
    np.testing.assert_allclose(probabilities, softmax(logits[0][..., :-1]), atol=1e-6)
