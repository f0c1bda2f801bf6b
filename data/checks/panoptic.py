"""Check: panoptic maps and the lists of their segments agree."""

from __future__ import annotations

import collections
from collections.abc import Iterator, Mapping, Sequence

from data.checks.layout import Layout
from data.checks.problem import Problem
from data.checks.reading import Facts
from ovseg_jax.foundation.errors import first_few

UNLISTED = "ids in the map that are not listed"
NO_PIXEL = "listed segments without a pixel"
TWICE = "segment ids listed twice"
ZERO = "segments of id 0"
CATEGORY = "segments of unknown category"
EMPTY = "maps without a segment"
MIXED = (
    "map and list are of different versions, or the map was resized, made anew or saved by an "
    "image program; use a map and a list that were written together"
)
ADVICE = {
    UNLISTED: MIXED,
    NO_PIXEL: f"{MIXED}; such a segment is lost to training, and scored as missed elsewhere",
    TWICE: "the list was written by a faulty script; one of the two would be lost",
    ZERO: "id 0 is void, so the segment would be lost; number segments from 1",
    CATEGORY: "the list is of another set, or 'categories' of another file",
    EMPTY: "the photo has nothing to learn or to score",
}


def find(layout: Layout, facts: Mapping[str, Sequence[Facts]]) -> Iterator[Problem]:
    """Yields where a map and its list of segments contradict each other."""
    for split, part in facts.items():
        maps = layout.maps_of(split)
        if maps is None or not maps.has_segments:
            continue
        index = layout.parts[split].class_index
        for fact in part:
            if fact.label is None or fact.name not in (layout.parts[split].listed or {}):
                continue
            for kind, numbers in _contradictions(fact, index):
                fatal = kind != EMPTY and not (kind == NO_PIXEL and maps.may_hide)
                text = first_few(numbers)
                yield Problem(kind, str(fact.label.path), text, fatal, ADVICE[kind])


def _contradictions(fact: Facts, index: Mapping[int, int]) -> Iterator[tuple[str, list[str]]]:
    """Yields kinds of problems of one map, each with what they are about."""
    often = collections.Counter(int(info["id"]) for info in fact.listed.segments)
    twice = [f"id {number}" for number, count in sorted(often.items()) if count > 1]
    unknown = [
        f"id {info['id']} has category {info['category_id']}"
        for info in fact.listed.segments
        if info["category_id"] not in index
    ]
    zero = ["the list has a segment of id 0"] if 0 in often else []
    pairs = [(TWICE, twice), (ZERO, zero), (CATEGORY, unknown)]
    if fact.values:  # else the map cannot be read, which is told elsewhere
        unlisted = [
            f"id {number} ({count} pixels)"
            for number, count in sorted(fact.values.items())
            if number and number not in often
        ]
        lost = [f"id {number}" for number in sorted(often) if number and number not in fact.values]
        empty = [] if often or unlisted else ["all is void, and nothing is listed"]
        pairs += [(UNLISTED, unlisted), (NO_PIXEL, lost), (EMPTY, empty)]
    yield from ((kind, numbers) for kind, numbers in pairs if numbers)
