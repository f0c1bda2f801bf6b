"""Which description is meant: one in the folder, one of the package, any file, or none needed."""

from __future__ import annotations

import difflib
from pathlib import Path

from data.label_maps.coding_fields import coding_of
from data.label_maps.description import Description, describe
from data.label_maps.names import given_labels, with_things
from data.label_maps.pairs import Folders
from data.label_names import read_label_names
from data.manual_files import ManualFileError
from ovseg_jax.disk import shipped
from ovseg_jax.foundation.errors import first_few

SHIPPED = shipped.CONFIGS / "data"
ENDINGS = (".yaml", ".yml", ".json")
USUAL = "dataset"
"""The description of a folder, before its ending."""
FOLDER = "folder"
"""The config of a folder that needs no name: its usual description, or its usual tree."""
PHOTOS, LABELS = ("photos", "images"), ("labels", "annotations", "masks")
NAMES = "classes.txt"
SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""The split of a folder of this name."""


def choose(root: str, name: str = "") -> Description:
    """Returns the description of a folder.

    Args:
        root: The user's folder.
        name: Of a description in it, or in `configs/data` of the package, without ending; or the
            path of one; empty for the usual one.

    Raises:
        ManualFileError: There is none, or it does not fit the folder.
    """
    if not root:
        raise ManualFileError("label_maps: no folder of photos and label maps given")
    folder = Path(root)
    if name not in ("", FOLDER):
        return _named(folder, name)
    file = _with_ending(folder / USUAL)
    return _by_tree(folder) if file is None else describe(file, folder, folder.absolute().name)


def _named(folder: Path, name: str) -> Description:
    own = _with_ending(folder / name)
    if own is not None:
        return describe(own, folder, own.stem)
    ours = _with_ending(SHIPPED / name)
    if ours is not None:
        return describe(ours, folder, name, is_ours=True)
    path = shipped.find_config(Path(name).expanduser())
    if path.is_file():
        ours_too = path.resolve().is_relative_to(SHIPPED)
        return describe(path, folder, path.stem, is_ours=ours_too)
    known = [*_in(folder), *shipped_names()]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; perhaps you meant {near[0]!r}" if near else ""
    raise ManualFileError(
        f"label_maps: no description {name!r} in {folder} or in the package{hint}; known: "
        f"{', '.join(known)}"
    )


def shipped_names() -> list[str]:
    """Returns the names of the descriptions in the package, sorted."""
    files = (path for path in SHIPPED.rglob("*") if path.suffix in ENDINGS)
    return sorted(path.relative_to(SHIPPED).with_suffix("").as_posix() for path in files)


def _in(folder: Path) -> list[str]:
    files = (path for ending in ENDINGS[:2] for path in folder.glob(f"*{ending}"))
    return sorted(path.stem for path in files)


def _with_ending(path: Path) -> Path | None:
    """Returns the file of a path, with or without one of the endings."""
    choices = [path.with_name(path.name + ending) for ending in ENDINGS]
    choices = [path, *choices] if path.suffix in ENDINGS else choices
    return next((choice for choice in choices if choice.is_file()), None)


def _by_tree(folder: Path) -> Description:
    """Describes a folder with photos, labels and names in their usual places."""
    photos = next((folder / name for name in PHOTOS if (folder / name).is_dir()), None)
    labels = next((folder / name for name in LABELS if (folder / name).is_dir()), None)
    if photos is None or labels is None or not (folder / NAMES).is_file():
        others = ", ".join(_in(folder))
        hint = f"; give one of {others} as config" if others else ""
        raise ManualFileError(
            f"{folder}: expected {USUAL}.yaml, or a folder {' or '.join(PHOTOS)}, a folder "
            f"{' or '.join(LABELS)} and {NAMES} (line n names label n - 1){hint}; see "
            "data/label_maps/README.md"
        )
    classes = with_things(read_label_names(folder / NAMES), ())
    coding = coding_of({}, classes, str(folder), given_labels(classes))
    splits = {split: Folders(photos / part, labels / part) for split, part in _parts(photos)}
    return Description(FOLDER, classes, coding, splits)


def _parts(photos: Path) -> list[tuple[str, str]]:
    """Returns split and subfolder of each split; one split where no subfolder is called so."""
    inner = sorted(path.name for path in photos.iterdir() if path.is_dir())
    parts = [(SPLITS[name.lower()], name) for name in inner if name.lower() in SPLITS]
    if not parts:
        return [("train", "")]
    stray = [name for name in inner if name.lower() not in SPLITS]
    if stray or len(dict(parts)) < len(parts):
        raise ManualFileError(
            f"{photos}: its folders {first_few(inner)} do not tell the splits apart; say where "
            f"each lies in {USUAL}.yaml"
        )
    return sorted(parts, key=lambda part: list(SPLITS.values()).index(part[0]))
