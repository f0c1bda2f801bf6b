"""Check: every photo has its label, every label its photo, and lists name what is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from data.checks.layout import Layout, Part
from data.checks.problem import Problem
from data.checks.reading import Facts
from ovseg_jax.foundation.errors import counted

UNLABELLED = "photos without a label"
UNPICTURED = "labels without a photo"
LISTED_PHOTO = "listed photos that are missing"
LISTED_LABEL = "listed labels that are missing"
UNLISTED = "labels that no file lists"
NOTHING = "nothing to read"
HALF_MADE = (
    "half-made: a script or an unpacking broke off, or files of another split lie there; make "
    "or get them again"
)
ALL_EMPTY = "a map without any label is left out by some scripts; these photos are not read"


def find(layout: Layout, facts: Mapping[str, Sequence[Facts]]) -> Iterator[Problem]:
    """Yields the differences between names of photos, of labels and in lists, in both ways."""
    del facts
    for split, part in layout.parts.items():
        if part.listed is not None:
            yield from _listed(part, layout.maps_of(split) is not None)
        elif layout.maps_of(split) is not None and (part.photos or part.labels):
            yield from _paired(split, part, layout)
        if not (part.photos or part.labels or part.listed):
            text = f"the split {split!r} has neither photos nor labels"
            yield Problem(NOTHING, str(layout.root), text, advice="see what is missing above")


def _paired(split: str, part: Part, layout: Layout) -> Iterator[Problem]:
    if not part.photos or not part.labels:
        have, lack = ("photo", "labels") if part.photos else ("label", "photos")
        text = f"split {split!r} has {counted(len(part.photos or part.labels), have)} and no {lack}"
        yield Problem(NOTHING, str(layout.root), text, advice="see what is missing above")
        return
    hint = _hint(part.photos, part.labels)
    maps = layout.maps_of(split)
    lacking = bool(maps and maps.may_lack)
    for name in sorted(set(part.photos) - set(part.labels)):
        advice = hint or (ALL_EMPTY if lacking else HALF_MADE)
        text = f"no label is called {name!r}"
        fatal = bool(hint) or not lacking
        yield Problem(UNLABELLED, str(part.photos[name]), text, fatal, advice)
    for name in sorted(set(part.labels) - set(part.photos)):
        text = f"no photo is called {name!r}"
        yield Problem(UNPICTURED, str(part.labels[name]), text, advice=hint or HALF_MADE)


def _listed(part: Part, has_maps: bool) -> Iterator[Problem]:
    listed, source = part.listed or {}, part.source
    text = f"{source} lists it"
    for name in sorted(set(listed) - set(part.photos)):
        yield Problem(LISTED_PHOTO, name, f"{text}; there is no such photo", advice=HALF_MADE)
    if not has_maps:
        return
    for name in sorted(set(listed) - set(part.labels)):
        yield Problem(LISTED_LABEL, name, f"{text}; there is no such label", advice=HALF_MADE)
    for name in sorted(set(part.labels) - set(listed)):
        advice = "not read; perhaps the list is of another version or split"
        text = f"{source} does not list it"
        yield Problem(UNLISTED, str(part.labels[name]), text, False, advice)


def _hint(photos: Mapping[str, Path], labels: Mapping[str, Path]) -> str:
    """What to look at where not one name is in both."""
    if set(photos) & set(labels):
        return ""
    return (
        f"no name is in both folders: photos are called like {min(photos)!r}, labels like "
        f"{min(labels)!r}; they are of different splits or sets, or were renamed"
    )
