"""Check: the outlines of objects can be drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from data.checks.layout import Layout
from data.checks.problem import Problem
from data.checks.reading import Facts
from ovseg_jax.foundation.errors import first_few

UNDRAWN = "objects that cannot be drawn"
NO_PIXEL = "objects without a pixel"


def find(layout: Layout, facts: Mapping[str, Sequence[Facts]]) -> Iterator[Problem]:
    """Yields objects with a faulty outline, and those too small for a pixel."""
    for split, part in facts.items():
        source = layout.parts[split].source
        for fact in part:
            for text in fact.undrawn:
                advice = f"mend or take out the annotation in {source}"
                yield Problem(UNDRAWN, fact.name, text, advice=advice)
            if fact.empty:
                text = f"annotations {first_few(fact.empty)}"
                advice = "too small, or outside of the photo; they count as segments without area"
                yield Problem(NO_PIXEL, fact.name, text, False, advice)
