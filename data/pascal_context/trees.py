"""Where PASCAL-Context lies: prepared maps, the merged file, or MATLAB files."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import numpy as np
from etils import epath

from data.checks.describe import CATEGORIES, DAMAGED
from data.checks.layout import LabelMaps, Listed
from data.checks.problem import Problem
from data.manual_files import ManualFileError
from data.pascal_context.evidence import VOC, order_of
from data.pascal_context.matlab import FOLDER, LABELS, LISTED, listed_photos, stored_label_map
from data.pascal_context.merged import MERGED, PHASES, raw_table, read_merged
from data.pascal_context.orders import RAW_59, check_numbers, voc_first
from data.pascal_context.prepared import (
    ORDERS,
    has_prepared,
    order_of_labels,
    prepared_tree,
    voc_folder,
)
from data.segments import VOID
from data.trees import Folder, Reading, Tree

COUNTS = {"train": 4996, "validation": 5104}
"""Photos of the published set."""
ORDER = "order of the 59 classes"
ORDER_ADVICE = "scored with the other order nearly every pixel is wrong, and nothing else tells"


def tree_of(root: epath.Path, split: str, config: str) -> Tree:
    """Says where the files of a split lie, in the order in which the reader looks.

    Args:
        root: The user's folder.
        split: "train" or "validation".
        config: Name of the builder config, without its ending.
    """
    if has_prepared(root, split, config):
        tree = prepared_tree(root, split, config)
    elif config in ("context459", "context59_mat"):
        tree = _mat_tree(voc_folder(root), split, config)
    else:
        tree = _merged_tree(voc_folder(root), split)
    return dataclasses.replace(tree, expected=COUNTS[split])


def _mat_tree(place: epath.Path, split: str, config: str) -> Tree:
    """MATLAB files of all photos lie in one folder; lists say which are of a split."""
    try:
        names: Collection[str] | None = frozenset(listed_photos(place, split))
    except ManualFileError:
        names = None  # told by `own_checks`
    table = np.arange(VOID, 459, dtype=np.int32) if config == "context459" else raw_table()
    lists = (place / LISTED, place / MERGED) if split == "validation" else (place / MERGED,)
    return Tree(
        _photos(place, names),
        Folder((place / FOLDER,), "the MATLAB files", ".mat", only=names),
        LabelMaps(16, 1, 459, frozenset({0}), index=_index(table), reader=_read_mat),
        lists,
        lambda _: (None if names is None else dict.fromkeys(names, Listed()), {}, []),
        others=(place / LABELS,),
    )


def _index(table: np.ndarray) -> Callable[[int], int | None]:
    return lambda value: int(table[value]) if 0 <= value < len(table) else None


def _read_mat(path: Path) -> np.ndarray:
    return stored_label_map(epath.Path(path))


def _photos(place: epath.Path, names: Collection[str] | None) -> Folder:
    return Folder((place / "JPEGImages",), "the photos", ".jpg", only=names)


def _merged_tree(place: epath.Path, split: str) -> Tree:
    def read(path: epath.Path) -> Reading:
        return _read_merged(path, split)

    return Tree(_photos(place, None), lists=(place / MERGED,), read_list=read)


def _read_merged(path: epath.Path, split: str) -> Reading:
    """Reads what the merged file says of a split; its labels are outlines painted in turn."""
    if not path.is_file():
        return None, {}, []
    try:
        content = read_merged(path.parent)
    except ManualFileError as error:
        text = str(error).removeprefix(f"{path}: ")
        return None, {}, [Problem(DAMAGED, str(path), text, advice="get the file again")]
    images = {x["image_id"]: x for x in content["images"] if x["phase"] == PHASES[split]}
    objects: dict[object, list[dict]] = {number: [] for number in images}
    for number, item in enumerate(content["annos_segmentation"]):
        if item["image_id"] in images:
            objects[item["image_id"]].append({"id": number} | item)
    listed = {
        epath.Path(x["file_name"]).stem: Listed((int(x["height"]), int(x["width"])), (), objects[n])
        for n, x in images.items()
    }
    used = {int(item["category_id"]) for items in objects.values() for item in items}
    index = {raw: number for number, raw in enumerate(RAW_59, start=VOID)}
    text = "category {} is none of the 59 classes and not void"
    advice = "the file is of another set, or was edited; get it again"
    wrong = [
        Problem(CATEGORIES, str(path), text.format(raw), advice=advice)
        for raw in sorted(used - index.keys())
    ]
    return listed, index, wrong


def order_checks(root: epath.Path, config: str) -> Iterator[Problem]:
    """Tells in which order the classes of prepared maps are, where that is not certain.

    Args:
        root: The user's folder.
        config: Name of the builder config, without its ending.

    Yields:
        What files show as a note; a problem where they contradict, or nothing shows it.
    """
    if not has_prepared(root, "validation", config) or config == "context459":
        return
    labels = prepared_tree(root, "validation", config).labels
    assert labels is not None
    maps, found = labels.path, labels.files()
    if not found:
        return
    place = maps.parents[1] if maps.name == "pc59_val" else voc_folder(root)
    try:
        if maps.name == "pc59_val":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # told below
                order_of_labels(maps, found, config)
        seen, told = order_of(found, place, voc_first(place))
    except ManualFileError as error:
        text = str(error).removeprefix(f"{maps}: ")
        yield Problem(ORDER, str(maps), text, advice=ORDER_ADVICE)
        return
    if seen == VOC and maps.name != "pc59_val":
        text = f"{told} only where the classes are {ORDERS[VOC]}; this folder is read otherwise"
        yield Problem(ORDER, str(maps), text, advice=ORDER_ADVICE)
    elif seen:
        yield Problem(ORDER, str(maps), f"{ORDERS[seen]}; {told}", False)


def mat_checks(root: epath.Path, config: str, split: str) -> None:
    """Checks the lists beside MATLAB files.

    Raises:
        ManualFileError: Nothing says which photos are of the split, or numbers are others.
    """
    reads_mat = config in ("context459", "context59_mat")
    if not reads_mat or has_prepared(root, split, config):
        return
    place = voc_folder(root)
    listed_photos(place, split)
    if config == "context59_mat" and (place / LABELS).is_file():
        check_numbers(place / LABELS)
