"""What cases give in place of a generator and of a text tower, as the package's own nouns."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from ovseg_jax.foundation.typing import Proposals, Scores, Text
from ovseg_jax.inference.ensemble import geometric_ensemble

from . import Case
from .frames import numbered


def given_text(case: Case) -> Text:
    """The given classifier as a vocabulary of one template."""
    counts = case.inputs["num_templates"]
    seen = case.inputs.get("category_overlapping_mask", np.zeros(len(counts)))
    return Text(
        embeddings=jnp.asarray(case.inputs["text_classifier"][:, None]),
        classes=jnp.asarray(np.repeat(np.arange(len(counts)), counts), jnp.int32),
        valid=jnp.ones(len(counts), bool),
        seen=jnp.asarray(seen, bool),
    )


def given_proposals(case: Case) -> Proposals:
    """The given mask logits, and the class logits where the case gives them."""
    masks = jnp.asarray(np.stack(numbered(case, "pred_masks")))
    masks = masks[0] if masks.ndim == 5 else masks
    logits = None
    if any(name.startswith("pred_logits") for name in case.inputs):
        logits = jnp.asarray(np.concatenate(numbered(case, "pred_logits")))
    return Proposals(masks=masks, valid=jnp.ones(masks.shape[:2], bool), class_logits=logits)


def ensemble_of(
    case: Case, text: Text, scores: Scores, present: jax.Array | None = None
) -> jax.Array:
    """The given generator logits and the method's, as log probabilities [b, q, k + 1]."""
    return geometric_ensemble(
        given_proposals(case).class_logits,
        scores.logits,
        seen=text.seen,
        valid=text.valid,
        alpha=case.config["alpha"],
        beta=case.config["beta"],
        present=present,
    )
