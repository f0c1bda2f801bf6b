"""Whose opinion on a mask counts: a rule is chosen by what its source knows, joins, and says so.

Reports print what the rule that was applied says of itself (`describe`), so that a number and its
protocol cannot part.
"""

from __future__ import annotations

import dataclasses
from typing import Protocol, runtime_checkable

from jaxtyping import Array, Float

from ovseg_jax.config import EnsembleConfig
from ovseg_jax.foundation.typing import Opinion, Proposals, Text, needed
from ovseg_jax.inference.mixtures import (
    carried_logits,
    class_probabilities,
    geometric_ensemble,
    log_probabilities,
    ovseg_probabilities,
    with_void_left,
    with_void_of,
)
from ovseg_jax.methods.mask_pooling import pooling_weights

__all__ = [
    "MethodAlone",
    "NamesOfSource",
    "NoObjectOnly",
    "Products",
    "Rule",
    "Weighted",
    "carried_logits",
    "choose_rule",
    "class_probabilities",
    "geometric_ensemble",
    "log_probabilities",
    "ovseg_probabilities",
    "with_void_of",
]

Logits = Float[Array, "b q k1"]
Grid = tuple[int, int]


@runtime_checkable
class Rule(Protocol):
    """How what the source of masks and the method say about them becomes one answer."""

    def join(self, proposals: Proposals, method: Logits, text: Text) -> Logits:
        """Returns log probabilities, void last; `method` are the method's logits."""
        ...

    def describe(self, seen: int, unseen: int) -> str:
        """Says what counted, for a vocabulary with so many seen and unseen classes."""
        ...


@dataclasses.dataclass(frozen=True)
class MethodAlone:
    """Masks without a classifier: softmax of the method's logits."""

    def join(self, proposals: Proposals, method: Logits, text: Text) -> Logits:
        """Normalises the method's logits."""
        return log_probabilities(method, text.valid)

    def describe(self, seen: int, unseen: int) -> str:
        """Says that nothing else counted."""
        return "none: the masks bring no classifier"


@dataclasses.dataclass(frozen=True)
class NoObjectOnly:
    """A source that knows other classes, or whose names are not wanted: "no object" is its say."""

    says_no_object: bool

    def join(self, proposals: Proposals, method: Logits, text: Text) -> Logits:
        """Takes classes from the method, void from the source."""
        return with_void_of(_said(proposals), method, text.valid)

    def describe(self, seen: int, unseen: int) -> str:
        """Says that names did not count, and whether "no object" did."""
        return f"none for classes{_no_object(self.says_no_object)}"


@dataclasses.dataclass(frozen=True)
class NamesOfSource:
    """A method without an opinion of its own: it repeats the names that masks came with."""

    says_no_object: bool

    def join(self, proposals: Proposals, method: Logits, text: Text) -> Logits:
        """Takes all from the source."""
        return with_void_of(_said(proposals), method, text.valid)

    def describe(self, seen: int, unseen: int) -> str:
        """Says that the source named its own masks."""
        return f"none: names are those of the masks' source{_no_object(self.says_no_object)}"


@dataclasses.dataclass(frozen=True)
class Weighted:
    """FC-CLIP's geometric mean of both opinions; see `geometric_ensemble`.

    Attributes:
        weights: Exponents and floor.
        says_no_object: Whether the source knows masks of nothing.
        grid: Cells of CLIP's map, if masks that cover none of them keep the source's names.
    """

    weights: EnsembleConfig
    says_no_object: bool
    grid: Grid | None = None

    def join(self, proposals: Proposals, method: Logits, text: Text) -> Logits:
        """Mixes the opinions on each mask."""
        weights, present = self.weights, None
        if self.grid is not None:
            present = pooling_weights(proposals.masks, self.grid).any((2, 3))
        return geometric_ensemble(
            _said(proposals),
            method,
            text.seen,
            text.valid,
            alpha=weights.alpha,
            beta=weights.beta,
            floor=weights.floor,
            present=present,
        )

    def describe(self, seen: int, unseen: int) -> str:
        """Lists all that counted."""
        parts = ["fcclip", *_exponents(self.weights, seen, unseen)]
        if self.weights.floor:
            parts.append(f"floor {self.weights.floor:g}")
        if self.grid is not None:
            parts.append("masks that cover no cell keep the source's names")
        return ", ".join(parts) + _no_object(self.says_no_object)


@dataclasses.dataclass(frozen=True)
class Products:
    """OVSeg's products of both opinions, not normalised; see `ovseg_probabilities`."""

    weights: EnsembleConfig
    says_no_object: bool

    def join(self, proposals: Proposals, method: Logits, text: Text) -> Logits:
        """Multiplies; void takes what is missing."""
        logits = _said(proposals)
        products = ovseg_probabilities(logits, method, text.seen, text.valid, self.weights)
        return with_void_left(products, text.valid)

    def describe(self, seen: int, unseen: int) -> str:
        """Lists all that counted."""
        parts = ["ovseg", *_exponents(self.weights, seen, unseen)]
        return ", ".join(parts) + _no_object(self.says_no_object)


def choose_rule(
    proposals: Proposals, weights: EnsembleConfig, grid: Grid, *, repeats: bool = False
) -> Rule:
    """Returns the rule for masks by what their source says of their classes.

    Args:
        proposals: The masks; only what their source says of itself is looked at.
        weights: Kind and exponents, where two opinions are mixed.
        grid: Height and width of CLIP's map in cells, for `weights.skip_empty`; methods that crop
            have none, and then nothing is skipped.
        repeats: Whether the method repeats the source's names (`Method.repeats_names`).
    """
    if proposals.opinion is Opinion.NOTHING:
        return MethodAlone()
    void, names = proposals.says_no_object, proposals.opinion is Opinion.NAMES
    # Products of one opinion with itself are that opinion, unless a share of void is missing.
    if repeats and not (void and weights.kind == "ovseg" and names):
        return NamesOfSource(void)
    if not names:
        return NoObjectOnly(void)
    if weights.kind == "ovseg":
        return Products(weights, void)
    return Weighted(weights, void, grid if weights.skip_empty and all(grid) else None)


def _said(proposals: Proposals) -> Logits:
    """The logits of the masks' source, which whatever has an `Opinion` brings."""
    return needed(proposals.class_logits, "Proposals.class_logits")


def _exponents(weights: EnsembleConfig, seen: int, unseen: int) -> list[str]:
    """Those that some class takes."""
    taken = ((seen, f"alpha {weights.alpha:g} (seen)"), (unseen, f"beta {weights.beta:g} (unseen)"))
    return [text for count, text in taken if count]


def _no_object(says: bool) -> str:
    return "; 'no object' of the masks' source counts" if says else ""
