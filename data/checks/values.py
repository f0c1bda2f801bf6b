"""Check: label maps hold labels of the set and void, neither raw nor prepared by mistake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from data.checks.layout import LabelMaps, Layout, OtherForm
from data.checks.problem import Problem
from data.checks.reading import Facts
from ovseg_jax.foundation.errors import first_few

RANGE = "labels out of range"
UNUSED = "labels that no class has"
NO_VOID = "no void anywhere"
BINARY = "masks whose foreground is void"
ALL_VOID = "labels that are all void"
OTHER_SET = "they are of another set, or an image program changed them; check which files these are"
MANY = 20
"""Of so many prepared maps, one has void pixels."""


def find(layout: Layout, facts: Mapping[str, Sequence[Facts]]) -> Iterator[Problem]:
    """Yields label maps with values that mean nothing."""
    alike: dict[int, tuple[LabelMaps, list[Facts]]] = {}
    for split, part in facts.items():
        maps = layout.maps_of(split)
        if maps is not None and not maps.has_segments:
            alike.setdefault(id(maps), (maps, []))[1].extend(part)
    for maps, part in alike.values():
        yield from _of_maps(layout, maps, part)


def _of_maps(layout: Layout, maps: LabelMaps, facts: Sequence[Facts]) -> Iterator[Problem]:
    """Looks at all files that should hold the same labels."""
    read = [fact for fact in facts if fact.values and fact.label]
    values = {value for fact in read for value in fact.values}
    form = _recognised(values, maps)
    kind, advice = (form.kind, form.advice) if form else (RANGE, OTHER_SET)
    told = False
    for fact in read:
        for problem in _of_one(fact, maps, kind, advice):
            told |= problem.fatal
            yield problem
    if form and not told:
        text = f"values {_ranges(values)} in {len(read)} files are those of the other form"
        yield Problem(kind, str(layout.root), text, advice=advice)
    if maps.binary and values == {0, 255}:
        text = f"{len(read)} maps hold 0 and 255 only, and 255 is void"
        yield Problem(BINARY, str(layout.root), text, advice=maps.binary)
    if maps.ignore and not form and len(read) >= MANY and not values & maps.ignore:
        text = f"none of {len(read)} maps has the value {min(maps.ignore)}, which is void"
        advice = "prepared maps nearly always have some; make sure that these are not raw ones"
        yield Problem(NO_VOID, str(layout.root), text, False, advice)


def _of_one(fact: Facts, maps: LabelMaps, kind: str, advice: str) -> Iterator[Problem]:
    assert fact.label is not None
    path, values = str(fact.label.path), fact.values
    wrong = sorted(value for value in values if not _is_legal(value, maps))
    if wrong:
        if maps.advise is not None:
            advice = maps.advise(sorted(values), wrong, fact.label.mode)
        text = f"{_ranges(wrong)}; labels go from {maps.first} to {maps.highest}"
        void = f", {first_few(sorted(maps.ignore))} is void" if maps.ignore else ""
        yield Problem(kind, path, text + void, advice=advice)
    elif not (maps.may_be_void or any(map(maps.is_class, values))):
        advice = "the photo has nothing to learn or to score; some sets leave such maps out"
        yield Problem(ALL_VOID, path, f"only {_ranges(values)}", False, advice)
    if unused := sorted(maps.unused & set(values)):
        advice = "published files have none of them; they are taken for void"
        yield Problem(UNUSED, path, first_few(unused), False, advice)


def _is_legal(value: int, maps: LabelMaps) -> bool:
    return maps.class_of(value) is not None


def _recognised(values: set[int], maps: LabelMaps) -> OtherForm | None:
    """Returns the other form of the labels that the values of all files are of.

    Some value must speak against the expected form: one that is illegal there, or most of those
    that no class has.
    """
    illegal = any(not _is_legal(value, maps) for value in values)
    unused = maps.unused & values
    if not illegal and (not unused or 2 * len(unused) <= len(maps.unused)):
        return None
    for form in maps.others:
        if all(value <= form.highest or value == form.ignore for value in values):
            return form
    return None


def _ranges(values: Sequence[int] | set[int] | Mapping[int, int]) -> str:
    """Writes numbers in short: "171 to 174, 181"."""
    parts: list[list[int]] = []
    for value in sorted(values):
        if parts and value == parts[-1][-1] + 1:
            parts[-1].append(value)
        else:
            parts.append([value])
    return first_few(f"{x[0]} to {x[-1]}" if len(x) > 1 else str(x[0]) for x in parts)
