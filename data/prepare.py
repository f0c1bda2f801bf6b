"""Understands a folder of photos and annotations of your own, and says how to train with it.

  ovseg data prepare PHOTOS

Known are COCO instances and COCO panoptic files (one, or a pair for training and validation),
LabelMe's files, YOLO's polygons, and label maps with a file of names. Writes `manifest.json`, and
`classes.txt` where training does not read the classes from the annotations; one that says something
else is refused. What is left out is told, with the first names. Photos whose files or folders are
called val, valid, validation or test are held out; where none are, every fifth is.
"""

from __future__ import annotations

import argparse
import collections
import json
import shlex
from collections.abc import Sequence
from pathlib import Path

from etils import epath

from data.label_names import difference, read_label_names
from data.manual_files import ManualFileError
from data.own.found import Found
from data.own.layouts import find
from data.own.photos import splits_of
from data.photo_set.annotations import classes_of_set
from data.photo_set.class_file import CLASSES, written
from data.photo_set.manifest import MANIFEST
from ovseg_jax.disk.atomic import write_atomically
from ovseg_jax.foundation.errors import OvsegError, first_few, printable
from ovseg_jax.vocabulary.classes import ClassList, load_class_file
from ovseg_jax.vocabulary.matching import SHOWN, finder, folded


def main(argv: Sequence[str] | None = None, program: str | None = None) -> None:
    """Parses the command line, writes what is needed and prints what to type next.

    Args:
        argv: The arguments; those of the process when None.
        program: What usage messages call the program.
    """
    parser = argparse.ArgumentParser(
        prog=program,
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, help="photos and annotations")
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace another manifest.json, and a classes.txt that contradicts the annotations",
    )
    options = parser.parse_args(argv)
    try:
        print(printable(prepare(options.folder, overwrite=options.overwrite)))
    except OvsegError as error:
        parser.exit(2, printable(f"ovseg: error: {error}\n"))


def prepare(root: Path, *, overwrite: bool = False) -> str:
    """Writes the list of a folder's photos and, where it is needed, of its classes.

    Args:
        root: The folder.
        overwrite: Whether a list that says something else is replaced.

    Returns:
        What was found, and what to type to train with it.

    Raises:
        ManualFileError: There is no such folder, nothing is known in there, or it has another list.
    """
    if not root.is_dir():
        raise ManualFileError(f"{root}: there is no such folder")
    found = find(root)
    classes = None if found.classes is None else _class_text(root, found, overwrite=overwrite)
    splits = splits_of(found.held_out)
    pairs = zip(found.entries, splits, strict=True)
    entries = [entry | {"split": split} for entry, split in pairs]
    _write(root / MANIFEST, json.dumps(entries, indent=1, ensure_ascii=False), overwrite)
    if classes is not None:
        _write(root / CLASSES, classes, overwrite=True)
    return _report(root, found, splits)


def _class_text(root: Path, found: Found, *, overwrite: bool) -> str | None:
    """Returns what `classes.txt` has to say; None where it says so already.

    Raises:
        ManualFileError: It contradicts the annotations, or a name cannot be written.
    """
    assert found.classes is not None
    text, file = written(found.classes), root / CLASSES
    if not file.is_file():
        return text
    wrong = _contradiction(file, found, found.classes)
    if wrong and not overwrite:
        raise ManualFileError(
            f"{file} contradicts {found.source}: {wrong}; with another list classes would change "
            "places. Where it is out of date, replace it with --overwrite or delete it"
        )
    return text if wrong else None


def _contradiction(file: Path, found: Found, classes: ClassList) -> str:
    """Says the first difference between a class file and the annotations; empty for none."""
    try:
        if not found.by_word:
            return difference(read_label_names(file), classes)
        listed = load_class_file(file)
    except OvsegError as error:
        return f"it cannot be read: {error}"
    often = collections.Counter(map(folded, listed.names))
    if alike := [name for name, count in often.items() if count > 1]:
        return f"it lists {alike[0]!r} twice, written in two ways"
    find = finder(listed)
    lost = [name for name in classes.names if find(name) is None]
    return f"it lacks {lost[0]!r}" if lost else ""


def _write(path: Path, text: str, overwrite: bool) -> None:
    """Writes a file, unless there is one that says something else."""
    if path.is_file() and path.read_text(encoding="utf-8").strip() == text.strip():
        return
    if path.exists() and not overwrite:
        raise ManualFileError(
            f"{path}: is there already and says something else; keep it and train with it, or "
            "replace it with --overwrite"
        )
    write_atomically(path.absolute(), lambda file: file.write(f"{text}\n".encode()))


def _report(root: Path, found: Found, splits: Sequence[str]) -> str:
    """What was found and the options to train with."""
    count = collections.Counter(splits)
    classes = classes_of_set(epath.Path(root), found.set_name, found.entries)
    place, held = shlex.quote(str(root)), "validation" if count["validation"] else "train"
    notes = found.notes
    if not count["validation"]:
        notes += ("too few photos to hold one out: scores are those of photos trained on",)
    told = "".join(f"note: {note}\n" for note in notes)
    return f"""{found.kind}: {len(splits)} photos, {count["train"]} to train on, \
{count["validation"]} held out
{len(classes)} classes: {first_few(classes.names, SHOWN)}
{told}written to {root / MANIFEST}

train and score with
  --data.root {place}
  --data.config {found.set_name}
  --data.split train
  --evaluations.0.data.split {held}

for example
  ovseg train configs/own_photos.py --workdir runs/mine --data.root {place} \
--data.config {found.set_name} --data.split train --evaluations.0.data.split {held}"""
