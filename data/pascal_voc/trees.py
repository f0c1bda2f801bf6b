"""Where PASCAL VOC 2012 lies: the publisher's tree, FC-CLIP's, and OVSeg's and CAT-Seg's."""

from __future__ import annotations

import dataclasses

import numpy as np
from etils import epath

from data.checks.layout import OtherForm
from data.checks.lists import text_list
from data.checks.of_trees import maps_of_table
from data.label_map_files import label_table
from data.trees import Folder, Tree, with_parts

LISTS = {"train": "train.txt", "validation": "val.txt"}
FOLDERS = {"train": "training", "validation": "validation"}
COUNTS = {"train": 1464, "validation": 1449}
"""Photos of the published set."""
PUBLISHED, PREPARED = "SegmentationClass", "annotations_detectron2"
BORDER = 255
HINT = (
    "the publisher's maps hold 0 to 20, prepared ones of 20 classes 0 to 19, all of them 255; are "
    "these raw maps in a prepared folder, or maps of another set?"
)
RAW = OtherForm(20, "raw labels where prepared ones are expected", HINT, ignore=BORDER)
CONTEXT = OtherForm(
    58,
    "labels of another set",
    "they reach as far as those of 59 classes, as PASCAL-Context's do; give those of VOC 2012",
    ignore=BORDER,
)


def tree_of(root: epath.Path, split: str, background: bool) -> Tree:
    """Says where the files of a split lie, in the order in which the reader looks.

    Args:
        root: The user's folder.
        split: "train" or "validation".
        background: Whether background is a class.
    """
    name = f"annotations_pascal{21 if background else 20}"
    for place in (root / "pascal_voc_d2", root):
        if (place / name / FOLDERS[split]).is_dir():
            photos = place / "images" / FOLDERS[split]
            return _tree((photos,), (place / name / FOLDERS[split],), split, background)
    choices = root / "VOCdevkit" / "VOC2012", root / "VOC2012", root
    found = with_parts(choices, "JPEGImages", PUBLISHED, PREPARED)
    photos = tuple(place / "JPEGImages" for place in found)
    prepared = found[0] / f"{PREPARED}{'_bg' if background else ''}" / "val"
    published = tuple(place / PUBLISHED for place in found)
    if not published[0].is_dir() and prepared.is_dir() and split == "validation":
        return _tree(photos, (prepared,), split, background)
    lists = tuple(place / "ImageSets" / "Segmentation" / LISTS[split] for place in found)
    return _tree(photos, published, split, background, lists)


def _tree(
    photos: tuple[epath.Path, ...],
    labels: tuple[epath.Path, ...],
    split: str,
    background: bool,
    lists: tuple[epath.Path, ...] = (),
) -> Tree:
    """A list of names says what belongs to a split of the publisher's tree."""
    listed = lists[0].read_text().split() if lists and lists[0].is_file() else None
    only = None if listed is None else frozenset(listed)
    if labels[0].parent.name.startswith(PREPARED):  # beside photos of all kinds
        only = frozenset(Folder(labels, "", ".png").files())
    others = (CONTEXT,) if lists or background else (RAW, CONTEXT)
    tree = Tree(
        Folder(photos, "the photos", ".jpg", only=only),
        Folder(labels, "the label maps", ".png", only=only),
        lists=lists,
        read_list=text_list if lists else None,
        expected=COUNTS[split],
    )
    return dataclasses.replace(
        tree, maps=maps_of_table(table_of(tree, background), others=others, palette=bool(lists))
    )


def table_of(tree: Tree, background: bool) -> np.ndarray:
    """Returns int32 [256]: the class of each label, by the place of the maps.

    OVSeg and CAT-Seg count classes from 0; background, where CAT-Seg has it, comes last.
    """
    assert tree.labels is not None
    folder = tree.labels.path
    if folder.name == PUBLISHED and not background:
        return label_table(1, 20, [0, BORDER])
    table = label_table(0, 21 if background else 20, [BORDER])
    if background and folder.parent.name == f"{PREPARED}_bg":
        table[:20] += 1
        table[20] = 0
    return table


def nothing_found(root: epath.Path, split: str, background: bool) -> str:
    """Says what was looked for where none of the trees is there."""
    return (
        f"{root}: holds neither SegmentationClass/ (in VOCdevkit/VOC2012) nor "
        f"annotations_pascal{21 if background else 20}/{FOLDERS[split]} (in pascal_voc_d2)"
    )
