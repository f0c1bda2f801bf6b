"""The names of a description: a list, or a file of them, and which are things."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data.label_maps import fields
from data.manual_files import ManualFileError
from ovseg_jax.vocabulary.class_rows import PLACEHOLDERS, make_list
from ovseg_jax.vocabulary.classes import (
    ClassList,
    VocabularyError,
    available_presets,
    load_class_file,
    load_preset,
)
from ovseg_jax.vocabulary.documents import read_document


def read_classes(content: Mapping[str, Any], places: Sequence[Path], where: str) -> ClassList:
    """Returns the classes that a description names, and which of them are things.

    Args:
        content: The description's fields.
        places: Folders in which a file of names is looked for.
        where: Named in errors.

    Raises:
        ManualFileError: There are none, two share a name, or a thing is no class.
    """
    names = content.get("names")
    try:
        if isinstance(names, str):
            classes = _listed(names, places, where)
        else:
            listed = fields.check_names(names, where)
            classes = make_list(read_document(listed, where), Path(where).stem, where)
            _check_all_kept(classes, listed, where)
    except VocabularyError as error:
        raise ManualFileError(str(error)) from error
    things = fields.texts_of(content, "things", where)
    if things is None:
        told = isinstance(names, str) and not classes.thing_mask.all()
        return classes if told else with_things(classes, ())
    if unknown := sorted(set(things) - set(classes.names)):
        raise ManualFileError(f"{where}: {unknown[0]!r} of 'things' is none of 'names'")
    return with_things(classes, things)


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


def numbered_classes(file: Path) -> ClassList:
    """Reads a class file whose classes are those of consecutive labels.

    Raises:
        ManualFileError: It cannot be read, or leaves numbers out: labels count by position.
    """
    try:
        classes = load_class_file(file)
    except VocabularyError as error:
        raise ManualFileError(str(error)) from error
    ids = [x.original_id for x in classes.classes]
    known = [number for number in ids if number is not None]
    if len(known) == len(ids) and known[-1] - known[0] != len(known) - 1:
        raise ManualFileError(
            f"{file}: its ids {known[0]} to {known[-1]} leave some out, and labels count the "
            "classes by position; write a description whose 'remap' gives the class of each label"
        )
    return classes


def with_things(classes: ClassList, things: Sequence[str]) -> ClassList:
    """Returns a list in which the classes of these names, and no others, are things."""
    entries = (dataclasses.replace(x, is_thing=x.name in things) for x in classes.classes)
    return dataclasses.replace(classes, classes=tuple(entries))


def _listed(name: str, places: Sequence[Path], where: str) -> ClassList:
    """Loads the preset or the file of a name."""
    file = next((place / name for place in places if (place / name).is_file()), None)
    if file is not None:
        return numbered_classes(file)
    if name in available_presets():
        return load_preset(name)
    choices = " or ".join(str(place / name) for place in dict.fromkeys(places))
    raise ManualFileError(
        f"{where}: 'names' gives {name!r}, and there is no file {choices}, nor a list of that name "
        f"in the package ({', '.join(available_presets())})"
    )


def _check_all_kept(classes: ClassList, names: Sequence[Any], where: str) -> None:
    """Refuses words such as _background_, which class lists leave out: labels would shift."""
    if len(classes) < len(names):
        firsts = [item if isinstance(item, str) else item[0] for item in names]
        gone = next((name for name in firsts if name in PLACEHOLDERS), firsts[0])
        raise ManualFileError(
            f"{where}: {gone!r} is no class, so the labels behind it would shift; give it a name, "
            "or list labels under 'remap' or 'ignore'"
        )
