"""Where Mapillary Vistas lies: the tree of v1.2, MaskCLIP++'s, and the download of v2.0."""

from __future__ import annotations

from etils import epath

from data.checks.layout import IDS, LabelMaps, OtherForm
from data.checks.lists import by_names, panoptic_list
from data.checks.of_trees import maps_of_table
from data.label_map_files import label_table
from data.trees import Folder, Tree
from ovseg_jax.vocabulary.classes import ClassList

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
V2 = OtherForm(
    123,
    "labels of v2.0",
    "they have 124 classes; the published protocol has the 65 of v1.2, in the same download",
)


def places(root: epath.Path, split: str) -> tuple[epath.Path, ...]:
    """Returns the folder of a split, also where the set lies one level off."""
    choices = root / FOLDERS[split], root / "mapillary_vistas" / FOLDERS[split]
    return tuple(path for path in choices if path.is_dir())[:1] or choices


def maps_of(place: epath.Path, kind: str) -> tuple[epath.Path, epath.Path]:
    """Returns where the maps of v1.2 may lie, that which is there first.

    Args:
        place: Folder of the split.
        kind: "labels" or "panoptic".
    """
    inside, usual = place / "v1.2" / kind, place / kind
    return (inside, usual) if inside.is_dir() else (usual, inside)


def tree_of(root: epath.Path, split: str, classes: ClassList | None) -> Tree:
    """Says where the files of a split lie.

    Args:
        root: The user's folder.
        split: "train" or "validation".
        classes: For panoptic maps, what their categories are found in; None for semantic maps.
    """
    found = places(root, split)
    photos = Folder(tuple(place / "images" for place in found), "the photos", ".jpg")
    kind = "labels" if classes is None else "panoptic"
    maps = Folder(maps_of(found[0], kind), f"the {kind} maps", ".png")
    if classes is None:
        legal = maps_of_table(label_table(0, CLASSES, [UNLABELED]), others=(V2,), palette=True)
        return Tree(photos, maps, legal, expected=COUNTS[split])
    read_list = panoptic_list(by_names(classes, SPELLINGS, VOID_NAMES))
    lists = (maps.path / PANOPTIC, maps.path.parent / PANOPTIC)
    return Tree(photos, maps, LabelMaps(IDS), lists, read_list, expected=COUNTS[split])
