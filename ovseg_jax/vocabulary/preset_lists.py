"""The vocabularies that are shipped with the package."""

from __future__ import annotations

import functools
import importlib.resources
import json
from typing import Any

from ovseg_jax.vocabulary.class_list import ClassList, VocabularyError
from ovseg_jax.vocabulary.class_rows import make_list
from ovseg_jax.vocabulary.documents import read_document


def load_preset(name: str) -> ClassList:
    """Loads a vocabulary that is shipped with the package, for instance "ade150".

    Published lists are kept as they are, also where two classes share a name.

    Raises:
        VocabularyError: If there is no such preset.
    """
    return _load_preset(name)


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
