"""Check: files can be read, and photo and label have one size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from data.checks.layout import Layout
from data.checks.problem import Problem
from data.checks.reading import Facts, Picture
from data.manual_files import SIDEWAYS

DAMAGED_PHOTO = "damaged photos"
DAMAGED_LABEL = "damaged labels"
SIZE = "sizes that differ"
TURNED = "photos stored turned"
BROKEN_OFF = "a download, an unpacking or a copy broke off; get the file again"
TURN = (
    "the photo is stored turned (EXIF orientation), and the label is not: turn the photo's pixels "
    "(mogrify -auto-orient FILE), or where the label is of the photo as stored, take the EXIF tag "
    "out (exiftool -Orientation= FILE)"
)
OTHER_SIZE = (
    "the photo or the label was resized, or the label is another photo's; use both as published"
)


def find(layout: Layout, facts: Mapping[str, Sequence[Facts]]) -> Iterator[Problem]:
    """Yields files that cannot be read, and pairs of different sizes."""
    for fact in (fact for part in facts.values() for fact in part):
        for kind, picture in ((DAMAGED_PHOTO, fact.photo), (DAMAGED_LABEL, fact.label)):
            if picture and picture.damage:
                yield Problem(kind, str(picture.path), picture.damage, advice=BROKEN_OFF)
        if fact.photo and not fact.photo.damage:
            yield from _compared(fact, fact.photo, layout.upright)


def _compared(fact: Facts, photo: Picture, upright: bool) -> Iterator[Problem]:
    """Compares a photo, as the reader takes it, with its label and with what is listed."""
    height, width = photo.size
    turned = (width, height) if photo.orientation in SIDEWAYS else photo.size
    used, other = (turned, photo.size) if upright else (photo.size, turned)
    label = fact.label.size if fact.label and not fact.label.damage else None
    differs = False
    for what, size in (("its label", label), ("its entry in the list", fact.listed.size)):
        if size is not None and size != used:
            differs = True
            text = f"the photo has {_said(used)} pixels, {what} {_said(size)}"
            if photo.orientation > 1:
                text += f"; its EXIF orientation is {photo.orientation}"
            advice = TURN if size == other else OTHER_SIZE
            yield Problem(SIZE, str(photo.path), text, advice=advice)
    if photo.orientation > 1 and not upright and not differs:
        text = f"EXIF orientation {photo.orientation}; it is read as stored, like its label"
        advice = "make sure with `ovseg data show` that labels lie on the photo"
        yield Problem(TURNED, str(photo.path), text, False, advice)


def _said(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
