"""Check: the outlines of objects can be drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from data.checks.layout import Layout
from data.checks.problem import Problem
from data.checks.reading import Facts
from ovseg_jax.foundation.errors import first_few

UNDRAWN = "objects that cannot be drawn"
NO_PIXEL = "objects without a pixel"
MOST = 0.9
"""Where so great a share of the objects has no pixel, their coordinates are wrong."""
SMALL = "too small, or outside of the photo; they count as segments without area"
SHARES = (
    "coordinates lie between 0 and 1, and those of COCO are pixels: multiply x by the width and y "
    "by the height of each photo"
)
ELSEWHERE = (
    "nearly all objects have none: coordinates are of another size, another unit or another photo"
)


def find(layout: Layout, facts: Mapping[str, Sequence[Facts]]) -> Iterator[Problem]:
    """Yields objects with a faulty outline, and those too small for a pixel."""
    every = [fact for part in facts.values() for fact in part]
    total = sum(len(fact.listed.objects) for fact in every)
    lost = sum(len(fact.empty) for fact in every)
    wrong = total > 0 and lost >= MOST * total
    shares = _are_shares(item for fact in every for item in fact.listed.objects) if wrong else False
    for split, part in facts.items():
        for fact in part:
            source = fact.listed.source or layout.parts[split].source
            for text in fact.undrawn:
                advice = f"mend or take out the annotation in {source}"
                yield Problem(UNDRAWN, fact.name, text, advice=advice)
            if fact.empty:
                text = f"annotations {first_few(fact.empty)}"
                advice = (SHARES if shares else ELSEWHERE) if wrong else SMALL
                yield Problem(NO_PIXEL, fact.name, text, wrong, advice)


def _are_shares(objects: Iterator[Mapping[str, Any]]) -> bool:
    """Whether all coordinates of polygons lie between 0 and 1."""
    shapes = [item["segmentation"] for item in objects]
    outlines = [o for shape in shapes if isinstance(shape, list) for o in shape]
    values = [value for outline in outlines for value in outline]
    return bool(values) and all(0 <= value <= 1 for value in values)
