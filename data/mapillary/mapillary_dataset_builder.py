"""TFDS builder of Mapillary Vistas v1.2: 65 classes, semantic or panoptic.

Three trees hold these labels: that of v1.2, the same with the panoptic file one level up
(MaskCLIP++), and the folders `v1.2/` of the download of v2.0. The 124 classes of v2.0 itself are
another set and refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow_datasets as tfds
from etils import epath

from data.checks.layout import Layout
from data.checks.of_trees import layout_of
from data.checks.problem import Problem
from data.label_map_files import (
    Files,
    LabelMapBuilder,
    configs,
    first_folder,
    label_table,
    maps_in,
    photos_of,
    tell_count,
    upright_example,
)
from data.manual_files import ManualFileError
from data.mapillary.trees import (
    CLASSES,
    COUNTS,
    PANOPTIC,
    PANOPTIC_OF_V2,
    SPELLINGS,
    UNLABELED,
    V2,
    VOID_NAMES,
    maps_of,
    places,
    tree_of,
)
from data.panoptic import read_panoptic_file
from data.parallel import in_order
from data.trees import Tree
from ovseg_jax.vocabulary.classes import ClassList, load_preset


def class_list(root: str, config: str) -> ClassList:
    """Returns the classes whose positions are the categories; the same for all folders."""
    del root, config
    return load_preset("mapillary65")


def trees(root: str, config: str) -> dict[str, Tree]:
    """Says where the files of each split lie."""
    splits = COUNTS if config.endswith("_train") else ("validation",)
    classes = class_list(root, config) if config.startswith("panoptic") else None
    return {split: tree_of(epath.Path(root), split, classes) for split in splits}


def layout(root: str, config: str) -> Layout:
    """Describes the files on disk, for `ovseg data check`."""
    return layout_of(root, config, trees, class_list(root, config))


def own_checks(root: str, config: str) -> Iterator[Problem]:
    """Tells a folder of v2.0 alone, whose labels are another set's."""
    for tree in trees(root, config).values():
        place = tree.photos.path.parent
        if (place / "v2.0").is_dir() and tree.labels and not tree.labels.path.is_dir():
            yield Problem(V2.kind, str(place), "holds v2.0/ and no v1.2/", advice=V2.advice)


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

        def read(entry: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
            stem = epath.Path(entry["file_name"]).stem
            return stem, upright_example(photos[stem], listed.segments(entry, maps))

        yield from in_order(read, listed.entries, f"{self.name} {split}")


def find_split(root: epath.Path, split: str) -> epath.Path:
    """Returns the folder of a split, also where the set lies one level off."""
    return first_folder(places(root, split), f"Mapillary Vistas' {split} photos")


def folder_of(place: epath.Path, kind: str) -> epath.Path:
    """Returns the folder of the maps of v1.2 of a split.

    Args:
        place: Folder of the split.
        kind: "labels" or "panoptic".

    Raises:
        ManualFileError: There is none, or only that of v2.0.
    """
    found, other = maps_of(place, kind)
    if not found.is_dir() and (place / "v2.0").is_dir():
        raise _is_v2(place, other)
    if not found.is_dir():
        raise ManualFileError(f"the {kind} maps not found; expected the folder {found}")
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
