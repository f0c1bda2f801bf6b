"""Label maps on disk: pairing them with photos, reading them without loss, building records."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

from data.features import segmentation_example, segmentation_features
from data.label_pictures import read_map
from data.manual_files import ManualFileError, read_upright, require_folder
from data.parallel import in_order
from data.segments import VOID, Segments, decode_regions
from data.trees import config_name
from ovseg_jax.foundation.errors import first_few, warn

SHOWN = 5
PHOTO = ".jpg"
UNKNOWN = -2
"""In a table of labels: a number that such a map does not hold."""


@dataclasses.dataclass(frozen=True)
class Files:
    """The files of one split.

    Attributes:
        photos: Photo of each name.
        maps: Label map of each name.
        table: Class index of each label, `VOID` for those that are ignored, `UNKNOWN` for others.
        bits: Of the maps, 8 or 16.
        hint: What an unknown label tells about these maps.
    """

    photos: dict[str, epath.Path]
    maps: dict[str, epath.Path]
    table: np.ndarray
    bits: int = 8
    hint: str = "is this map of another set?"


class LabelMapBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """What builders of label maps share: a region per class, photos as displayed."""

    COUNTS: dict[str, int] = {}
    """Photos of each split as published."""

    def find(self, root: epath.Path, split: str) -> Files:
        """Returns the files of a split; each set knows its trees."""
        raise NotImplementedError

    @property
    def config_name(self) -> str:
        """The name of the chosen config, without the state of a folder."""
        return config_name(self.builder_config.name) if self.builder_config else ""

    def splits(self) -> Iterable[str]:
        """The splits of the chosen config; those called "..._train" hold all."""
        wants_all = self.config_name.endswith("_train")
        return self.COUNTS if wants_all else ("validation",)

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(features=segmentation_features())

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        root = epath.Path(dl_manager.manual_dir)
        return {split: self._generate_examples(root, split) for split in self.splits()}

    def _generate_examples(
        self, root: epath.Path, split: str
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        files = self.find(root, split)
        tell_count(len(files.maps), self.COUNTS[split], f"{self.name} {split}")

        def read(name: str) -> tuple[str, dict[str, Any]]:
            segments = regions(files.maps[name], files)
            return name.replace("/", "_"), upright_example(files.photos[name], segments)

        yield from in_order(read, list(files.maps), f"{self.name} {split}")


def upright_example(photo: epath.Path, segments: Segments) -> dict[str, Any]:
    """Returns the record of a photo, read as displayed, and its segments.

    Raises:
        ManualFileError: See `read_upright`.
    """
    content = read_upright(photo, segments.ids.shape)
    return segmentation_example(content, segments, (), photo.name)


def configs(*names: str) -> list[tfds.core.BuilderConfig]:
    """Returns the builder configs of these names, each also with the training photos."""
    return [
        tfds.core.BuilderConfig(name=f"{name}{ending}", description=f"{name}, {splits}.")
        for name in names
        for ending, splits in (("", "validation"), ("_train", "training and validation"))
    ]


def label_table(first: int, count: int, ignored: Iterable[int], size: int = 256) -> np.ndarray:
    """Returns int32 [size]: the class of each label.

    Args:
        first: Label of the first class.
        count: Number of classes, whose labels follow each other.
        ignored: Labels of pixels that no class is asked of.
        size: One more than the highest label that a map can hold.
    """
    table = np.full(size, UNKNOWN, np.int32)
    table[list(ignored)] = VOID
    table[first : first + count] = np.arange(count)
    return table


def regions(path: epath.Path, files: Files) -> Segments:
    """Reads a map: everything of one class is one segment.

    Raises:
        ManualFileError: See `read_known`.
    """
    return decode_regions(read_known(path, files), files.table)


def read_known(path: epath.Path, files: Files) -> np.ndarray:
    """Reads a map of a set as int32 [H, W].

    Raises:
        ManualFileError: See `read_map`; or a label is none of the set's.
    """
    labels = read_map(path, files.bits)
    known = files.table[np.minimum(labels, len(files.table) - 1)] != UNKNOWN
    if not (known & (labels < len(files.table))).all():
        label = int(labels[~(known & (labels < len(files.table)))].max())
        raise ManualFileError(f"{path}: label {label} is none of this set; {files.hint}")
    return labels


def first_folder(choices: Iterable[epath.Path], what: str) -> epath.Path:
    """Returns the first of some folders that is there.

    Raises:
        ManualFileError: None is; names all of them.
    """
    choices = list(choices)
    found = next((path for path in choices if path.is_dir()), None)
    if found is None:
        raise ManualFileError(f"{what} not found; expected one of {', '.join(map(str, choices))}")
    return found


def photos_of(
    stems: Iterable[str], folder: epath.Path, ending: str = PHOTO
) -> dict[str, epath.Path]:
    """Returns the photo of each name.

    Raises:
        ManualFileError: The folder is missing, or photos in it are.
    """
    require_folder(folder, "the photos")
    found = {stem: folder / f"{stem}{ending}" for stem in stems}
    if missing := [path.name for path in found.values() if not path.is_file()]:
        raise ManualFileError(
            f"{folder}: {len(missing)} of {len(found)} photos are missing: "
            f"{first_few(missing, SHOWN)}"
        )
    return found


def maps_in(folder: epath.Path, ending: str) -> dict[str, epath.Path]:
    """Returns the label maps of a folder by name, sorted.

    Raises:
        ManualFileError: The folder is missing, or holds none.
    """
    require_folder(folder, "the label maps")
    found = {path.name.removesuffix(ending): path for path in sorted(folder.glob(f"*{ending}"))}
    if not found:
        raise ManualFileError(f"no label map found; expected files {folder}/*{ending}")
    return found


def tell_count(found: int, known: int, what: str) -> None:
    """Warns where a set is not as large as its publisher's."""
    if found != known:
        warn(f"{what}: found {found:,} photos, the published set has {known:,}")
