"""Results on disk, as `ovseg evaluate` writes them, read back for comparison."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ovseg_jax.disk.json_text import parse_json
from ovseg_jax.disk.run_layout import EVALUATIONS
from ovseg_jax.evaluation.photo_sums import PhotoSums
from ovseg_jax.evaluation.report.files import PHOTOS
from ovseg_jax.foundation.errors import OperandError, first_few

Numbers = dict[str, float]


@dataclasses.dataclass(frozen=True)
class StoredResult:
    """A result that was read back.

    Attributes:
        path: Its JSON file.
        scores: As fractions by "metric/name"; NaN where there is none.
        protocol: The card, field by field.
        classes: Numbers of each class, by its name; empty in results of older versions.
        photos: Sums of each photo; None where they were not written beside.
    """

    path: Path
    scores: Numbers
    protocol: Mapping[str, Any]
    classes: Mapping[str, Numbers]
    photos: PhotoSums | None


def read_result(path: Path) -> StoredResult:
    """Reads a result and what lies beside it.

    Args:
        path: A JSON file of `ovseg evaluate`, a folder of them, or a run.

    Raises:
        OperandError: There is no result, more than one, or it is damaged.
    """
    path = _file(path)
    content = parse_json(path.read_bytes(), str(path))
    known = isinstance(content, dict) and {"scores", "protocol"} <= content.keys()
    if not known or not isinstance(content["protocol"], dict):
        raise OperandError(f"{path} is no result of `ovseg evaluate`: it lacks scores or protocol")
    classes = content.get("classes", {})
    if not isinstance(classes, dict):
        raise OperandError(f"{path}: its classes are no object of names and numbers")
    beside = path.with_name(path.stem + PHOTOS)
    return StoredResult(
        path=path,
        scores=_numbers(content["scores"], f"{path}: scores"),
        protocol=content["protocol"],
        classes={name: _numbers(row, f"{path}: class {name!r}") for name, row in classes.items()},
        photos=PhotoSums.load(beside) if beside.is_file() else None,
    )


def _file(path: Path) -> Path:
    """The one result that a path leads to; of several those with sums of photos come first."""
    if not path.is_dir():
        if not path.exists():
            raise OperandError(f"{path}: no such file or folder; give a result or a run")
        return path
    folder = path / EVALUATIONS if (path / EVALUATIONS).is_dir() else path
    found = sorted(folder.glob("*.json"))
    whole = [file for file in found if file.with_name(file.stem + PHOTOS).is_file()]
    chosen = whole or found
    if not chosen:
        raise OperandError(f"{folder} holds no results; run `ovseg evaluate` first")
    if len(chosen) > 1:
        names = first_few(file.name for file in chosen)
        raise OperandError(f"{folder} holds several results, {names}; give one of these files")
    return chosen[0]


def _numbers(content: Any, where: str) -> Numbers:
    if not isinstance(content, dict):
        raise OperandError(f"{where}: numbers by name are expected")
    for name, value in content.items():
        if isinstance(value, bool) or not isinstance(value, int | float | None):
            raise OperandError(f"{where}: {name!r} is {value!r}, which is no number")
    return {name: math.nan if value is None else float(value) for name, value in content.items()}
