"""What a few lines of YAML say about folders of photos and label maps, checked and found."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data.fingerprints import content_hash
from data.label_maps import fields
from data.label_maps.coding import Coding
from data.label_maps.coding_fields import coding_of
from data.label_maps.names import interesting, read_classes
from data.label_maps.pairs import LABEL_SUFFIXES, PHOTO_SUFFIXES, Folders, find_pairs
from data.manual_files import ManualFileError
from ovseg_jax.vocabulary.classes import ClassList

APART = (
    "what is trained on is scored too, so scores say little; give each split a folder of its own"
)


@dataclasses.dataclass(frozen=True)
class Description:
    """Folders of photos and label maps.

    Attributes:
        name: What the records are called, before their fingerprint.
        classes: The classes whose positions are the categories.
        coding: What labels mean.
        splits: Where the files of each split lie.
        counts: How many photos splits should have, where that is known.
        interest: Names of the classes that a score of their own is given for; mostly none.
    """

    name: str
    classes: ClassList
    coding: Coding
    splits: Mapping[str, Folders]
    counts: Mapping[str, int] = dataclasses.field(default_factory=dict)
    interest: tuple[str, ...] = ()

    def fingerprint(self) -> str:
        """Returns 12 hexadecimal digits that stand for all that the records depend on.

        Where the folders lie does not count, so that a copy has the same.

        Raises:
            ManualFileError: See `find_pairs`.
        """
        classes = [[x.synonyms, x.is_thing] for x in self.classes.classes]
        remap = sorted((self.coding.remap or {}).items())
        coding = [self.coding.first, self.coding.ignore, self.coding.remap is None, remap]
        digest = hashlib.sha256(json.dumps([classes, coding]).encode())
        for split, folders in self.splits.items():
            for pair in find_pairs(folders):
                digest.update(json.dumps([split, pair.name]).encode())
                digest.update(content_hash(pair.photo) + content_hash(pair.labels))
        return digest.hexdigest()[:12]


def describe(file: Path, root: Path, name: str, *, is_ours: bool = False) -> Description:
    """Reads a description.

    Args:
        file: YAML or JSON.
        root: The user's folder, from which paths in it start; else they start beside the file.
        name: What the records are called.
        is_ours: Whether the file is shipped with the package, so that nothing lies beside it.

    Raises:
        ManualFileError: It is damaged, has unknown or wrong fields, or its folders are missing.
    """
    content, where = fields.read_fields(file), str(file)
    sections = _sections(content, where)
    own = fields.text_of(content, "root", where)
    starts = [root] if is_ours else [root, file.parent]
    choices = [place for start in starts for place in (start / own, start)]
    photos = [section["photos"] for section in sections.values()]
    base = _base(list(dict.fromkeys(choices)), photos, where)
    classes, labels = read_classes(content, [file.parent, base], where)
    return Description(
        re.sub(r"[^\w.]+", "_", name),
        classes,
        coding_of(content, classes, where, labels),
        {split: _folders(section, content, base, where) for split, section in sections.items()},
        {split: n for split, x in sections.items() if (n := fields.count_of(x, where))},
        interesting(content, classes, where),
    )


def shared_folders(found: Description) -> list[str]:
    """Says of each two splits whether one's photos are among the other's."""
    places = [(split, x.photos.resolve()) for split, x in found.splits.items()]
    return [
        f"the photos of {one!r} and of {other!r} are those of {first}"
        for number, (one, first) in enumerate(places)
        for other, second in places[number + 1 :]
        if first.is_relative_to(second) or second.is_relative_to(first)
    ]


def _sections(content: Mapping[str, Any], where: str) -> dict[str, dict[str, Any]]:
    """Returns the fields of each split; without `splits` everything is for training."""
    splits = content.get("splits")
    if splits is None:
        splits = {"train": {key: content[key] for key in fields.SPLIT_FIELDS if key in content}}
    elif twice := [key for key in fields.SPLIT_FIELDS if key in content]:
        raise ManualFileError(f"{where}: {twice[0]!r} stands beside 'splits'; put it inside")
    if not isinstance(splits, dict) or not splits:
        raise ManualFileError(f"{where}: 'splits' should name splits such as train and validation")
    for split, section in splits.items():
        place = f"{where}: split {split}" if "splits" in content else where
        if not isinstance(split, str) or not re.fullmatch(r"[A-Za-z]\w*", split):
            raise ManualFileError(f"{where}: a split cannot be called {fields.shown(split)}")
        fields.check_keys(section, fields.SPLIT_FIELDS, place)
        for key in ("photos", "labels"):
            if not fields.text_of(section, key, place):
                raise ManualFileError(f"{place}: {key!r} is missing; give the folder of the {key}")
    return splits


def _base(choices: Sequence[Path], photos: Sequence[str], where: str) -> Path:
    """Returns the folder from which the paths in a description start."""
    for place in choices:
        if any((place / name).is_dir() for name in photos):
            return place
    places = " or ".join(str(place / photos[0]) for place in choices)
    raise ManualFileError(f"{where}: there is no folder of photos {places}")


def _folders(
    section: Mapping[str, Any], content: Mapping[str, Any], base: Path, where: str
) -> Folders:
    partial = content.get("partial", False)
    if not isinstance(partial, bool):
        raise ManualFileError(f"{where}: 'partial' should be true or false")
    return Folders(
        base / section["photos"],
        base / section["labels"],
        fields.texts_of(content, "photo_suffix", where) or PHOTO_SUFFIXES,
        fields.texts_of(content, "label_suffix", where) or LABEL_SUFFIXES,
        partial,
    )
