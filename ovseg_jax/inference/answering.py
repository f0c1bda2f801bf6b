"""From pictures to named masks: the steps that inference, evaluation and training share.

    encode ─► propose ─► (embed ─►) answer

Pure functions of a method's module and its parameters. Whoever calls them decides what is compiled
together: inference one by one, so that a photo may meet other words; evaluation all at once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from jaxtyping import Array, Float, Int

from ovseg_jax.config import EnsembleConfig
from ovseg_jax.foundation.typing import (
    Batch,
    Features,
    Params,
    Proposals,
    Regions,
    Scores,
    Struct,
    Text,
    struct,
)
from ovseg_jax.inference.ensemble import Rule, choose_rule
from ovseg_jax.methods.method import Method
from ovseg_jax.models.clip.clip import Clip
from ovseg_jax.models.unbound import call
from ovseg_jax.ops.sizes import map_size


@struct
class ScoredMasks(Struct):
    """What is known about some masks in the end.

    Attributes:
        log_probs: Log probability of each class slot and of void, last.
        masks: The masks as the method refined them; None where it leaves them alone.
        maps: Activation maps of methods that have them, if they were kept.
        rule: How the opinions of the masks' source and of the method became one.
    """

    log_probs: Float[Array, "b q k1"]
    masks: Float[Array, "b q _H _W"] | None
    maps: Float[Array, "b q m h w"] | None
    rule: Rule = dataclasses.field(metadata={"static": True})


def apply(
    module: Method | Clip, params: Params, function: str | Callable[..., Any], *inputs: Any
) -> Any:
    """Runs one function of a method or of its towers; returns what that function returns.

    Args:
        module: The method, or its towers.
        params: Its parameters.
        function: The name of the module's function, or one that takes the module first.
        *inputs: What the function takes.
    """
    return call(module, {"params": params}, *inputs, method=function)


def encode(method: Method, params: Params, batch: Batch) -> Features:
    """Computes what depends on pictures alone; see `Method.encode`."""
    return apply(method, params, "encode_batch", batch)


def current_text(method: Method, params: Params, text: Text) -> Text:
    """Embeds the vocabulary anew where the text tower is in training."""
    return apply(method, params, "current_text", text)


def embed_text(method: Method, params: Params, ids: Int[Array, "r l"]) -> Float[Array, "r d"]:
    """Runs the text tower."""

    def encode_text(bound: Method, ids: Array) -> Array:
        return bound.towers.encode_text(ids)

    return apply(method, params, encode_text, ids)


def propose(
    method: Method, params: Params, batch: Batch, features: Features, text: Text
) -> Proposals:
    """Proposes masks by the model's own generator; see `Method.propose`."""
    return apply(method, params, "propose", batch, features, text)


def make_masks(method: Method, params: Params, batch: Batch, features: Features) -> Proposals:
    """The part of `propose` that words do not touch; for methods where `proposes_first`."""
    return apply(method, params, "make_masks", batch, features)


def name_masks(
    method: Method, params: Params, features: Features, made: Proposals, text: Text
) -> Proposals:
    """The rest of `propose`: the generator's own names for its masks."""
    return apply(method, params, "name_masks", features, [made], text)[-1]


def embed(method: Method, params: Params, features: Features, proposals: Proposals) -> Regions:
    """The part of `answer` that words do not touch; for methods where `embeds_first`."""
    return apply(method, params, "embed", features, proposals)


def answer(  # noqa: PLR0913 - a model, a picture, masks, words, and how opinions are joined
    method: Method,
    params: Params,
    features: Features,
    proposals: Proposals,
    text: Text,
    ensemble: EnsembleConfig,
    regions: Regions | None = None,
) -> ScoredMasks:
    """Names masks: the method's opinion, joined with that of the masks' source.

    Args:
        method: The module.
        params: Its parameters.
        features: What `encode` gave.
        proposals: The masks.
        text: The vocabulary.
        ensemble: Weights of the two opinions.
        regions: What `embed` gave for these masks, if that has been done.
    """
    if regions is None:
        scores: Scores = apply(method, params, "score", features, proposals, text)
    else:
        scores = apply(method, params, "score_regions", features, regions, text)
    rule = rule_of(method, features, proposals, ensemble)
    return ScoredMasks(
        log_probs=rule.join(proposals, scores.logits, text),
        masks=scores.masks,
        maps=scores.regions.maps if scores.regions is not None else None,
        rule=rule,
    )


def rule_of(
    method: Method, features: Features, proposals: Proposals, ensemble: EnsembleConfig
) -> Rule:
    """Says how `answer` joins opinions: shapes and what the proposals say of themselves decide."""
    grid = map_size(features.dense)
    return choose_rule(proposals, ensemble, grid, repeats=method.repeats_names)
