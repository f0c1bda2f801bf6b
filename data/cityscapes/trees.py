"""Where Cityscapes lies: the publisher's maps, and what cityscapesScripts derives from them."""

from __future__ import annotations

import dataclasses

from etils import epath

from data.checks.layout import IDS, LabelMaps, OtherForm
from data.checks.lists import by_names, panoptic_list
from data.checks.of_trees import maps_of_table
from data.cityscapes.labels import (
    HIGHEST_LABEL,
    PER_LABEL,
    PRESET,
    class_of_instance,
    label_id_table,
    train_id_table,
)
from data.trees import Folder, Tree, with_parts
from ovseg_jax.vocabulary.classes import load_preset

COUNTS = {"train": 2975, "validation": 500}
"""Photos of the published set."""
FOLDERS = {"train": "train", "validation": "val"}
PHOTO = "_leftImg8bit.png"
TRAIN_IDS, LABEL_IDS, INSTANCE_IDS = (
    f"_gtFine_{kind}.png" for kind in ("labelTrainIds", "labelIds", "instanceIds")
)
MADE, PANOPTIC = "cityscapes_panoptic_{}", "_gtFine_panoptic.png"
ENDINGS = ("", "_trainId")
"""Of folders of panoptic maps, without and with `--use-train-id`; their lists have names."""
GIVEN_TRAIN_IDS = OtherForm(
    18,
    "train ids where label ids are expected",
    f"they go from 0 to 18, and 255 is void: call such files *{TRAIN_IDS}, or get the publisher's",
    ignore=255,
)
GIVEN_LABEL_IDS = OtherForm(
    HIGHEST_LABEL,
    "label ids where train ids are expected",
    f"they go from 0 to 33: call such files *{LABEL_IDS}, or make train ids with "
    "createTrainIdLabelImgs.py",
)


def places(root: epath.Path) -> tuple[epath.Path, ...]:
    """Returns the folder of `leftImg8bit` and `gtFine`, also where it lies one level off."""
    return with_parts((root, root / "cityscapes", root / "cityscape"), "leftImg8bit")


def made_maps(place: epath.Path, split: str) -> epath.Path | None:
    """Returns the folder of panoptic maps that were made; None where none were."""
    made = (place / "gtFine" / f"{MADE.format(FOLDERS[split])}{ending}" for ending in ENDINGS)
    return next((path for path in made if path.with_suffix(".json").is_file()), None)


def semantic_trees(found: tuple[epath.Path, ...], split: str) -> dict[str, Tree]:
    """Says where semantic maps lie: train ids where they were made, else label ids.

    Args:
        found: See `places`.
        split: "train" or "validation".

    Returns:
        One tree; two where train ids were made for some photos only.
    """
    made = _tree(found, split, TRAIN_IDS)
    assert made.labels is not None
    published = _tree(found, split, LABEL_IDS)
    assert published.labels is not None
    legal = maps_of_table(label_id_table(), others=(GIVEN_TRAIN_IDS,))
    published = dataclasses.replace(published, maps=legal)
    legal = maps_of_table(train_id_table(), others=(GIVEN_LABEL_IDS,))
    made = dataclasses.replace(made, maps=legal)
    names = set(made.labels.files())
    rest = set(made.photos.files()) - names
    if not names or not rest & set(published.labels.files()):
        return {split: made if names else published}
    expected = COUNTS[split] - len(rest)
    return {
        split: dataclasses.replace(_only(made, names), expected=expected),
        f"{split}, label ids": dataclasses.replace(_only(published, rest), expected=None),
    }


def panoptic_tree(found: tuple[epath.Path, ...], split: str) -> Tree:
    """Says where panoptic maps lie: those that were made, else maps of instances.

    Args:
        found: See `places`.
        split: "train" or "validation".
    """
    maps = made_maps(found[0], split)
    if maps is None:
        highest = (HIGHEST_LABEL + 1) * PER_LABEL - 1
        legal = LabelMaps(16, highest=highest, ignore=frozenset(), index=class_of_instance)
        return dataclasses.replace(_tree(found, split, INSTANCE_IDS), maps=legal)
    return dataclasses.replace(
        _tree(found, split, INSTANCE_IDS),
        labels=Folder((maps,), "the panoptic maps", PANOPTIC),
        maps=LabelMaps(IDS),
        lists=(maps.with_suffix(".json"),),
        read_list=panoptic_list(by_names(load_preset(PRESET)), PANOPTIC),
    )


def _tree(found: tuple[epath.Path, ...], split: str, ending: str) -> Tree:
    """Files of a photo lie in a folder of its city."""
    photos = tuple(place / "leftImg8bit" / FOLDERS[split] for place in found)
    labels = tuple(place / "gtFine" / FOLDERS[split] for place in found)
    return Tree(
        Folder(photos, "the photos", PHOTO, deep=True),
        Folder(labels, f"the maps *{ending}", ending, deep=True),
        expected=COUNTS[split],
    )


def _only(tree: Tree, names: set[str]) -> Tree:
    assert tree.labels is not None
    photos, labels = (dataclasses.replace(x, only=names) for x in (tree.photos, tree.labels))
    return dataclasses.replace(tree, photos=photos, labels=labels)
