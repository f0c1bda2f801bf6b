"""Which of two orders a folder of 59 classes has: told by other truth about the same photos.

OVSeg and CAT-Seg write `pc59_val` alike, label 1 is "bicycle" in one and "bag" in the other. Where
the publisher's files are there too, a few photos show which.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
from etils import epath

from data.label_pictures import read_map
from data.pascal_context.matlab import FOLDER, read_label_map
from data.pascal_context.merged import MERGED, merged_59, raw_table
from data.pascal_context.orders import NAMES_59, THINGS
from data.segments import VOID

PHOTOS = 25
"""How many photos are asked."""
AGREED = 0.8
"""Share of the votes that settles it."""
ALPHABET, VOC = "alphabet", "voc"

Truth = Iterator[tuple[str, np.ndarray]]


def order_of(
    maps: Mapping[str, epath.Path], place: epath.Path, voc_order: np.ndarray
) -> tuple[str, str]:
    """Finds the order of the labels in prepared maps.

    Args:
        maps: The label map of each photo.
        place: The folder VOC2010 with what else there is.
        voc_order: int32 [59], the class of each label where VOC's classes come first.

    Returns:
        `ALPHABET` or `VOC`, "" where nothing tells; and what told it.
    """
    for source, truth in _sources(place, maps):
        votes = _votes(truth, maps, voc_order)
        for order in (ALPHABET, VOC):
            if votes and votes.count(order) >= AGREED * len(votes):
                told = f"{votes.count(order)} of {len(votes)} maps agree with {source}"
                return order, told
    return "", ""


def vote(labels: np.ndarray, truth: np.ndarray, voc_order: np.ndarray) -> str:
    """Says which order explains most of the pixels that the two orders read differently.

    Args:
        labels: Integers [H, W] as prepared; what is above 58 is no class.
        truth: Class index [H, W], `VOID` where not known.
        voc_order: See `order_of`.

    Returns:
        `ALPHABET` or `VOC`; "" where neither explains half of the pixels.
    """
    asked = (labels < len(voc_order)) & (truth != VOID)
    labels, truth = labels[asked], truth[asked]
    other = voc_order[labels]
    differ = labels != other
    agree = {
        ALPHABET: int((labels == truth)[differ].sum()),
        VOC: int((other == truth)[differ].sum()),
    }
    best = max(agree, key=agree.__getitem__)
    return best if agree[best] > differ.sum() / 2 else ""


def _votes(truth: Truth, maps: Mapping[str, epath.Path], voc_order: np.ndarray) -> list[str]:
    votes = []
    for name, classes in truth:
        labels = read_map(maps[name], 8)
        if labels.shape == classes.shape and (told := vote(labels, classes, voc_order)):
            votes.append(told)
        if len(votes) == PHOTOS:
            break
    return votes


def _sources(place: epath.Path, maps: Mapping[str, epath.Path]) -> Iterator[tuple[str, Truth]]:
    """Yields each truth that is there, the slow one last."""
    mats, pictures = place / FOLDER, place / "SegmentationClass"
    if mats.is_dir():
        yield str(mats), _files(maps, mats, ".mat", read_label_map, raw_table())
    if pictures.is_dir():
        things = np.full(256, VOID, np.int32)
        things[1 : len(THINGS) + 1] = [NAMES_59.index(name) for name in THINGS]
        yield str(pictures), _files(maps, pictures, ".png", _read_picture, things)
    if (place / MERGED).is_file():
        yield str(place / MERGED), _merged(place, maps)


def _read_picture(path: epath.Path) -> np.ndarray:
    return read_map(path, 8)


def _files(
    names: Iterable[str],
    folder: epath.Path,
    ending: str,
    read: Callable[[epath.Path], np.ndarray],
    table: np.ndarray,
) -> Truth:
    for name in names:
        path = folder / f"{name}{ending}"
        if path.is_file():
            yield name, table[read(path)]


def _merged(place: epath.Path, maps: Mapping[str, epath.Path]) -> Truth:
    for name, segments in merged_59(place, "validation"):
        if name in maps:
            yield name, np.append(segments.categories, VOID).astype(np.int32)[segments.ids - 1]
