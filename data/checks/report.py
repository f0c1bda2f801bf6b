"""The text of a check: problems by kind with the first files of each, then what would be read."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from data.checks.layout import LabelMaps, Layout
from data.checks.problem import Problem
from data.checks.reading import Facts
from data.segments import VOID
from ovseg_jax.foundation.errors import counted, one_line

SHOWN = 5
"""Files that are named of each kind."""


@dataclasses.dataclass(frozen=True)
class Read:
    """What would be read of one split."""

    photos: int
    segments: int
    present: frozenset[int]


@dataclasses.dataclass(frozen=True)
class Report:
    """What a check has found.

    Attributes:
        problems: Problems and notes.
        reads: What would be read, by split.
        classes: How many classes the set has.
    """

    problems: Sequence[Problem]
    reads: Mapping[str, Read]
    classes: int

    @property
    def is_fatal(self) -> bool:
        """Whether training or scoring would fail or be wrong."""
        return any(problem.fatal for problem in self.problems)

    @property
    def kinds(self) -> set[str]:
        """The kinds of problems and notes that there are."""
        return {problem.kind for problem in self.problems}


def reads_of(layout: Layout, facts: Mapping[str, Sequence[Facts]]) -> dict[str, Read]:
    """Returns what would be read of a layout: photos that are sound and have labels."""
    reads = {}
    for split, part in layout.parts.items():
        used = [
            _categories(layout.maps_of(split), part.class_index, fact)
            for fact in facts[split]
            if fact.is_sound and fact.photo and (layout.maps_of(split) is None or fact.label)
        ]
        segments = sum(map(len, used))
        reads[split] = Read(len(used), segments, frozenset(x for found in used for x in found))
    return reads


def _categories(maps: LabelMaps | None, index: Mapping[int, int], fact: Facts) -> list[int]:
    """Returns the class of each segment of a photo; those that mean nothing are left out."""
    if maps is None:
        items = [item.get("category_id", -1) for item in fact.listed.objects]
    elif maps.has_segments:
        items = [x["category_id"] for x in fact.listed.segments if int(x["id"]) in fact.values]
    else:
        found = (maps.class_of(value) for value in fact.values)
        return [label for label in found if label not in (None, VOID)]
    return [index[item] for item in items if index.get(item, VOID) != VOID]


def told(report: Report) -> Iterator[str]:
    """Yields the lines of a report: problems first, then notes, then what would be read."""
    groups: dict[tuple[bool, str, str], list[Problem]] = {}
    for problem in sorted(report.problems, key=lambda x: (not x.fatal, x.kind, x.file)):
        key = (problem.fatal, problem.kind, problem.advice)
        groups.setdefault(key, []).append(problem)
    for (fatal, kind, advice), found in groups.items():
        yield f"{'PROBLEM' if fatal else 'note'}: {kind}: {len(found)}"
        for problem in found[:SHOWN]:
            yield f"    {one_line(problem.file)}: {one_line(problem.text)}"
        if len(found) > SHOWN:
            yield f"    ... and {len(found) - SHOWN} more"
        if advice:
            yield f"  -> {one_line(advice)}"
        yield ""
    yield "what would be read:" if not report.is_fatal else "what could be read:"
    for split, read in report.reads.items():
        yield (
            f"  {split}: {counted(read.photos, 'photo')}, {counted(read.segments, 'segment')}, "
            f"{len(read.present)} of {report.classes} classes"
        )
    yield _verdict(report)


def _verdict(report: Report) -> str:
    fatal = sum(problem.fatal for problem in report.problems)
    notes = counted(len(report.problems) - fatal, "note")
    if fatal:
        return f"{counted(fatal, 'problem')} and {notes}: training or scoring would be wrong"
    return f"no problem, {notes}"
