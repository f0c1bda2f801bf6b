"""The file that names the classes of a folder: read, and written so that it is read the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from etils import epath

from data.label_names import label_names, labels_of, read_label_names
from data.manual_files import ManualFileError, require_file
from ovseg_jax.vocabulary.class_list import ClassList, VocabularyError
from ovseg_jax.vocabulary.classes import load_class_file

CLASSES = "classes.txt"
"""Where classes are named, beside the manifest: line n names class n - 1, or "7: name" class 7."""
NUMBERED = ("labels", "panoptic")
"""Sets whose annotations hold the numbers of `classes.txt`; those of "masks" hold words."""


def read_class_list(root: epath.Path, set_name: str) -> ClassList:
    """Returns the classes that `classes.txt` names.

    Args:
        root: Folder of the photos.
        set_name: A set whose annotations do not name their classes.

    Raises:
        ManualFileError: It is missing or damaged, or does not say which number a name has.
    """
    path = Path(require_file(root / CLASSES, "the names of the labels"))
    if set_name in NUMBERED:
        return read_label_names(path)
    try:
        return load_class_file(path)
    except VocabularyError as error:
        raise ManualFileError(str(error)) from error


def written(classes: ClassList) -> str:
    """Returns the text of a class file: a line per class, or JSON where that would be misread.

    Raises:
        ManualFileError: A name cannot be written so that it is read as it is.
    """
    labels, rows = labels_of(classes), [entry.synonyms for entry in classes.classes]
    plain = labels == tuple(range(len(labels)))
    starts = ["" if plain else f"{label}: " for label in labels]
    lines = [f"{start}{', '.join(row)}" for start, row in zip(starts, rows, strict=True)]
    text, document = "\n".join(lines), dict(zip(map(str, labels), map(list, rows), strict=True))
    if _read(text) == (labels, rows):
        return text
    text = json.dumps({"names": document}, indent=1, ensure_ascii=False)
    if _read(text) == (labels, rows):
        return text
    raise ManualFileError(
        f"{_misread(rows)} cannot be written to {CLASSES} so that it is read as it is; rename it"
    )


def _read(text: str) -> tuple[tuple[int, ...], list[tuple[str, ...]]] | None:
    """Returns labels and names as they are read; None where they are not."""
    try:
        classes = label_names(text, Path(CLASSES))
    except (ManualFileError, VocabularyError):
        return None
    return labels_of(classes), [entry.synonyms for entry in classes.classes]


def _misread(rows: Sequence[tuple[str, ...]]) -> str:
    """The first class that is not read as it is, when it stands alone."""
    alone = ((row, json.dumps({"names": {"0": list(row)}})) for row in rows)
    wrong = next((row for row, text in alone if _read(text) != ((0,), [row])), rows[0])
    return f"the class {', '.join(wrong)!r}"
