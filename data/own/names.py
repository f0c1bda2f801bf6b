"""Files of names in a folder of one's own: all that are there have to say the same."""

from __future__ import annotations

from pathlib import Path

from data.label_names import difference, read_label_names
from data.manual_files import ManualFileError
from ovseg_jax.vocabulary.classes import ClassList, VocabularyError, load_class_file

NAME_FILES = ("classes.txt", "names.txt", "labels.txt", "obj.names", "data.yaml", "dataset.yaml")
"""Where tools keep the names of numbered classes."""


def numbered_names(root: Path) -> tuple[ClassList | None, str, tuple[str, ...]]:
    """Returns the names of numbered classes at the top of a folder.

    Returns:
        The classes; the file that has them; and a note of each other file that cannot be read as
        names, such as a list of photos.

    Raises:
        ManualFileError: The first file cannot be read, or another one says something else.
    """
    files = [root / name for name in NAME_FILES if (root / name).is_file()]
    if not files:
        return None, "", ()
    first, notes = read_label_names(files[0]), []
    for file in files[1:]:
        try:
            other = read_label_names(file)
        except ManualFileError as error:
            notes.append(f"not used: {error}")
            continue
        if found := difference(first, other):
            raise ManualFileError(
                f"{files[0]} and {file} contradict each other: {found}; delete the one that is "
                f"out of date (`ovseg data prepare` itself writes {NAME_FILES[0]})"
            )
    return first, files[0].name, tuple(notes)


def listed_words(root: Path) -> tuple[ClassList | None, str]:
    """Returns the words that a file of names lists, where it is not one that we write."""
    for name in NAME_FILES[1:]:
        try:
            return load_class_file(root / name), name
        except VocabularyError:
            continue
    return None, ""
