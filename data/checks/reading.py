"""Reads every file of a set once, several at a time, and keeps what checks ask about."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from data.checks.layout import ANY, IDS, LabelMaps, Layout, Listed, Part
from data.manual_files import orientation
from ovseg_jax.cli.progress import Progress
from ovseg_jax.foundation.errors import MasksError
from ovseg_jax.masks.shapes import draw_segmentation

MODES = {8: ("L", "P"), 16: ("I;16", "I;16L", "I;16B", "I"), IDS: ("RGB",)}
MODES[ANY] = ("1", *MODES[8], *MODES[16])
"""How Pillow calls label files of so many bits."""


@dataclasses.dataclass(frozen=True)
class Picture:
    """What a picture file turned out to be.

    Attributes:
        path: The file.
        size: Height and width as stored.
        mode: Pillow's word for its colours.
        format: Pillow's word for its encoding.
        orientation: EXIF orientation, 1 for upright.
        alpha: Whether some of it may be transparent.
        damage: Why it cannot be read; empty where it can.
    """

    path: Path
    size: tuple[int, int] = (0, 0)
    mode: str = ""
    format: str = ""
    orientation: int = 1
    alpha: bool = False
    damage: str = ""


@dataclasses.dataclass(frozen=True)
class Facts:
    """What is known of one photo and its label.

    Attributes:
        name: What the two have in common.
        photo: The photo; None where it is missing.
        label: The label file; None where it is missing.
        listed: What a file lists of it.
        values: Pixels of each label or id; empty where the label file is of a wrong mode.
        undrawn: Objects that cannot be drawn, and why.
        empty: Numbers of the objects that have no pixel.
    """

    name: str
    photo: Picture | None = None
    label: Picture | None = None
    listed: Listed = Listed()
    values: Mapping[int, int] = dataclasses.field(default_factory=dict)
    undrawn: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()

    @property
    def is_sound(self) -> bool:
        """Whether all files that are there can be read."""
        return all(x is None or not x.damage for x in (self.photo, self.label))


def read_all(layout: Layout) -> dict[str, list[Facts]]:
    """Reads all photos and labels of a set.

    Threads do it: Pillow and NumPy let go of Python's lock, and a process would have to find these
    modules again, which in a wheel are not on the import path.

    Returns:
        The facts of each split, by name.
    """
    facts = {}
    with Progress() as progress, ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        for split, part in layout.parts.items():
            names = sorted({*part.photos, *part.labels, *(part.listed or ())})
            update = progress.task(f"reading {split}")
            facts[split] = []
            for found in pool.map(_reader(part, layout.maps_of(split)), names):
                facts[split].append(found)
                update(len(facts[split]), len(names))
    return facts


def _reader(part: Part, maps: LabelMaps | None) -> Callable[[str], Facts]:
    def read(name: str) -> Facts:
        listed = (part.listed or {}).get(name, Listed())
        photo = _read_photo(part.photos[name]) if name in part.photos else None
        label, values = None, {}
        if maps is not None and name in part.labels:
            label, values = _read_any(part.labels[name], maps)
        undrawn, empty = _try_objects(listed, photo)
        return Facts(name, photo, label, listed, values, undrawn, empty)

    return read


def _read_photo(path: Path) -> Picture:
    try:
        with Image.open(path) as image:
            about = _about(path, image)
            image.draft("L", (1, 1))  # all of a JPEG file is read, its pixels in small
            image.load()
            return about
    except Exception as error:  # decoders raise whatever a damaged file leads them to
        return Picture(path, damage=_reason(path, error))


def _read_any(path: Path, maps: LabelMaps) -> tuple[Picture, dict[int, int]]:
    if maps.reader is None:
        return read_label(path, maps.bits)
    try:
        pixels = maps.reader(path)
    except Exception as error:  # see _read_photo
        return Picture(path, damage=_reason(path, error)), {}
    return Picture(path, pixels.shape), _count(pixels)


def read_label(path: Path, bits: int) -> tuple[Picture, dict[int, int]]:
    """Reads a label file.

    Args:
        path: The file.
        bits: See `LabelMaps`.

    Returns:
        What it is; and how many pixels each value has, nothing where it is of another mode.
    """
    try:
        with Image.open(path) as image:
            about = _about(path, image)
            pixels = np.asarray(image)
    except Exception as error:  # see _read_photo
        return Picture(path, damage=_reason(path, error)), {}
    if about.mode not in MODES[bits]:
        return about, {}
    if bits == IDS:
        pixels = pixels.astype(np.int32) @ np.asarray([1, 256, 65536], np.int32)
    return about, _count(pixels)


def _count(pixels: np.ndarray) -> dict[int, int]:
    """Counts values by runs of equal ones, of which maps have few."""
    flat = pixels.ravel()
    starts = np.flatnonzero(np.concatenate([[True], flat[1:] != flat[:-1]]))
    lengths = np.diff(np.append(starts, flat.size))
    values, places = np.unique(flat[starts], return_inverse=True)
    counts = np.bincount(places, weights=lengths)
    return {int(value): int(count) for value, count in zip(values, counts, strict=True)}


def _about(path: Path, image: Image.Image) -> Picture:
    size, alpha = (image.height, image.width), image.has_transparency_data
    return Picture(path, size, image.mode, image.format or "", orientation(image), alpha)


def _reason(path: Path, error: Exception) -> str:
    if path.name.startswith("._"):
        return "a side file of macOS, no picture"
    if path.is_file() and not path.stat().st_size:
        return "the file is empty"
    text = (
        str(error).replace(repr(str(path)), "").removeprefix(f"{path}: ").strip()
        or type(error).__name__
    )
    return f"cannot be read: {text}"


def _try_objects(listed: Listed, photo: Picture | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    size = listed.size or (photo.size if photo else (0, 0))
    undrawn, empty = [], []
    for item in listed.objects if min(size) > 0 else ():
        try:
            if not draw_segmentation(item["segmentation"], size).any():
                empty.append(str(item["id"]))
        except MasksError as error:
            undrawn.append(f"annotation {item['id']}: {error.args[0]}")
    return tuple(undrawn), tuple(empty)
