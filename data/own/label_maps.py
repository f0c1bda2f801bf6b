"""Label maps in a folder of their own, and a file that names their numbers."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from etils import epath

from data.label_maps.pairs import LABEL_SUFFIXES
from data.label_names import labels_of
from data.label_pictures import stored_labels
from data.manual_files import ManualFileError
from data.own.files import Folder, left_out
from data.own.found import Found, entry_of
from data.own.names import NAME_FILES, numbered_names
from data.own.photos import LABEL_FOLDERS, Photos, is_held_out, is_label
from data.photo_set.labels import BINARY, IGNORED, MODES
from ovseg_jax.vocabulary.classes import ClassList

PHOTO_FOLDERS = ("images", "image", "photos", "photo", "img", "imgs", "jpegimages", "rgb")
"""Folders, in any case, that say of photos no more than that they are photos."""
LOOKED_AT = 200
"""So many maps are looked into, evenly spread; `ovseg data check` reads all."""
LOSSY = (".jpg", ".jpeg", ".webp", ".avif")
Key = tuple[str, ...]


def label_maps(folder: Folder) -> Found | None:
    """Label maps, of the same names as their photos."""
    root = folder.root
    maps = [x for x in folder.paths if x.suffix.lower() in LABEL_SUFFIXES and is_label(x)]
    photos = Photos(folder).paths
    if not maps or not photos:
        _refuse_lossy(folder)
        return None
    pairs = _paired(root, photos, maps)
    classes, source, unread = numbered_names(root)
    if classes is None:
        raise ManualFileError(
            f"{root}: has label maps, such as {root / maps[0]}, and no names for their "
            f"numbers; write {root / NAME_FILES[0]}, line n for label n - 1"
        )
    _refuse_binary(root, list(pairs.values()), classes, source)
    entries = [entry_of(root, "labels", photo, label) for photo, label in pairs.items()]
    used = set(pairs.values())
    notes = unread + left_out(
        "photo", "without a label map, left out", [x for x in photos if x not in pairs]
    )
    notes += left_out("label map", "without a photo, left out", [x for x in maps if x not in used])
    if lowest := labels_of(classes)[0]:
        below = "label 0 is" if lowest == 1 else f"labels 0 to {lowest - 1} are"
        notes += (f"{below} no class, since {source} counts from {lowest}",)
    held_out = list(map(is_held_out, pairs))
    return Found("label maps", "labels", entries, held_out, classes, source, notes=notes)


def _refuse_lossy(folder: Folder) -> None:
    for path in folder.paths:
        if is_label(path) and path.suffix.lower() in LOSSY:
            raise ManualFileError(
                f"{folder.root / path}: lies among the labels and is a picture with losses, which "
                "changes labels; give PNG or TIFF files as they were drawn"
            )


def _paired(root: Path, photos: Sequence[Path], maps: Sequence[Path]) -> dict[Path, Path]:
    """Pairs by folders and name; by the name alone where only one photo and one map have it.

    Raises:
        ManualFileError: It could be several, or not one pair is found.
    """
    pairs = _matched(root, photos, maps, _key)
    taken = set(pairs.values())
    others = [path for path in maps if path not in taken]
    pairs |= _matched(root, [photo for photo in photos if photo not in pairs], others, _stem)
    if not pairs:
        raise ManualFileError(
            f"{root}: no label map is called like a photo: photos are called like "
            f"{str(photos[0])!r}, label maps like {str(maps[0])!r}; rename them alike, or say "
            "what follows the name in a dataset.yaml for label_maps ('label_suffix: _mask.png'; "
            "see data/label_maps/README.md)"
        )
    return {photo: pairs[photo] for photo in photos if photo in pairs}


def _matched(
    root: Path, photos: Sequence[Path], maps: Sequence[Path], key: Callable[[Path], Key]
) -> dict[Path, Path]:
    """Pairs photos and maps of one key; refuses two of either."""
    found, owners = _grouped(maps, key), _grouped(photos, key)
    for name in owners.keys() & found.keys():
        if len(owners[name]) > 1 or len(found[name]) > 1:
            raise ManualFileError(
                f"{root}: which label map is whose? Photos {_shown(owners[name])}; label maps "
                f"{_shown(found[name])}; give both the same folders, such as images/train and "
                "labels/train, or names that differ"
            )
    return {owners[name][0]: found[name][0] for name in owners.keys() & found.keys()}


def _grouped(paths: Sequence[Path], key: Callable[[Path], Key]) -> Mapping[Key, list[Path]]:
    found: dict[Key, list[Path]] = {}
    for path in paths:
        found.setdefault(key(path), []).append(path)
    return found


def _key(path: Path) -> Key:
    """Folders and name, without folders that only say whether it is a photo or a label."""
    telling = (x for x in path.parts[:-1] if x.lower() not in (*LABEL_FOLDERS, *PHOTO_FOLDERS))
    return tuple(unicodedata.normalize("NFC", part) for part in (*telling, path.stem))


def _stem(path: Path) -> Key:
    return (unicodedata.normalize("NFC", path.stem),)


def _shown(paths: Sequence[Path]) -> str:
    return " and ".join(map(str, paths[:3]))


def _refuse_binary(root: Path, maps: Sequence[Path], classes: ClassList, source: str) -> None:
    """Refuses masks of 0 and 255 whose foreground would be void, without a word."""
    if len(classes) < 2 or IGNORED in labels_of(classes):
        return
    chosen = maps[:: max(1, len(maps) // LOOKED_AT)]
    values: set[int] = set()
    for path in chosen:
        labels, _ = stored_labels(epath.Path(root / path), MODES)
        values |= set(np.unique(labels).tolist())
        if values - {0, IGNORED}:
            return
    if IGNORED in values:
        raise ManualFileError(
            f"{root}: label maps, such as {chosen[0]}, hold 0 and {IGNORED} only, and {source} "
            f"names {len(classes)} classes; {BINARY}"
        )
