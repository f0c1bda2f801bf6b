"""The steps of answering, compiled: once per model and shape, shared by all that answer with it.

Each step is a program of its own, so that the heavy ones, which see pictures, are not compiled
again for other words, other sizes of the truth or another data set.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from jaxtyping import Array, Float

from ovseg_jax.config import EnsembleConfig
from ovseg_jax.foundation.typing import Batch, Features, Params, Proposals, Regions, Text
from ovseg_jax.inference import answering
from ovseg_jax.inference.answering import ScoredMasks
from ovseg_jax.inference.kept_step import KeptStep
from ovseg_jax.methods.method import Method


class Steps:
    """`answering` for one method, jitted; every step takes the parameters first."""

    def __init__(self, method: Method, ensemble: EnsembleConfig):
        """Compiles nothing yet.

        Args:
            method: The module.
            ensemble: How opinions about masks are joined.
        """
        self.method, self._ensemble = method, ensemble

        def compiled(step: Callable) -> KeptStep:
            return KeptStep(functools.partial(step, method), step.__name__, method)

        self.encode, self.embed_text = compiled(answering.encode), compiled(answering.embed_text)
        self.propose_with_words = compiled(answering.propose)
        self.make_masks = compiled(answering.make_masks)
        self.name_masks = compiled(answering.name_masks)
        self.class_maps = compiled(_class_maps)
        self.embed = KeptStep(self._embed, method, static=("with_maps", "with_masks"))
        self.score = KeptStep(self._score, method, ensemble, static=("with_maps",))

    def propose(self, params: Params, batch: Batch, features: Features, text: Text) -> Proposals:
        """Proposes masks by the model's own generator, in two steps where words come second."""
        if not self.method.proposes_first:
            return self.propose_with_words(params, batch, features, text)
        made = self.make_masks(params, batch, features)
        return self.name_masks(params, features, made, text)

    def compare(
        self, params: Params, features: Features, proposals: Proposals, text: Text
    ) -> ScoredMasks:
        """Names masks, in two steps where they are embedded before words count."""
        regions = None
        if self.method.embeds_first:
            regions = self.embed(
                params, features, without_names(proposals), with_maps=False, with_masks=True
            )
        return self.answer(params, features, proposals, text, regions, with_maps=False)

    def answer(
        self,
        params: Params,
        features: Features,
        proposals: Proposals,
        text: Text,
        regions: Regions | None,
        *,
        with_maps: bool,
    ) -> ScoredMasks:
        """Names masks; see `answering.answer`."""
        inputs = features, proposals, text, regions
        log_probs, masks, maps = self.score(params, *inputs, with_maps=with_maps)
        rule = answering.rule_of(self.method, features, proposals, self._ensemble)
        return ScoredMasks(log_probs=log_probs, masks=masks, maps=maps, rule=rule)

    def _embed(
        self,
        params: Params,
        features: Features,
        proposals: Proposals,
        with_maps: bool,
        with_masks: bool,
    ) -> Regions:
        regions = answering.embed(self.method, params, features, proposals)
        return regions.replace(
            maps=regions.maps if with_maps else None, masks=regions.masks if with_masks else None
        )

    def _score(
        self,
        params: Params,
        features: Features,
        proposals: Proposals,
        text: Text,
        regions: Regions | None,
        with_maps: bool,
    ) -> tuple[Array, Array | None, Array | None]:
        inputs = features, proposals, text, self._ensemble, regions
        found = answering.answer(self.method, params, *inputs)
        return found.log_probs, found.masks, found.maps if with_maps else None


def without_names(proposals: Proposals) -> Proposals:
    """Returns the masks alone, which is all that `Steps.embed` is compiled for."""
    return Proposals(masks=proposals.masks, valid=proposals.valid)


# Flax hashes a module by its fields, which its type does not say.
compiled_steps: Callable[[Method, EnsembleConfig], Steps] = functools.lru_cache(maxsize=8)(  # type: ignore[reportAssignmentType]
    Steps
)
"""Returns the steps of a model; the same ones for equal methods, of the latest eight."""


def _class_maps(
    method: Method, params: Params, features: Features, text: Text
) -> Float[Array, "b k h w"]:
    return answering.apply(method, params, "class_maps", features, text)
