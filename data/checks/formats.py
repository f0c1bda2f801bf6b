"""Check: label files keep values as they are: no JPEG, no colours, as many bits as needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from data.checks.layout import IDS, LabelMaps, Layout
from data.checks.problem import Problem
from data.checks.reading import MODES, Facts, Picture

JPEG = "labels saved as JPEG"
COLOURS = "labels saved in colour"
PALETTE = "labels with a palette"
NARROW = "8-bit labels where 16 bits are needed"
WIDE = "16-bit labels where 8 bits are needed"
NO_IDS = "panoptic maps without colours"
CUT = "16-bit labels cut to 8 bits"
LOSSY = ("JPEG", "MPO", "WEBP", "AVIF", "JPEG2000")
AGAIN = "an image program saved them again; use the files as published or as the script wrote them"
ADVICE = {
    JPEG: f"compression changes labels, and no value can be trusted; {AGAIN}",
    COLOURS: f"the colours of a palette were written in place of the labels; {AGAIN}",
    PALETTE: "read as the indices that are stored; the palette's colours do not count",
    NARROW: "every value above 255 is lost (void, 65535, becomes 255, which is a class here); "
    "write them anew as 16-bit TIFF or PNG",
    WIDE: "written by a script of another set; give the 8-bit files",
    NO_IDS: f"their colours are the ids of segments, R + 256 G + 65536 B; {AGAIN}",
    CUT: "no value is above 255, and 255 stands where 65535 should: they were 8 bits once; write "
    "them anew from the raw files",
}


def find(layout: Layout, facts: Mapping[str, Sequence[Facts]]) -> Iterator[Problem]:
    """Yields label files that are saved in a way that loses labels."""
    for split, part in facts.items():
        if maps := layout.maps_of(split):
            yield from _of_part(maps, [(x, x.label) for x in part if x.label])


def _of_part(maps: LabelMaps, labels: Sequence[tuple[Facts, Picture]]) -> Iterator[Problem]:
    for _, label in labels if maps.reader is None else ():
        kind = "" if label.damage else _kind(label, maps.bits)
        if kind and not (kind == PALETTE and maps.palette):
            text = f"{label.format} of mode {label.mode}"
            yield Problem(kind, str(label.path), text, kind != PALETTE, ADVICE[kind])
    if maps.bits == 16 and labels and _is_cut(labels, maps):
        text = f"in {len(labels)} files the highest value is 255"
        yield Problem(CUT, str(labels[0][1].path.parent), text, advice=ADVICE[CUT])


def _kind(label: Picture, bits: int) -> str:
    """Returns what is wrong with a label file; nothing where it is as it should be."""
    if label.format in LOSSY:
        return JPEG
    if label.mode in MODES[bits]:
        return PALETTE if label.mode == "P" else ""
    if bits == IDS:
        return NO_IDS
    if bits == 16 and label.mode in MODES[8]:
        return NARROW
    return WIDE if bits == 8 and label.mode in MODES[16] else COLOURS


def _is_cut(labels: Sequence[tuple[Facts, Picture]], maps: LabelMaps) -> bool:
    """Whether 16-bit files look as if they had been 8-bit ones: 255 is there, void is not."""
    if max(maps.ignore, default=0) <= 255:
        return False
    values = {value for fact, _ in labels for value in fact.values}
    return max(values, default=0) == 255 and not values & maps.ignore
