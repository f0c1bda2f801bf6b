"""The names of a description: a list, or a file of them, and which are things."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data.label_maps import fields
from data.label_names import gaps_allowed, labels_of, numbered, read_label_names
from data.manual_files import ManualFileError
from ovseg_jax.vocabulary.classes import (
    ClassList,
    VocabularyError,
    available_presets,
    load_preset,
)
from ovseg_jax.vocabulary.documents import read_document


def read_classes(
    content: Mapping[str, Any], places: Sequence[Path], where: str
) -> tuple[ClassList, tuple[int, ...]]:
    """Returns the classes that a description names, and the label of each where it says them.

    Args:
        content: The description's fields.
        places: Folders in which a file of names is looked for.
        where: Named in errors.

    Returns:
        The classes, with the things among them; and their labels, empty where names count them.

    Raises:
        ManualFileError: There are none, two share a name, or a thing is no class.
    """
    names = content.get("names")
    try:
        if isinstance(names, str):
            classes, labels = _listed(names, places, where)
        else:
            with gaps_allowed():
                listed = read_document(fields.check_names(names, where), where)
            classes = numbered(listed, Path(where).stem, where)
            labels = given_labels(classes)
    except VocabularyError as error:
        raise ManualFileError(str(error)) from error
    things = fields.texts_of(content, "things", where)
    if things is None:
        told = isinstance(names, str) and not classes.thing_mask.all()
        return classes if told else with_things(classes, ()), labels
    if unknown := sorted(set(things) - set(classes.names)):
        raise ManualFileError(f"{where}: {unknown[0]!r} of 'things' is none of 'names'")
    return with_things(classes, things), labels


def interesting(content: Mapping[str, Any], classes: ClassList, where: str) -> tuple[str, ...]:
    """Returns the classes of interest: those named so, or all but the background; else none.

    Raises:
        ManualFileError: A name is no class, or both fields are there.
    """
    named = fields.texts_of(content, "interest", where)
    background = fields.text_of(content, "background", where)
    if named and background:
        raise ManualFileError(f"{where}: give 'interest' or 'background', not both")
    if unknown := sorted({*(named or ()), *filter(None, [background])} - set(classes.names)):
        raise ManualFileError(
            f"{where}: {unknown[0]!r} of '{'interest' if named else 'background'}' is none of "
            "'names'"
        )
    others = (name for name in classes.names if name != background)
    return tuple(named or (others if background else ()))


def given_labels(classes: ClassList) -> tuple[int, ...]:
    """Returns the labels that a list numbers its names with; empty where it does not."""
    return () if classes.classes[0].original_id is None else labels_of(classes)


def with_things(classes: ClassList, things: Sequence[str]) -> ClassList:
    """Returns a list in which the classes of these names, and no others, are things."""
    entries = (dataclasses.replace(x, is_thing=x.name in things) for x in classes.classes)
    return dataclasses.replace(classes, classes=tuple(entries))


def _listed(name: str, places: Sequence[Path], where: str) -> tuple[ClassList, tuple[int, ...]]:
    """Loads the preset or the file of a name; the ids in a preset are the publisher's."""
    file = next((place / name for place in places if (place / name).is_file()), None)
    if file is not None:
        classes = read_label_names(file)
        return classes, given_labels(classes)
    if name in available_presets():
        return load_preset(name), ()
    choices = " or ".join(str(place / name) for place in dict.fromkeys(places))
    raise ManualFileError(
        f"{where}: 'names' gives {name!r}, and there is no file {choices}, nor a list of that name "
        f"in the package ({', '.join(available_presets())})"
    )
