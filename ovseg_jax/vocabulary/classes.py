"""Class lists: what the words of a vocabulary are, where they come from, and how two overlap.

A class has one or more names (synonyms); the first is the one that is shown. Lists come from a
string, from a file, or from the presets that are shipped with the package.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.resources
import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from ovseg_jax.errors import OvsegError
from ovseg_jax.vocabulary.palette import palette_color

INVALID_NAME = "invalid_class_id"
"""Placeholder entry in published name files (`0:invalid_class_id`); it is not a class."""

_ID_LINE = re.compile(r"\s*(-?\d+)\s*:(.*)")


class VocabularyError(OvsegError, ValueError):
    """A vocabulary that cannot be used; the message names its source and the remedy."""


@dataclass(frozen=True)
class ClassEntry:
    """One class.

    Attributes:
        synonyms: Its names, at least one and no two equal; the first is shown.
        is_thing: Whether it is countable, so that each mask is an object of its own.
        color: Display colour, RGB, 0 to 255.
        original_id: The id that the publisher of the data set uses; None for free words.
    """

    synonyms: tuple[str, ...]
    is_thing: bool
    color: tuple[int, int, int]
    original_id: int | None = None

    @property
    def name(self) -> str:
        """The name that is shown."""
        return self.synonyms[0]


@dataclass(frozen=True)
class ClassList:
    """An ordered vocabulary; a class index is a position in `classes`.

    Attributes:
        name: Where it comes from: a preset's name, a file's stem, or "words".
        classes: At least one class.
    """

    name: str
    classes: tuple[ClassEntry, ...]

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def names(self) -> tuple[str, ...]:
        """The shown name of each class."""
        return tuple(entry.name for entry in self.classes)

    @property
    def thing_mask(self) -> Bool[np.ndarray, " k"]:
        """Which classes are things."""
        return np.asarray([entry.is_thing for entry in self.classes], bool)

    @property
    def colors(self) -> Int[np.ndarray, "k 3"]:
        """Display colour of each class, uint8."""
        return np.asarray([entry.color for entry in self.classes], np.uint8)

    @property
    def synonym_rows(self) -> tuple[tuple[str, ...], Int[np.ndarray, " s"]]:
        """All names, class by class, and the class index of each."""
        rows = [(name, i) for i, entry in enumerate(self.classes) for name in entry.synonyms]
        return tuple(name for name, _ in rows), np.asarray([i for _, i in rows], np.int32)

    def subset(self, indices: Sequence[int], name: str) -> ClassList:
        """Returns the classes at `indices` (colours unchanged) as a list called `name`."""
        return ClassList(name, tuple(self.classes[index] for index in indices))


def parse_vocabulary(text: str, *, name: str = "words", is_thing: bool = True) -> ClassList:
    """Reads a vocabulary as typed: `;` (or a new line) parts classes, `,` parts synonyms.

    Names are trimmed, inner white space is collapsed, and Unicode is brought to form NFC. Empty
    entries are dropped and a name repeated inside a class counts once.

    Args:
        text: For instance "cat, kitten; sofa, couch; remote control".
        name: Name of the resulting list, and the source that errors mention.
        is_thing: Whether the classes are countable.

    Raises:
        VocabularyError: If no name is left, or if two classes share a name.
    """
    groups = [_names(part) for part in re.split(r"[;\n]", text)]
    groups = [group for group in groups if group]
    if not groups:
        raise VocabularyError(
            f"{name}: the vocabulary is empty; give names such as 'cat, kitten; sofa'"
        )
    _reject_shared_names(groups, name)
    return _class_list(name, groups, [is_thing] * len(groups))


def load_preset(name: str) -> ClassList:
    """Loads a vocabulary that is shipped with the package, for instance "ade150".

    Published lists are kept as they are, also where two classes share a name.

    Raises:
        VocabularyError: If there is no such preset.
    """
    return _load_preset(name)


def available_presets() -> tuple[str, ...]:
    """Returns the names of all presets, sorted."""
    return tuple(
        sorted(
            entry.name.removesuffix(".json")
            for entry in _preset_folder().iterdir()
            if entry.name.endswith(".json")
        )
    )


def load_class_file(path: str | Path) -> ClassList:
    """Reads a class list from a file.

    Three forms are understood:

    * text, one class per line with comma-separated names (no name in two classes);
    * text with lines `id:name1,name2`, the form in which FC-CLIP publishes its lists, where
      `invalid_class_id` is skipped and classes may share names;
    * JSON: a list whose entries are strings ("cat, kitten") or lists of names, or an object like
      the presets.

    Raises:
        VocabularyError: If the file is missing, is not UTF-8, cannot be understood or is empty.
    """
    path = Path(path)
    text = _read_text(path)
    if path.suffix.lower() == ".json":
        return _from_json(text, path)
    lines = [line for line in text.splitlines() if line.strip()]
    matches = [_ID_LINE.fullmatch(line) for line in lines]
    if lines and all(matches):
        return _from_id_lines([(int(m[1]), m[2]) for m in matches if m], path)
    parsed = parse_vocabulary(text, name=str(path))
    return ClassList(path.stem, parsed.classes)


def seen_mask(test: ClassList, train: ClassList) -> Bool[np.ndarray, " k"]:
    """Marks the test classes that the training vocabulary contains.

    A test class is seen if any of its names equals any name of any training class, to the letter
    (the rule of FC-CLIP and its successors).
    """
    known = {name for entry in train.classes for name in entry.synonyms}
    return np.asarray([not known.isdisjoint(entry.synonyms) for entry in test.classes], bool)


def carry_table(train: ClassList, test: ClassList) -> Int[np.ndarray, " c"]:
    """Returns for each training class the first test class that shares a name; -1 for none."""
    owner: dict[str, int] = {}
    for index, entry in enumerate(test.classes):
        for name in entry.synonyms:
            owner.setdefault(name, index)
    shared = ([owner[name] for name in entry.synonyms if name in owner] for entry in train.classes)
    return np.asarray([min(found, default=-1) for found in shared], np.int32)


def class_file_hash(classes: ClassList) -> str:
    """Returns 16 hexadecimal digits that identify names, order and thing flags of a list.

    Independent of the file's form and of colours, so that equal vocabularies have equal hashes.
    """
    content = [[list(entry.synonyms), entry.is_thing] for entry in classes.classes]
    canonical = json.dumps(content, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _names(text: str) -> tuple[str, ...]:
    """Splits at commas, normalises, drops empty names and repetitions; keeps the order."""
    return _clean(text.split(","))


def _clean(names: Iterable[str]) -> tuple[str, ...]:
    normal = (" ".join(unicodedata.normalize("NFC", name).split()) for name in names)
    return tuple(dict.fromkeys(name for name in normal if name))


def _reject_shared_names(groups: Sequence[tuple[str, ...]], source: str) -> None:
    owner: dict[str, int] = {}
    for index, group in enumerate(groups):
        for name in group:
            first = owner.setdefault(name, index)
            if first != index:
                raise VocabularyError(
                    f"{source}: the name {name!r} stands in class {first + 1} "
                    f"({', '.join(groups[first])!r}) and in class {index + 1} "
                    f"({', '.join(group)!r}); keep it in one of them"
                )


def _class_list(
    name: str,
    groups: Sequence[tuple[str, ...]],
    things: Sequence[bool],
    ids: Sequence[int | None] | None = None,
) -> ClassList:
    numbers = ids if ids is not None else [None] * len(groups)
    return ClassList(
        name,
        tuple(
            ClassEntry(group, thing, palette_color(index), number)
            for index, (group, thing, number) in enumerate(
                zip(groups, things, numbers, strict=True)
            )
        ),
    )


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise VocabularyError(f"{path}: no such class file") from None
    except IsADirectoryError:
        raise VocabularyError(f"{path}: is a folder; give a class file") from None
    except UnicodeDecodeError as error:
        raise VocabularyError(
            f"{path}: not UTF-8 (byte {error.start}); save the class file as UTF-8"
        ) from None


def _from_id_lines(lines: Sequence[tuple[int, str]], path: Path) -> ClassList:
    kept = [(number, _names(text)) for number, text in lines if text.strip() != INVALID_NAME]
    empty = [number for number, names in kept if not names]
    if not kept or empty:
        found = f"no name after id {empty[0]}" if empty else "no class"
        raise VocabularyError(f"{path}: {found}; write lines such as '7:sofa,couch'")
    ids, groups = [number for number, _ in kept], [names for _, names in kept]
    return _class_list(path.stem, groups, [True] * len(kept), ids)


def _from_json(text: str, path: Path) -> ClassList:
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise VocabularyError(f"{path}: not valid JSON: {error}") from None
    entries = content.get("classes") if isinstance(content, dict) else content
    if not isinstance(entries, list) or not entries:
        raise VocabularyError(
            f"{path}: expected a list of classes or an object with a list under 'classes'"
        )
    return _from_entries(path.stem, entries, str(path))


def _from_entries(name: str, entries: Sequence[Any], source: str) -> ClassList:
    parsed = [_entry(entry, f"{source}: class {n}") for n, entry in enumerate(entries, start=1)]
    groups, things, ids = zip(*parsed, strict=True)
    return _class_list(name, groups, things, ids)


def _entry(entry: Any, source: str) -> tuple[tuple[str, ...], bool, int | None]:
    """Reads a string, a list of names, or an object with "names" (and "thing", "id")."""
    fields = entry if isinstance(entry, dict) else {"names": entry}
    raw = fields.get("names")
    raw = raw.split(",") if isinstance(raw, str) else raw
    if not isinstance(raw, list) or not all(isinstance(name, str) for name in raw):
        raise VocabularyError(f"{source}: expected a string or a list of names, found {entry!r}")
    names, thing, number = _clean(raw), fields.get("thing", True), fields.get("id")
    if not names:
        raise VocabularyError(f"{source}: has no name")
    if not isinstance(thing, bool):
        raise VocabularyError(f"{source}: 'thing' must be true or false, found {thing!r}")
    if number is not None and not isinstance(number, int):
        raise VocabularyError(f"{source}: 'id' must be an integer, found {number!r}")
    return names, thing, number


def _preset_folder() -> Any:
    return importlib.resources.files("ovseg_jax.vocabulary").joinpath("presets")


@functools.cache
def _load_preset(name: str) -> ClassList:
    if name not in available_presets():
        raise VocabularyError(
            f"preset: there is no {name!r}; available are {', '.join(available_presets())}"
        )
    content = json.loads(_preset_folder().joinpath(f"{name}.json").read_text(encoding="utf-8"))
    return _from_entries(name, content["classes"], name)
