"""Check: as many photos as the publisher's set has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from data.checks.layout import Layout
from data.checks.problem import Problem
from data.checks.reading import Facts

COUNT = "another number of photos than published"
ADVICE = (
    "a part of the set, or half of a download; numbers scored on it cannot be compared with "
    "published ones"
)


def find(layout: Layout, facts: Mapping[str, Sequence[Facts]]) -> Iterator[Problem]:
    """Yields a note for each split whose number of photos is not the well-known one."""
    del facts
    for split, part in layout.parts.items():
        found = len(set(part.photos) & set(part.listed if part.listed is not None else part.labels))
        yield from count_note(str(layout.root), split, found, part.expected)


def count_note(place: str, split: str, found: int, expected: int | None) -> Iterator[Problem]:
    """Yields a note where a number is expected and another one was found."""
    if expected is not None and found != expected:
        text = f"split {split!r} has {found} photos with labels, the published one {expected}"
        yield Problem(COUNT, place, text, False, ADVICE)
