"""TFDS builder of ADE20K with 847 classes, from the full release 2021_17_01 or what is made of it.

A class of the release is red // 10 * 256 + green of a `*_seg.png`; 847 of them count. All published
numbers are of photos whose short side was brought to 512 where it was longer, and which were
written again as JPEG of quality 75: config `published` does the same, `original` does neither.
Prepared photos (`images_detectron2`) are what the scripts wrote and are taken as they are.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from etils import epath
from PIL import Image

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
from data.manual_files import ManualFileError, read_png, read_upright
from data.resizing import bilinear, nearest
from data.segments import VOID, decode_regions
from ovseg_jax.vocabulary.classes import ClassList, load_preset

FOLDERS = {"train": "training", "validation": "validation"}
RELEASE = "ADE20K_2021_17_01"
CLASSES, IGNORED = 847, 2**16 - 1
SHORT_SIDE, QUALITY = 512, 75
SEGMENTS = "_seg.png"


def class_list(root: str, config: str) -> ClassList:
    """Returns the classes whose positions are the categories; the same for all folders."""
    del root, config
    return load_preset("ade847")


class Builder(LabelMapBuilder):
    """Photos of scenes with a region per class."""

    VERSION = tfds.core.Version("1.0.0")
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
        release = place / "images" / "ADE" / FOLDERS[split]
        if config == "published" and prepared:
            yield from super()._generate_examples(root, split)
            return
        maps = [epath.Path(path) for path in sorted(Path(release).rglob(f"*{SEGMENTS}"))]
        if not maps:
            raise ManualFileError(f"no label map found; expected files {release}/**/*{SEGMENTS}")
        tell_count(len(maps), self.COUNTS[split], f"{self.name} {split}")
        table = class_table()
        for path in maps:
            name = path.name.removesuffix(SEGMENTS)
            colors = read_png(path, "RGB", "the label map").astype(np.int32)
            raw = colors[..., 0] // 10 * 256 + colors[..., 1]
            photo = path.parent / f"{name}.jpg"
            content = read_upright(photo, raw.shape)
            if config == "published":
                content, raw = as_published(content, raw)
            segments = decode_regions(raw, table)
            yield name, segmentation_example(content, segments, (), photo.name)


def find_root(root: epath.Path) -> epath.Path:
    """Returns the folder of the release, also where it lies one level off."""
    choices = [root / RELEASE, root / "ade" / RELEASE, root]
    folders = [place / name for place in choices for name in ("images", "annotations_detectron2")]
    return first_folder(folders, "the full ADE20K").parent


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
        size = sides if height <= width else sides[::-1]
        pixels, labels = bilinear(np.asarray(pixels), size), nearest(labels, size)
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(pixels)).save(buffer, format="JPEG", quality=QUALITY)
    return buffer.getvalue(), labels
