"""TFDS builder of Mapillary Vistas v1.2: 65 classes, semantic or panoptic.

Three trees hold these labels: that of v1.2, the same with the panoptic file one level up
(MaskCLIP++), and the folders `v1.2/` of the download of v2.0. The 124 classes of v2.0 itself are
another set and refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tensorflow_datasets as tfds
from etils import epath

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
from data.manual_files import ManualFileError, read_upright
from data.panoptic import read_panoptic_file
from ovseg_jax.vocabulary.classes import ClassList, load_preset

COUNTS = {"train": 18_000, "validation": 2_000}
"""Photos of the published set."""
FOLDERS = {"train": "training", "validation": "validation"}
CLASSES, UNLABELED = 65, 65
PANOPTIC, PANOPTIC_OF_V2 = "panoptic_2018.json", "panoptic_2020.json"
SPELLINGS = {
    "crosswalk plain": "crosswalk",
    "lane marking crosswalk": "lane marking of crosswalk",
    "lane marking general": "lane marking",
}
"""Names of the panoptic file for which the published class list has words of its own."""
VOID_NAMES = ("unlabeled",)


def class_list(root: str, config: str) -> ClassList:
    """Returns the classes whose positions are the categories; the same for all folders."""
    del root, config
    return load_preset("mapillary65")


class Builder(LabelMapBuilder):
    """Photos of streets with a region per class, or a segment per thing."""

    VERSION = tfds.core.Version("1.1.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    BUILDER_CONFIGS = configs("semantic", "panoptic")
    COUNTS = COUNTS
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Give the folder that holds training/ and validation/ (or mapillary_vistas/ with them) as "
        "manual_dir. See data/mapillary/README.md."
    )

    def find(self, root: epath.Path, split: str) -> Files:
        """Finds photos and semantic maps."""
        place = find_split(root, split)
        maps = maps_in(folder_of(place, "labels"), ".png")
        table = label_table(0, CLASSES, [UNLABELED])
        hint = "labels of v2.0 have 124 classes; give those of v1.2"
        return Files(photos_of(maps, place / "images"), maps, table, hint=hint)

    def _generate_examples(
        self, root: epath.Path, split: str
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        if self.config_name.startswith("semantic"):
            yield from super()._generate_examples(root, split)
            return
        place = find_split(root, split)
        maps = folder_of(place, "panoptic")
        listed = read_panoptic_file(panoptic_list(maps), class_list("", ""), SPELLINGS, VOID_NAMES)
        tell_count(len(listed.entries), COUNTS[split], f"{self.name} {split}")
        stems = [epath.Path(entry["file_name"]).stem for entry in listed.entries]
        photos = photos_of(stems, place / "images")
        for stem, entry in zip(stems, listed.entries, strict=True):
            segments = listed.segments(entry, maps)
            content = read_upright(photos[stem], segments.ids.shape)
            yield stem, segmentation_example(content, segments, (), photos[stem].name)


def find_split(root: epath.Path, split: str) -> epath.Path:
    """Returns the folder of a split, also where the set lies one level off."""
    choices = [root / FOLDERS[split], root / "mapillary_vistas" / FOLDERS[split]]
    return first_folder(choices, f"Mapillary Vistas' {split} photos")


def folder_of(place: epath.Path, kind: str) -> epath.Path:
    """Returns the folder of the maps of v1.2 of a split.

    Args:
        place: Folder of the split.
        kind: "labels" or "panoptic".

    Raises:
        ManualFileError: There is none, or only that of v2.0.
    """
    choices = [place / "v1.2" / kind, place / kind]
    found = next((path for path in choices if path.is_dir()), None)
    if found is None and (place / "v2.0").is_dir():
        raise _is_v2(place, choices[0])
    if found is None:
        raise ManualFileError(f"the {kind} maps not found; expected the folder {choices[1]}")
    return found


def panoptic_list(maps: epath.Path) -> epath.Path:
    """Returns the panoptic file, inside the folder of its maps or beside it.

    Raises:
        ManualFileError: There is none, or only that of v2.0.
    """
    choices = (maps / PANOPTIC, maps.parent / PANOPTIC)
    found = next((path for path in choices if path.is_file()), None)
    if found is None and any(path.with_name(PANOPTIC_OF_V2).is_file() for path in choices):
        raise _is_v2(maps, choices[0])
    if found is None:
        expected = " or ".join(map(str, choices))
        raise ManualFileError(f"the panoptic annotations not found; expected {expected}")
    return found


def _is_v2(place: epath.Path, expected: epath.Path) -> ManualFileError:
    return ManualFileError(
        f"{place}: holds labels of v2.0 (124 classes) only; the published protocol has the 65 "
        f"classes of v1.2, in the same download; expected {expected}"
    )
