"""The same ten photos of every evaluation of a run, as they were answered behind each step."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, UInt8

from ovseg_jax.disk.atomic import write_atomically
from ovseg_jax.disk.run_layout import SAMPLES
from ovseg_jax.evaluation.report.photos import embedded, painted
from ovseg_jax.evaluation.result import Result
from ovseg_jax.evaluation.worst import First, WorstPhoto
from ovseg_jax.foundation.errors import one_line

SIDE = 224
"""Longest side of a kept picture, in pixels."""
GAP = 4
"""Pixels between pictures that stand side by side."""
_NAME = re.compile(r"(?P<name>.+)_(?P<step>\d+)\.json")


class Samples(First):
    """The first photos of a split, small."""

    def __init__(self) -> None:
        """Keeps nothing yet."""
        super().__init__(side=SIDE)


def keep_samples(workdir: Path, name: str, step: int, result: Result) -> None:
    """Writes what an evaluation made of its first photos, and once what is true of them.

    Args:
        workdir: Of the run.
        name: Of the evaluation.
        step: Behind which it was scored.
        result: With the photos as `worst`.
    """
    if not result.worst or result.colors is None:
        return
    folder, colors = workdir / SAMPLES, result.colors
    folder.mkdir(exist_ok=True)
    fixed = folder / f"{name}.json"
    if not fixed.is_file():
        _write(fixed, {"photos": [_fixed(photo, colors) for photo in result.worst]})
    answers = [_answer(photo, colors) for photo in result.worst]
    _write(folder / f"{name}_{step}.json", {"by": result.worst_by, "answers": answers})


def read_samples(workdir: Path, name: str) -> tuple[list[Any], dict[int, Any]]:
    """Returns what is true of the photos, and what was answered behind each step, in order."""
    folder = workdir / SAMPLES
    fixed = _read(folder / f"{name}.json").get("photos", [])
    steps = {step: path for path, step in _answers(folder, name)}
    return fixed, {step: _read(steps[step]) for step in sorted(steps)}


def pictures(name: str, result: Result) -> dict[str, UInt8[np.ndarray, "h w 3"]]:
    """Returns each photo beside its truth and its answer, by a name that no step changes.

    Args:
        name: Of the evaluation.
        result: With the photos as `worst`.
    """
    if result.colors is None:
        return {}
    return {
        f"{name}/photos/{place:02d} {one_line(photo.name)}": _side_by_side(photo, result.colors)
        for place, photo in enumerate(result.worst)
    }


def _side_by_side(photo: WorstPhoto, colors: Int[np.ndarray, "k 3"]) -> UInt8[np.ndarray, "h w 3"]:
    gap = np.full((photo.image.shape[0], GAP, 3), 255, np.uint8)
    truth, answer = (painted(photo.image, x, colors) for x in (photo.truth, photo.predicted))
    return np.concatenate([photo.image, gap, truth, gap, answer], axis=1)


def _answers(folder: Path, name: str) -> Iterator[tuple[Path, int]]:
    for path in folder.glob("*.json"):
        match = _NAME.fullmatch(path.name)
        if match and match["name"] == name:
            yield path, int(match["step"])


def _fixed(photo: WorstPhoto, colors: Int[np.ndarray, "k 3"]) -> dict[str, Any]:
    truth = painted(photo.image, photo.truth, colors)
    return {"name": photo.name, "photo": embedded(photo.image), "truth": embedded(truth)}


def _answer(photo: WorstPhoto, colors: Int[np.ndarray, "k 3"]) -> dict[str, Any]:
    score = None if np.isnan(photo.score) else round(photo.score, 4)
    return {"score": score, "picture": embedded(painted(photo.image, photo.predicted, colors))}


def _write(path: Path, content: Mapping[str, Any]) -> None:
    data = json.dumps(content).encode()
    write_atomically(path, lambda file: file.write(data))


def _read(path: Path) -> dict[str, Any]:
    """What a file holds; nothing where it is missing or damaged, as pictures are a remark."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
