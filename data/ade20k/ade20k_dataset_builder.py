"""TFDS builder of ADE20K with 150 classes: semantic regions, panoptic segments, or instances.

Read are the publisher's maps (`annotations/`: 0 other, k is class k - 1; `annotations_instance/`:
red is the category of a thing, green its number), and what detectron2's scripts make of them. A
panoptic photo is its stuff, from the semantic map, under its things, from the instance map; pixels
of things that no instance covers are void, as in those scripts. Stuff under things is kept as what
it is: the area that scripts list for it, and published panoptic quality counts, is all of it.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

from data.ade20k.prepared import read_instances, read_panoptic
from data.ade20k.trees import (
    COUNTS,
    FOLDERS,
    INSTANCES,
    SHORT,
    object_trees,
    places,
    semantic_tree,
    table_of,
    thing_table,
)
from data.checks.layout import Layout
from data.checks.of_trees import layout_of
from data.checks.problem import Problem
from data.label_map_files import (
    Files,
    LabelMapBuilder,
    configs,
    first_folder,
    maps_in,
    photos_of,
    read_known,
    tell_count,
    upright_example,
)
from data.manual_files import ManualFileError, read_png
from data.parallel import in_order
from data.segments import Segments, pack
from data.trees import Tree
from ovseg_jax.vocabulary.classes import ClassList, load_preset


def class_list(root: str, config: str) -> ClassList:
    """Returns the classes whose positions are the categories; the same for all folders."""
    del root, config
    return load_preset("ade150")


def trees(root: str, config: str) -> dict[str, Tree]:
    """Says where the files of each split lie."""
    kind, found = config.removesuffix("_train") or "semantic", places(epath.Path(root))
    splits = COUNTS if config.endswith("_train") else ("validation",)
    if kind == "semantic":
        return {split: semantic_tree(found, split) for split in splits}
    return {k: x for split in splits for k, x in object_trees(found, split, kind).items()}


def layout(root: str, config: str) -> Layout:
    """Describes the files on disk, for `ovseg data check`."""
    return layout_of(root, config, trees, class_list(root, config))


def own_checks(root: str, config: str) -> list[Problem]:
    """Reads the scripts' list of instance categories, which must be one of numbers."""
    if not config.startswith("semantic"):
        thing_table(places(epath.Path(root))[0])
    return []


Named = tuple[str, Callable[[], Segments]]
"""The name of a photo, and what reads its segments."""


