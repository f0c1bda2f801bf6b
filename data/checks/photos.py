"""Check: notes on photos that are not plain RGB, which readers turn into it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from data.checks.layout import Layout
from data.checks.problem import Problem
from data.checks.reading import Facts, Picture

GREY = "grey photos"
ALPHA = "photos with transparency"
OTHER = "photos of other colours"
ADVICE = {
    GREY: "in order: read as RGB",
    ALPHA: "transparency is dropped, so what is hidden behind it shows",
    OTHER: "turned into RGB by Pillow, without their colour profile; look at some",
}


def find(layout: Layout, facts: Mapping[str, Sequence[Facts]]) -> Iterator[Problem]:
    """Yields a note for each photo that is grey, transparent or in other colours."""
    del layout
    for fact in (fact for part in facts.values() for fact in part):
        if fact.photo and not fact.photo.damage and (kind := _kind(fact.photo)):
            text = f"mode {fact.photo.mode}"
            yield Problem(kind, str(fact.photo.path), text, False, ADVICE[kind])


def _kind(photo: Picture) -> str:
    if photo.alpha:
        return ALPHA
    if photo.mode in ("1", "L", "I", "I;16", "F"):
        return GREY
    return "" if photo.mode in ("RGB", "P") else OTHER
