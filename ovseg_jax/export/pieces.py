"""What the parts compute: the steps of `ovseg_jax.inference.answering`, by named arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from ovseg_jax.export.named import named_leaves
from ovseg_jax.foundation.typing import (
    Batch,
    Features,
    Params,
    Proposals,
    Regions,
    Struct,
    Text,
    needed,
    struct,
)
from ovseg_jax.inference import answering
from ovseg_jax.inference.model import Model
from ovseg_jax.inference.text_encoder import unembedded
from ovseg_jax.ops.vectors import unit

Arrays = Mapping[str, Any]


@struct
class Seen(Struct):
    """All that a method may have made of photos and masks before it reads words.

    Attributes:
        features: What `Method.encode` returned.
        proposals: The masks, not named yet; None for a method that needs none.
        regions: What `Method.embed` made of them, where words have no part in that.
    """

    features: Features
    proposals: Proposals | None = None
    regions: Regions | None = None


def see(model: Model, params: Params, inputs: Arrays) -> Seen:
    """Does all that words do not touch.

    Args:
        model: The model.
        params: Its parameters.
        inputs: "images", "sizes", and "masks" where they are given.
    """
    method, batch = model.method, Batch(images=inputs["images"], sizes=inputs["sizes"])
    features = answering.encode(method, params, batch)
    if "masks" in inputs:
        masks = inputs["masks"]
        proposals = Proposals(masks=masks, valid=masks.any((2, 3)))
    elif model.is_dense:
        return Seen(features=features)
    else:
        proposals = answering.make_masks(method, params, batch, features)
    if not method.embeds_first:
        return Seen(features=features, proposals=proposals)
    regions = answering.embed(method, params, features, proposals)
    return Seen(features=features, proposals=proposals, regions=regions)


def score(model: Model, params: Params, seen: Seen, text: Text) -> dict[str, jax.Array]:
    """Names masks by words: "log_probs", void last, and "masks" where words refined them.

    Of a method that needs no masks, "class_maps": a logit per class and cell.
    """
    method, features = model.method, seen.features
    if seen.proposals is None:
        return {"class_maps": answering.apply(method, params, "class_maps", features, text)}
    proposals, regions = seen.proposals, seen.regions
    if proposals.class_embeddings is not None:
        proposals = answering.name_masks(method, params, features, proposals, text)
    ensemble = model.inference.ensemble
    found = answering.answer(method, params, features, proposals, text, ensemble, regions)
    named = {"log_probs": found.log_probs}
    if found.masks is not None and (regions is None or regions.masks is None):
        named["masks"] = found.masks
    return named


def answer_closed(model: Model, params: Params, inputs: Arrays) -> dict[str, jax.Array]:
    """Answers by the fixed list that a model without words knows: "masks" and "log_probs"."""
    seen = see(model, params, inputs)
    text = unembedded(len(needed(model.train_classes, "train_classes")))
    return shown_masks(seen) | score(model, params, seen, text)


def shown_masks(seen: Seen) -> dict[str, jax.Array]:
    """Returns masks that were made or refined without words, to paint: logits as "masks"."""
    if seen.regions is not None and seen.regions.masks is not None:
        return {"masks": seen.regions.masks}
    made = seen.proposals is not None and seen.proposals.masks.dtype != jnp.bool_
    return {"masks": named_leaves(seen)["proposals.masks"]} if made else {}


def embed_text(model: Model, params: Params, inputs: Arrays) -> dict[str, jax.Array]:
    """Embeds "tokens" as "rows" of unit length."""
    return {"rows": unit(answering.embed_text(model.method, params, inputs["tokens"]))}
