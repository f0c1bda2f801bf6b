"""TFDS builder of ADE20K with 847 classes, from the full release 2021_17_01 or what is made of it.

A class of the release is red // 10 * 256 + green of a `*_seg.png`; 847 of them count. All published
numbers are of photos whose short side was brought to 512 where it was longer, and which were
written again as JPEG of quality 75: config `published` does the same, `original` does neither.
Prepared photos (`images_detectron2`) are what the scripts wrote and are taken as they are.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from etils import epath
from PIL import Image

from data.ade20k_full.parquet import count_rows, parquet_files, read_rows
from data.features import segmentation_example
from data.label_map_files import (
    Files,
    LabelMapBuilder,
    configs,
    first_folder,
    label_table,
    maps_in,
    photos_of,
    tell_count,
)
from data.manual_files import ManualFileError, read_picture, read_png
from data.resizing import bilinear, nearest
from data.segments import VOID, decode_regions
from ovseg_jax.vocabulary.classes import ClassList, load_preset

FOLDERS = {"train": "training", "validation": "validation"}
RELEASE = "ADE20K_2021_17_01"
CLASSES, IGNORED = 847, 2**16 - 1
SHORT_SIDE, QUALITY = 512, 75
SEGMENTS = "_seg.png"

Picture = tuple[str, bytes, np.ndarray]


def class_list(root: str, config: str) -> ClassList:
    """Returns the classes whose positions are the categories; the same for all folders."""
    del root, config
    return load_preset("ade847")


class Builder(LabelMapBuilder):
    """Photos of scenes with a region per class."""

    VERSION = tfds.core.Version("1.1.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    BUILDER_CONFIGS = configs("published", "original")
    COUNTS = {"train": 25_574, "validation": 2_000}
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"Give the folder {RELEASE} (or one that holds it) with images/ADE/, or images_detectron2/ "
        "and annotations_detectron2/, as manual_dir. See data/ade20k_full/README.md."
    )

    def find(self, root: epath.Path, split: str) -> Files:
        """Finds the prepared photos and maps."""
        place = find_root(root)
        maps = maps_in(place / "annotations_detectron2" / FOLDERS[split], ".tif")
        table = label_table(0, CLASSES, [IGNORED], IGNORED + 1)
        return Files(photos_of(maps, place / "images_detectron2" / FOLDERS[split]), maps, table, 16)

    def _generate_examples(
        self, root: epath.Path, split: str
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        place, config = find_root(root), self.builder_config.name.removesuffix("_train")
        prepared = (place / "annotations_detectron2" / FOLDERS[split]).is_dir()
        if config == "published" and prepared:
            yield from super()._generate_examples(root, split)
            return
        count, found = pictures(place, split)
        tell_count(count, self.COUNTS[split], f"{self.name} {split}")
        table = class_table()
        for name, content, colors in found:
            raw = colors[..., 0].astype(np.int32) // 10 * 256 + colors[..., 1]
            if config == "published":
                content, raw = as_published(content, raw)
            segments = decode_regions(raw, table)
            yield name, segmentation_example(content, segments, (), f"{name}.jpg")


def pictures(place: epath.Path, split: str) -> tuple[int, Iterable[Picture]]:
    """Finds the release's own photos: in its folders, else in the parquet copy.

    Returns:
        How many there are, and each one's name, file, and the colours of its map.

    Raises:
        ManualFileError: There are none.
    """
    release = place / "images" / "ADE" / FOLDERS[split]
    if maps := sorted(Path(release).rglob(f"*{SEGMENTS}")):
        return len(maps), map(_picture, maps)
    if files := parquet_files(place, split):
        return count_rows(files), read_rows(files)
    remark = ""
    if (place / "annotations_detectron2" / FOLDERS[split]).is_dir():
        remark = "; photos of images_detectron2 are no originals: take config published"
    raise ManualFileError(
        f"no label map found; expected files {release}/**/*{SEGMENTS}, or "
        f"{place / 'data' / split}-*.parquet{remark}"
    )


def _picture(path: Path) -> Picture:
    """Reads a photo and its map as they are stored: the scripts turn neither by EXIF data."""
    name = path.name.removesuffix(SEGMENTS)
    colors = read_png(epath.Path(path), "RGB", "the label map")
    photo = path.parent / f"{name}.jpg"
    content = read_picture(epath.Path(photo), colors.shape[:2])
    try:
        Image.open(io.BytesIO(content)).load()
    except OSError as error:
        raise ManualFileError(f"{photo}: the picture cannot be read: {error}") from error
    return name, content, colors


def find_root(root: epath.Path) -> epath.Path:
    """Returns the folder of the release, also where it lies one level off."""
    choices = [root / RELEASE, root / "ade" / RELEASE, root]
    parts = (Path("images", "ADE"), Path("annotations_detectron2"))
    for place in choices:
        if any((place / part).is_dir() for part in parts) or any(
            parquet_files(place, split) for split in FOLDERS
        ):
            return place
    return first_folder([place / part for place in choices for part in parts], "the full ADE20K")


def class_table() -> np.ndarray:
    """Returns int32 [table]: the class index of each class of the release, else `VOID`."""
    table = np.full(26 * 256, VOID, np.int32)
    for index, entry in enumerate(load_preset("ade847").classes):
        if entry.original_id is not None:
            table[entry.original_id] = index
    return table


def as_published(content: bytes | np.ndarray, labels: np.ndarray) -> tuple[bytes, np.ndarray]:
    """Brings a photo and its labels to the size and the compression of all published numbers.

    Args:
        content: The photo, as a file or as RGB.
        labels: Integers [H, W].

    Returns:
        The photo as JPEG, and the labels at its size.
    """
    pixels = content
    if isinstance(content, bytes):
        pixels = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    height, width = labels.shape
    short, long = sorted((height, width))
    if short > SHORT_SIDE:
        sides = (SHORT_SIDE, round(long / short * SHORT_SIDE))
        size = sides if height <= width else (sides[1], sides[0])
        pixels, labels = bilinear(np.asarray(pixels), size), nearest(labels, size)
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(pixels)).save(buffer, format="JPEG", quality=QUALITY)
    return buffer.getvalue(), labels
