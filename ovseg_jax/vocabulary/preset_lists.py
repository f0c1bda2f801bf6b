"""The vocabularies that are shipped with the package."""

from __future__ import annotations

import functools
import importlib.resources
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ovseg_jax.vocabulary.class_list import ClassEntry, ClassList, VocabularyError
from ovseg_jax.vocabulary.class_rows import make_list
from ovseg_jax.vocabulary.documents import read_document


def load_preset(name: str) -> ClassList:
    """Loads a vocabulary that is shipped with the package, for instance "ade150".

    Published lists are kept as they are, also where two classes share a name. Several joined by
    "+", such as "coco_panoptic133+lvis1203", are one list: `joined` says how.

    Raises:
        VocabularyError: If there is no such preset.
    """
    return joined([_load_preset(part) for part in name.split("+")], name)


def is_preset(name: str) -> bool:
    """Whether `load_preset` knows a name."""
    return all(part in available_presets() for part in name.split("+"))


def joined(lists: Sequence[ClassList], name: str) -> ClassList:
    """Returns the classes of several lists as one: those that are shown by one name are one class.

    Other names do not decide: a "plate" of one list may be a word for the dining table in another.

    Args:
        lists: At least one; alone it is returned as it is.
        name: What the whole is called.
    """
    if len(lists) == 1:
        return lists[0]
    classes: dict[str, ClassEntry] = {}
    for entry in (entry for each in lists for entry in each.classes):
        known = classes.setdefault(entry.name, entry)
        names = dict.fromkeys((*known.synonyms, *entry.synonyms))
        classes[entry.name] = replace(known, synonyms=tuple(names))
    return ClassList(name, tuple(classes.values()), shares_names=True)


@functools.cache
def available_presets() -> tuple[str, ...]:
    """Returns the names of all presets, sorted."""
    return tuple(
        sorted(
            entry.name.removesuffix(".json")
            for entry in _folder().iterdir()
            if entry.name.endswith(".json")
        )
    )


def _folder() -> Any:
    return importlib.resources.files("ovseg_jax.vocabulary").joinpath("presets")


@functools.cache
def _load_preset(name: str) -> ClassList:
    if name not in available_presets():
        raise VocabularyError(
            f"preset: there is no {name!r}; available are {', '.join(available_presets())}"
        )
    content = json.loads(_folder().joinpath(f"{name}.json").read_text(encoding="utf-8"))
    return make_list(read_document(content, name), name, name)
