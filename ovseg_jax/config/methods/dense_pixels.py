"""Pixels without masks."""

from __future__ import annotations

from typing import Literal

from ovseg_jax.config.methods.shared import LabelledConfig
from ovseg_jax.config.schema import schema


@schema
class DensePixelsConfig(LabelledConfig):
    """No masks: cells of the image tower are named one by one.

    Attributes:
        readout: How the last block of a transformer is read: as it is ("plain", any tower), values
            attending to values, queries to queries, or queries to queries and keys to keys.
    """

    module = "ovseg_jax.methods.dense_pixels:DensePixels"
    kind: Literal["dense_pixels"] = "dense_pixels"
    readout: Literal["plain", "values", "queries", "queries_keys"] = "values"
