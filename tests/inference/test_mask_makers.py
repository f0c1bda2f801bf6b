"""Names that another model gave its masks, taken over or not."""

import jax
import jax.numpy as jnp
import numpy as np

from ovseg_jax.config import EnsembleConfig
from ovseg_jax.foundation.typing import Proposals, Text
from ovseg_jax.inference.ensemble import choose_rule
from ovseg_jax.inference.mask_makers.mask_maker import adopt

VALID = jnp.arange(16) < 3
TEXT = Text(embeddings=jnp.ones((3, 1, 2)), classes=jnp.arange(3), valid=VALID, seen=VALID)
OLD = jax.random.normal(jax.random.key(0), (1, 4, 7))
MINE = jax.random.normal(jax.random.key(1), (1, 4, 17)).at[..., -1].set(-jnp.inf)


def answer(alpha, opinion=True):
    """Six old classes: two are the first word, one the second, none the third."""
    masks, valid = jnp.ones((1, 4, 2, 2)), jnp.ones((1, 4), bool)
    theirs = Proposals(masks=masks, valid=valid, class_logits=OLD)
    sizes = {"table": np.array([0, 0, 1, -1, -1, -1]), "classes": 3, "slots": 16}
    adopted = adopt(theirs, names_count=opinion, **sizes)
    weights = EnsembleConfig(alpha=alpha, beta=alpha, with_others=opinion)
    rule = choose_rule(adopted, weights, (2, 2))
    return np.exp(rule.join(adopted, MINE, TEXT))[0]


def test_a_fixed_list_counts_by_its_exponent_and_keeps_no_object():
    half, theirs, mine = answer(0.5), answer(0.0), answer(1.0)
    product = np.sqrt(theirs[:, :3] * mine[:, :3])
    shares = product / product.sum(-1, keepdims=True)
    np.testing.assert_allclose(half[:, :3], shares * (1 - half[:, -1:]), atol=1e-6)
    nothing = jax.nn.softmax(OLD)[0, :, -1]
    for found in (half, theirs, mine):
        np.testing.assert_allclose(found[:, -1], nothing, atol=1e-6)
    means = np.stack([OLD[0, :, :2].mean(-1), OLD[0, :, 2], np.zeros(4)], -1)
    want = jax.nn.softmax(means) * (1 - nothing[:, None])
    np.testing.assert_allclose(theirs[:, :3], want, atol=1e-6)


def test_without_an_opinion_only_no_object_counts():
    np.testing.assert_allclose(answer(0.5, opinion=False), answer(1.0), atol=1e-6)
