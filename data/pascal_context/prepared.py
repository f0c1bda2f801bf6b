"""Folders of label maps that people have prepared of PASCAL-Context, and their class orders."""

from __future__ import annotations

import numpy as np
from etils import epath

from data.checks.layout import OtherForm
from data.checks.of_trees import maps_of_table
from data.label_map_files import Files, first_folder, label_table, maps_in, photos_of
from data.manual_files import ManualFileError
from data.pascal_context.evidence import ALPHABET, VOC, order_of
from data.pascal_context.matlab import FOLDER
from data.pascal_context.merged import MERGED
from data.pascal_context.orders import voc_first
from data.trees import Folder, Tree
from ovseg_jax.foundation.errors import warn

FOLDERS = {"train": "training", "validation": "validation"}
VOID_459 = 2**16 - 1
ASKED = {"context59_alphabet": ALPHABET, "context59_voc": VOC}
"""Configs that say which order a folder `pc59_val` has."""
ORDERS = {
    ALPHABET: "by the alphabet, as CAT-Seg has them (label 1 is 'bag')",
    VOC: "VOC's classes first, as OVSeg has them (label 1 is 'bicycle')",
}
ORDERING = ("59_labels.txt", MERGED)
"""Files by which the order of classes in OVSeg's and CAT-Seg's folder may be known."""
RAW_HINT = (
    "{0} is the publisher's number of the last class, who counts from 1 and has 0 for void; "
    "prepared maps count from 0 and have {1} for void"
)


def voc_folder(root: epath.Path) -> epath.Path:
    """Returns the folder VOC2010."""
    return first_folder([root / "VOCdevkit" / "VOC2010", root / "VOC2010", root], "VOC2010")


def has_prepared(root: epath.Path, split: str, config: str) -> bool:
    """Whether maps are there that the config wants rather than the publisher's files."""
    if config == "context59_mat":
        return False
    if config in ASKED:
        return True
    many = config == "context459"
    if _of_fc_clip(root, split, many):
        return True
    published = voc_folder(root) / (FOLDER if many else MERGED)
    return _of_others(root, many).is_dir() and not published.exists()


def prepared_tree(root: epath.Path, split: str, config: str) -> Tree:
    """Says where prepared maps lie; the order of 59 classes is asked elsewhere.

    Args:
        root: The user's folder.
        split: "train" or "validation".
        config: Name of the builder config, without its ending.
    """
    many = config == "context459"
    ending = ".tif" if many else ".png"
    table, hint = _table(many)
    raw = OtherForm(459 if many else 59, "raw labels where prepared ones are expected", hint)
    own = [] if config in ASKED else _of_fc_clip(root, split, many)
    maps = own[0] if own else _of_others(root, many)
    photos = maps.parents[1] / "images" / FOLDERS[split] if own else maps.parents[1] / "JPEGImages"
    known = maps_of_table(table, 16 if many else 8, (raw,))
    others = () if many or own else tuple(maps.parents[1] / name for name in ORDERING)
    labels = Folder((maps,), "the label maps", ending)
    only = None if own else frozenset(labels.files())
    return Tree(Folder((photos,), "the photos", ".jpg", only=only), labels, known, others=others)


def find_prepared(root: epath.Path, split: str, config: str) -> Files:
    """Finds prepared maps.

    Args:
        root: The user's folder.
        split: "train" or "validation".
        config: Name of the builder config, without its ending.

    Raises:
        ManualFileError: There are none, photos are missing, or it is not known which order the 59
            classes have.
    """
    many, tree = config == "context459", prepared_tree(root, split, config)
    assert tree.labels is not None
    maps, (table, hint) = tree.labels.path, _table(many)
    if maps == _of_others(root, many) and split == "train":
        raise ManualFileError(f"{maps}: only validation is prepared there")
    found = maps_in(maps, tree.labels.ending)
    if maps == _of_others(root, many) and not many:
        table[:59] = order_of_labels(maps, found, config)
    photos = photos_of(found, tree.photos.path)
    return Files(photos, found, table, 16 if many else 8, hint)


def _table(many: bool) -> tuple[np.ndarray, str]:
    if many:
        return label_table(0, 459, [VOID_459], VOID_459 + 1), RAW_HINT.format(459, VOID_459)
    return label_table(0, 59, [255]), RAW_HINT.format(59, 255)


def _of_fc_clip(root: epath.Path, split: str, many: bool) -> list[epath.Path]:
    """Where FC-CLIP's family keeps its maps."""
    name = "annotations_ctx459" if many else "annotations_ctx59"
    places = (root / "pascal_ctx_d2", root)
    return [p for place in places if (p := place / name / FOLDERS[split]).is_dir()]


def _of_others(root: epath.Path, many: bool) -> epath.Path:
    """Where OVSeg and CAT-Seg keep theirs."""
    return voc_folder(root) / "annotations_detectron2" / ("pc459_val" if many else "pc59_val")


def order_of_labels(maps: epath.Path, found: dict[str, epath.Path], config: str) -> np.ndarray:
    """Returns the class of each label: what the config says, where nothing shows otherwise.

    Args:
        maps: The folder `pc59_val`.
        found: The maps in it.
        config: Name of the builder config, without its ending.

    Raises:
        ManualFileError: Files show another order than the config says, or nothing says which.
    """
    place = maps.parents[1]
    voc_order = voc_first(place)
    seen, told = order_of(found, place, voc_order)
    asked = ASKED.get(config, "")
    if seen and asked and seen != asked:
        raise ManualFileError(
            f"{maps}: {config} reads the classes {ORDERS[asked]}, but {told} only where they are "
            f"read {ORDERS[seen]}: --config context59_{seen}"
        )
    if seen and not asked:
        warn(f"{maps}: the classes are read {ORDERS[seen]}; {told}")
    if not (seen or asked):
        raise ManualFileError(_question(maps))
    return voc_order if (asked or seen) == VOC else np.arange(59, dtype=np.int32)


def _question(maps: epath.Path) -> str:
    return (
        f"{maps}: OVSeg and CAT-Seg write 59 classes there in different orders, and the files do "
        "not say which. Is label 1 'bicycle' (VOC's classes first, as OVSeg has them): --config "
        "context59_voc; is it 'bag' (by the alphabet, as CAT-Seg has them): --config "
        f"context59_alphabet; or put VOC2010's SegmentationClass/, {FOLDER}/*.mat or {MERGED} "
        f"into {maps.parents[1]}, which show it"
    )
