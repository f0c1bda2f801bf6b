"""Where ADE20K-150 lies: the publisher's tree, and what detectron2's scripts make of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from etils import epath

from data.ade20k.prepared import known_ids
from data.checks.describe import CATEGORIES
from data.checks.layout import IDS, LabelMaps, OtherForm
from data.checks.lists import instances_list, panoptic_list
from data.checks.of_trees import maps_of_table
from data.checks.problem import Problem
from data.label_map_files import label_table
from data.manual_files import ManualFileError
from data.segments import VOID
from data.trees import Folder, Tree, first_with, with_parts
from ovseg_jax.vocabulary.classes import load_preset

FOLDERS = {"train": "training", "validation": "validation"}
SHORT = {"train": "train", "validation": "val"}
COUNTS = {"train": 20_210, "validation": 2_000}
"""Photos of the published set."""
PUBLISHED, INSTANCES, PREPARED = "annotations", "annotations_instance", "annotations_detectron2"
CLASSES = 150
MAPPING = "ade20k_instance_catid_mapping.txt"
RAW_HINT = "the publisher's maps reach 150; those of this folder are one less, and 255 for none"
PREPARED_HINT = f"maps of {PREPARED}/ have 255 for none and count from 0; these count from 1"
FROM_0 = OtherForm(
    CLASSES - 1,
    "prepared labels where raw ones are expected",
    f"{PREPARED_HINT}; put them into {PREPARED}/, or give the publisher's",
    ignore=255,
)
FROM_1 = OtherForm(CLASSES, "raw labels where prepared ones are expected", RAW_HINT)


def places(root: epath.Path) -> tuple[epath.Path, ...]:
    """Returns the folder that holds `images`, also one level off; where it may be if none does."""
    name = "ADEChallengeData2016"
    return with_parts((root / name, root, root / "ade" / name), "images")


def semantic_tree(found: tuple[epath.Path, ...], split: str) -> Tree:
    """Says where photos and semantic maps lie: the publisher's, else detectron2's.

    Args:
        found: See `places`.
        split: "train" or "validation".
    """
    folder = FOLDERS[split]
    choices = [place / kind / folder for kind in (PUBLISHED, PREPARED) for place in found]
    maps = first_with(choices, ".png")
    table, _ = table_of(maps)
    return Tree(
        Folder(tuple(place / "images" / folder for place in found), "the photos", ".jpg"),
        Folder((maps, *(x for x in choices if x != maps)), "the semantic maps", ".png"),
        maps_of_table(table, others=(FROM_0 if is_published(maps) else FROM_1,)),
        expected=COUNTS[split],
    )


def is_published(maps: epath.Path) -> bool:
    """Whether semantic maps are the publisher's: 0 other, k is class k - 1."""
    return maps.parent.name == PUBLISHED


def table_of(maps: epath.Path) -> tuple[np.ndarray, str]:
    """Returns the class of each label of a folder of maps; and what an unknown one tells."""
    if is_published(maps):
        return label_table(1, CLASSES, [0]), PREPARED_HINT
    return label_table(0, CLASSES, [255]), RAW_HINT


def object_trees(found: tuple[epath.Path, ...], split: str, kind: str) -> dict[str, Tree]:
    """Says where panoptic segments or instances lie: the publisher's maps, else prepared files.

    Args:
        found: See `places`.
        split: "train" or "validation".
        kind: "panoptic" or "instance".
    """
    semantic = semantic_tree(found, split)
    instances = [place / INSTANCES / FOLDERS[split] for place in found]
    prepared = found[0] / f"ade20k_{kind}_{SHORT[split]}"
    listed = prepared.with_suffix(".json")
    if not instances[0].is_dir() and (prepared.is_dir() or listed.is_file()):
        return {split: _prepared(semantic, prepared, kind)}
    things = Folder(tuple(instances), "the instance maps", ".png")
    tables = tuple(place / MAPPING for place in found)
    return {
        split: semantic,
        f"{split}, instances": dataclasses.replace(
            semantic, labels=things, maps=_instance_maps(found[0]), others=tables, expected=None
        ),
    }


def _prepared(semantic: Tree, prepared: epath.Path, kind: str) -> Tree:
    lists = (prepared.with_suffix(".json"),)
    if kind == "instance":
        read = instances_list(load_preset("ade150"), _index_of)
        return dataclasses.replace(semantic, labels=None, maps=None, lists=lists, read_list=read)
    maps = Folder((prepared,), "the panoptic maps", ".png")
    legal, read = LabelMaps(IDS, may_hide=True), panoptic_list(_index_of)
    return dataclasses.replace(semantic, labels=maps, maps=legal, lists=lists, read_list=read)


def _index_of(
    content: Mapping[str, Any], used: Collection[int], source: Path
) -> tuple[dict[int, int], list[Problem]]:
    """Ids of prepared files are those of the classes; where they are not, that is told once."""
    try:
        return known_ids(content, set(used), str(source)), []
    except ManualFileError as error:
        advice = "make it anew from the publisher's files with the script of FC-CLIP"
        text = str(error).removeprefix(f"{source}: ")
        told = [Problem(CATEGORIES, str(source), text, advice=advice)]
        return {number: number for number in used}, told


def thing_table(place: epath.Path) -> dict[int, int]:
    """Returns the class index of each instance category: by the scripts' own list if it is there.

    Without it they are the 100 things in the order of their ids.
    """
    path = place / MAPPING
    if not path.is_file():
        things = np.flatnonzero(load_preset("ade150").thing_mask).tolist()
        return {number: index for number, index in enumerate(things, start=1)}
    rows = [line.split("\t") for line in path.read_text().splitlines()[1:] if line.strip()]
    try:
        return {int(row[0]): int(row[1]) - 1 for row in rows}
    except (ValueError, IndexError) as error:
        raise ManualFileError(f"{path}: has a row that is not numbers: {error}") from error


def _instance_maps(place: epath.Path) -> LabelMaps:
    """Red is the category of a thing, green its number, 0 for none."""
    try:
        things = thing_table(place)
    except ManualFileError:
        things = {}  # told by `own_checks`
    highest = max(things, default=100) + 255 * 256

    def index(value: int) -> int | None:
        is_thing = things and value // 256 % 256
        return things.get(value % 256) if is_thing else VOID

    return LabelMaps(IDS, 1, highest, frozenset(), may_be_void=True, index=index)
