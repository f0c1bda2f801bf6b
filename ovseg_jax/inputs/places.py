"""Paths in experiments: what a relative one starts from, and addresses that are no path.

* `ovseg_jax/assets/...` means the package, wherever it is installed, and is stored like that;
* what stands in a config file starts from the file's own folder where such a file is there;
* everything else, and what is given as an option, starts from the working folder.

A run stores whole paths, so that it can be resumed and scored from any folder.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar

from ovseg_jax.disk.shipped import is_asset
from ovseg_jax.foundation.errors import OvsegError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")
PATHS = ("root", "prepared", "path", "init_from", "tokenizer_file")
"""Fields of a config, in any section, that hold a path or nothing."""
WEIGHTS = ("path", "init_from", "init_parts")
"""Those of them that hold weights, which may have other names than paths."""
SECTIONS = ("evaluations", "mixed_with")
"""Fields that hold several sections."""
LISTS = ("vocabulary", "train_vocabulary")
"""Fields that hold the name of a preset, a path or nothing."""
TOY = "toy"
"""The name of the tiny model inside the package."""
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")  # one letter is a drive of Windows


class PlaceError(OvsegError, ValueError):
    """A path that is none on this machine."""


def local(path: str | Path, what: str = "path") -> Path:
    """Returns a path of this machine's file system.

    Raises:
        PlaceError: It is an address such as gs://bucket/run, for which there is no reader yet; a
            folder "gs:" would be made.
    """
    if _ADDRESS.match(str(path)):
        raise PlaceError(
            f"{what} {path}: addresses are not read or written; give a path of this machine, such "
            "as where the bucket is mounted"
        )
    return Path(path)


def beside_file(config: T, folder: Path) -> T:
    """Lets relative paths of a config start from its file's folder, where they lead somewhere."""

    def place(path: str) -> str:
        found = not os.path.isabs(path) and not is_asset(path) and (folder / path).exists()
        return str(folder / path) if found else path

    return _changed(config, lambda path, field: place(path))


def from_here(config: T, weights: Callable[[str], str | Path] = Path) -> T:
    """Makes the paths of a config whole: relative ones start from the working folder.

    Args:
        config: The config.
        weights: Where weights lie that are called by a path or by another name.

    Raises:
        PlaceError: One of them is an address; the message names the field.
    """

    def place(path: str, field: str) -> str:
        if is_asset(path):
            return path
        if field.rpartition(".")[2] in WEIGHTS:
            path = str(weights(path))
        return os.path.abspath(local(path, field).expanduser())

    return _changed(config, place)


def _changed(config: T, place: Callable[[str, str], str], where: str = "") -> T:
    """Applies a function of path and field name to all paths of a config."""
    changes: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        value, name = getattr(config, field.name), f"{where}{field.name}"
        if _is_section(value):
            changes[field.name] = _changed(value, place, f"{name}.")
        elif field.name == "init_parts":
            changes[field.name] = tuple((pattern, place(path, name)) for pattern, path in value)
        elif field.name in SECTIONS:
            items = enumerate(value)
            changes[field.name] = tuple(_changed(x, place, f"{name}.{n}.") for n, x in items)
        elif _is_path(field.name, value):
            changes[field.name] = place(value, name)
    return dataclasses.replace(config, **changes)


def _is_section(value: Any) -> TypeGuard[DataclassInstance]:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def _is_path(field: str, value: Any) -> bool:
    if field in LISTS:
        return bool(value) and not _is_preset(value)
    return field in PATHS and value not in ("", TOY)


def _is_preset(name: str) -> bool:
    from ovseg_jax.vocabulary.classes import is_preset  # too heavy for a help text

    return is_preset(name)
