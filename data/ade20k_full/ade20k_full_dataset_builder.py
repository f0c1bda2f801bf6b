"""TFDS builder of ADE20K with 847 classes, from the full release 2021_17_01 or what is made of it.

A class of the release is red // 10 * 256 + green of a `*_seg.png`; 847 of them count. All published
numbers are of photos whose short side was brought to 512 where it was longer, and which were
written again as JPEG of quality 75: config `published` does the same, `original` does neither.
Prepared photos (`images_detectron2`) are what the scripts wrote and are taken as they are.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from etils import epath
from PIL import Image

from data.ade20k_full.objects import disagreements
from data.ade20k_full.parquet import count_rows, parquet_files, read_rows
from data.ade20k_full.trees import (
    COUNTS,
    FOLDERS,
    IMAGES,
    PARTS,
    RELEASE,
    SEGMENTS,
    class_table,
    has_prepared,
    is_parquet,
    places,
    prepared_table,
    prepared_tree,
    tree_of,
)
from data.checks.layout import Layout
from data.checks.of_trees import layout_of
from data.checks.problem import Problem
from data.features import segmentation_example
from data.label_map_files import (
    Files,
    LabelMapBuilder,
    configs,
    first_folder,
    maps_in,
    photos_of,
    tell_count,
)
from data.manual_files import ManualFileError, read_picture, read_png
from data.parallel import in_order
from data.resizing import bilinear, nearest
from data.segments import decode_regions
from data.trees import Tree
from ovseg_jax.vocabulary.classes import ClassList, load_preset

SHORT_SIDE, QUALITY = 512, 75

Picture = tuple[str, bytes, np.ndarray]


def class_list(root: str, config: str) -> ClassList:
    """Returns the classes whose positions are the categories; the same for all folders."""
    del root, config
    return load_preset("ade847")


def trees(root: str, config: str) -> dict[str, Tree]:
    """Says where the files of each split lie."""
    found = places(epath.Path(root))
    splits = COUNTS if config.endswith("_train") else ("validation",)
    return {split: tree_of(found, split, config.startswith("original")) for split in splits}


def layout(root: str, config: str) -> Layout | None:
    """Describes the files on disk, for `ovseg data check`; None where they are parquet files."""
    if any(is_parquet(tree) for tree in trees(root, config).values()):
        return None
    return layout_of(root, config, trees, class_list(root, config))


def own_checks(root: str, config: str) -> Iterator[Problem]:
    """Compares maps of the release with the lists of objects beside them."""
    for tree in trees(root, config).values():
        if tree.labels is not None and tree.labels.ending == SEGMENTS:
            yield from disagreements(tree)


class Builder(LabelMapBuilder):
    """Photos of scenes with a region per class."""

    VERSION = tfds.core.Version("1.1.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    BUILDER_CONFIGS = configs("published", "original")
    COUNTS = COUNTS
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"Give the folder {RELEASE} (or one that holds it) with images/ADE/, or images_detectron2/ "
        "and annotations_detectron2/, as manual_dir. See data/ade20k_full/README.md."
    )

    def find(self, root: epath.Path, split: str) -> Files:
        """Finds the prepared photos and maps."""
        place = find_root(root)
        tree = prepared_tree(place, split)
        assert tree.labels is not None
        maps = maps_in(tree.labels.path, tree.labels.ending)
        return Files(photos_of(maps, tree.photos.path), maps, prepared_table(), 16)

    def _generate_examples(
        self, root: epath.Path, split: str
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        place, config = find_root(root), self.config_name.removesuffix("_train")
        if config == "published" and has_prepared(place, split):
            yield from super()._generate_examples(root, split)
            return
        count, found = pictures(place, split)
        tell_count(count, self.COUNTS[split], f"{self.name} {split}")
        table = class_table()

        def read(open_picture: Callable[[], Picture]) -> tuple[str, dict[str, Any]]:
            name, content, colors = open_picture()
            raw = colors[..., 0].astype(np.int32) // 10 * 256 + colors[..., 1]
            if config == "published":
                content, raw = as_published(content, raw)
            segments = decode_regions(raw, table)
            return name, segmentation_example(content, segments, (), f"{name}.jpg")

        yield from in_order(read, found, f"{self.name} {split}")


def pictures(place: epath.Path, split: str) -> tuple[int, Iterable[Callable[[], Picture]]]:
    """Finds the release's own photos: in its folders, else in the parquet copy.

    Returns:
        How many there are, and what reads each one's name, file, and the colours of its map.

    Raises:
        ManualFileError: There are none.
    """
    release = place / IMAGES / FOLDERS[split]
    if maps := sorted(Path(release).rglob(f"*{SEGMENTS}")):
        return len(maps), [functools.partial(_picture, path) for path in maps]
    if files := parquet_files(place, split):
        return count_rows(files), map(_known, read_rows(files))
    remark = ""
    if has_prepared(place, split):
        remark = "; photos of images_detectron2 are no originals: take config published"
    raise ManualFileError(
        f"no label map found; expected files {release}/**/*{SEGMENTS}, or "
        f"{place / 'data' / split}-*.parquet{remark}"
    )


def _known(row: Picture) -> Callable[[], Picture]:
    return lambda: row


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
    found = places(root)
    if len(found) > 1:
        first_folder([place / part for place in found for part in PARTS], "the full ADE20K")
    return found[0]


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