class Builder(LabelMapBuilder):
    """Photos of scenes, every pixel labelled."""

    VERSION = tfds.core.Version("1.1.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    BUILDER_CONFIGS = configs("semantic", "panoptic", "instance")
    COUNTS = COUNTS
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Give the folder ADEChallengeData2016 (or one that holds it) with images/ and annotations/ "
        "as manual_dir; configs panoptic and instance also read annotations_instance/, or the "
        "prepared ade20k_panoptic_val/ and ade20k_instance_val.json. See data/ade20k/README.md."
    )

    def find(self, root: epath.Path, split: str) -> Files:
        """Finds photos and semantic maps, the publisher's first."""
        return find_semantic(find_root(root), split)

    def _generate_examples(
        self, root: epath.Path, split: str
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        kind = self.config_name.removesuffix("_train")
        if kind == "semantic":
            yield from super()._generate_examples(root, split)
            return
        place = find_root(root)
        count = itertools.count()

        def read(named: Named) -> tuple[str, dict[str, Any]]:
            name, segments = named
            photo = photos_of([name], place / "images" / FOLDERS[split])[name]
            next(count)
            return name, upright_example(photo, segments())

        yield from in_order(read, annotated(place, split, kind), f"{self.name} {split}")
        tell_count(next(count), self.COUNTS[split], f"{self.name} {split}")


def find_root(root: epath.Path) -> epath.Path:
    """Returns the folder that holds `images`, also where it lies one level off."""
    return first_folder([place / "images" for place in places(root)], "ADE20K's photos").parent


def find_semantic(place: epath.Path, split: str) -> Files:
    """Finds photos and semantic maps of a split: the publisher's, else detectron2's.

    Raises:
        ManualFileError: There are none, or photos are missing.
    """
    tree = semantic_tree((place,), split)
    assert tree.labels is not None
    folder = first_folder(tree.labels.choices, "ADE20K's label maps")
    maps, (table, hint) = maps_in(folder, ".png"), table_of(folder)
    return Files(photos_of(maps, tree.photos.path), maps, table, hint=hint)


def annotated(place: epath.Path, split: str, kind: str) -> Iterable[Named]:
    """Finds panoptic segments or instances: the publisher's maps, else prepared files.

    Raises:
        ManualFileError: There are none, or they are damaged.
    """
    prepared = place / f"ade20k_{kind}_{SHORT[split]}"
    if (place / INSTANCES / FOLDERS[split]).is_dir():
        return read_published(place, split, things_only=kind == "instance")
    if kind == "panoptic" and prepared.is_dir():
        return _as_read(read_panoptic(prepared))
    if kind == "instance" and prepared.with_suffix(".json").is_file():
        return _as_read(read_instances(prepared.with_suffix(".json")))
    raise ManualFileError(
        f"objects not found; expected the folder {place / 'annotations_instance' / FOLDERS[split]} "
        f"or the prepared {prepared}{'.json' if kind == 'instance' else ''}"
    )


def _as_read(found: Iterable[tuple[str, Segments]]) -> Iterator[Named]:
    """Files that list all photos are read in turn."""
    for name, segments in found:
        yield name, functools.partial(lambda known: known, segments)


def read_published(place: epath.Path, split: str, things_only: bool) -> list[Named]:
    """Lays the things of the instance maps over the stuff of the semantic ones.

    Raises:
        ManualFileError: A map is missing, or two maps of a photo differ in size.
    """
    files, things = find_semantic(place, split), thing_table(place)
    folder = first_folder([place / INSTANCES / FOLDERS[split]], "the instance maps")
    is_stuff = np.append(~load_preset("ade150").thing_mask, False)  # void indexes the end

    def read(name: str) -> Segments:
        path = files.maps[name]
        colors = read_png(folder / f"{name}.png", "RGB", "the instance map").astype(np.int32)
        labels = read_known(path, files)
        if colors.shape[:2] != labels.shape:
            raise ManualFileError(f"{folder / path.name}: is of another size than {path}")
        classes = files.table[labels]
        stuff = np.where(is_stuff[classes] & (not things_only), classes, -1)
        return panoptic(stuff, colors, things, folder / path.name)

    return [(name, functools.partial(read, name)) for name in files.maps]


def panoptic(
    stuff: np.ndarray, colors: np.ndarray, things: dict[int, int], path: epath.Path
) -> Segments:
    """Numbers regions of stuff and instances of things.

    Args:
        stuff: Class of each pixel of stuff, -1 elsewhere.
        colors: The instance map; red is the category, green the number of the instance.
        things: Class index of each category.
        path: The instance map, for messages.

    Returns:
        Stuff by rising class, also what is hidden as a whole, then instances by rising number.
    """
    ids = np.zeros(stuff.shape, np.int32)
    classes: list[int] = np.unique(stuff[stuff >= 0]).tolist()
    for segment, label in enumerate(classes, start=1):
        ids[stuff == label] = segment
    covered = colors[..., 1] > 0
    regions = [ids == segment for segment in range(1, len(classes) + 1)]
    whole = [pack(mask) if (mask & covered).any() else b"" for mask in regions]
    for instance in np.unique(colors[..., 1][covered]).tolist():
        mask = colors[..., 1] == instance
        found = np.unique(colors[..., 0][mask]).tolist()
        if len(found) != 1 or found[0] not in things:
            raise ManualFileError(
                f"{path}: instance {instance} has the categories {found}; expected one of 1 to "
                f"{len(things)}"
            )
        classes.append(things[found[0]])
        ids[mask] = len(classes)
    return Segments(ids, classes, whole=whole + [b""] * (len(classes) - len(whole)))
