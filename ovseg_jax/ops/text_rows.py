"""Rows of text: the templates of a name averaged, the synonyms of a class taken together."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ovseg_jax.foundation.typing import Text
from ovseg_jax.ops.vectors import unit


def average_templates(embeddings: Float[Array, "s t d"]) -> Float[Array, "s d"]:
    """Averages unit templates to unit rows; zero rows stay zero (docs/reference 0.7)."""
    return unit(embeddings.mean(axis=1))


def synonym_max(rows: Float[Array, "b q s"], text: Text) -> Float[Array, "b q k"]:
    """Takes each class's best synonym; empty class slots get -inf."""
    slots = text.valid.shape[0]
    best = jax.ops.segment_max(jnp.moveaxis(rows, -1, 0), text.classes, num_segments=slots + 1)
    return jnp.where(text.valid, jnp.moveaxis(best[:slots], 0, -1), -jnp.inf)
