"""The fields of a description that say what labels mean: first, ignore and remap."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from data.label_maps.coding import LABELS, Coding
from data.label_maps.fields import shown
from data.manual_files import ManualFileError
from data.segments import VOID
from ovseg_jax.vocabulary.classes import ClassList

IGNORED = (255, LABELS - 1)
"""The label of pixels that no class is asked of, in 8 bits and where classes need 16."""


def coding_of(
    content: Mapping[str, Any], classes: ClassList, where: str, labels: Sequence[int] = ()
) -> Coding:
    """Returns what the labels mean.

    Args:
        content: The description's fields.
        classes: Its classes.
        where: Named in errors.
        labels: The label of each class, rising, where the names are numbered.

    Raises:
        ManualFileError: A label or class does not exist, or a label is a class and ignored.
    """
    remap = _remap(content, classes, where)
    if remap is not None and "first" in content:
        raise ManualFileError(f"{where}: 'remap' lists every label; take 'first' out")
    first = _label(content.get("first", labels[0] if labels else 0), "first", where)
    if labels and remap is None:
        _check_first(content, labels, where)
        remap = _numbered(labels)
    last = first + len(classes) - 1 if remap is None else max(remap)
    if last >= LABELS:
        raise ManualFileError(
            f"{where}: {len(classes)} classes from label {first} on do not fit 16 bits"
        )
    used = set(remap) if remap is not None else set(range(first, last + 1))
    ignore = _ignore(content, last, used, where)
    return Coding(len(classes), first, ignore, remap)


def _check_first(content: Mapping[str, Any], labels: Sequence[int], where: str) -> None:
    if content.get("first", labels[0]) != labels[0]:
        raise ManualFileError(
            f"{where}: 'first' is {content['first']}, and the names are numbered from {labels[0]}; "
            "take 'first' or the numbers out"
        )


def _numbered(labels: Sequence[int]) -> dict[int, int] | None:
    """Returns the class of each label; None where they follow each other, which `first` says."""
    _label(labels[-1], "names", "numbers of names")
    if list(labels) == list(range(labels[0], labels[0] + len(labels))):
        return None
    below = dict.fromkeys(range(labels[0]), VOID)
    return below | {label: index for index, label in enumerate(labels)}


def _remap(content: Mapping[str, Any], classes: ClassList, where: str) -> dict[int, int] | None:
    raw = content.get("remap")
    if raw is None:
        return None
    if not isinstance(raw, dict) or all(value is None for value in raw.values()):
        raise ManualFileError(f"{where}: 'remap' should give classes of labels, such as '7: road'")
    found: dict[int, int] = {}
    for key, value in raw.items():
        number = int(key) if isinstance(key, str) and key.isdecimal() else key
        found[_label(number, "remap", where)] = _class(value, classes, where)
    return found


def _class(value: Any, classes: ClassList, where: str) -> int:
    """Returns the index of a class that is given by it, by a name, or as null for none."""
    if value is None:
        return VOID
    if type(value) is int and 0 <= value < len(classes):
        return value
    owners = [n for n, x in enumerate(classes.classes) if value in x.synonyms]
    if isinstance(value, str) and len(owners) == 1:
        return owners[0]
    known = [name for x in classes.classes for name in x.synonyms]
    near = difflib.get_close_matches(str(value), known, n=1)
    hint = f"; perhaps you meant {near[0]!r}" if near else ""
    raise ManualFileError(
        f"{where}: 'remap' should give a name, an index of 0 to {len(classes) - 1} or null, found "
        f"{shown(value)}{hint}"
    )


def _ignore(content: Mapping[str, Any], last: int, used: set[int], where: str) -> tuple[int, ...]:
    """Returns the ignored labels; where none are named, the highest that maps can hold."""
    if "ignore" not in content:
        usual = IGNORED[last >= IGNORED[0]]
        return () if usual in used else (usual,)
    raw = content["ignore"]
    values = raw if isinstance(raw, list) else [] if raw is None else [raw]
    ignore = tuple(_label(value, "ignore", where) for value in values)
    if both := sorted(used & set(ignore)):
        raise ManualFileError(
            f"{where}: label {both[0]} is one of a class and under 'ignore' too; where label 0 is "
            "no class, 'first: 1' says so"
        )
    return ignore


def _label(value: Any, key: str, where: str) -> int:
    if type(value) is not int or not 0 <= value < LABELS:
        raise ManualFileError(
            f"{where}: {key!r} should be a label of 0 to {LABELS - 1}, found {shown(value)}"
        )
    return value
