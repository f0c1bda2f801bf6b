"""Runs all checks on a folder; what a set without a `Layout` gets instead."""

from __future__ import annotations

import collections
import io
import tempfile
import types
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from data.build import make_builder, module_of
from data.checks import (
    counts,
    formats,
    names,
    objects,
    panoptic,
    photos,
    root,
    sizes,
    values,
)
from data.checks.layout import Layout
from data.checks.problem import Problem
from data.checks.reading import read_all
from data.checks.report import Read, Report, reads_of
from data.manual_files import ManualFileError
from ovseg_jax.cli.progress import Progress
from ovseg_jax.foundation.errors import OvsegError
from ovseg_jax.inputs.builders import without_notes

CHECKS = (root, names, sizes, formats, values, panoptic, objects, counts, photos)
REFUSED = "refused by the reader"
MORE = "the reader ends at its first problem in a split: mend it and check again, more may follow"


def examine(name: str, folder: Path, config: str = "") -> Report:
    """Checks the files of a set.

    Args:
        name: A data set of this folder.
        folder: Where its files lie.
        config: A config of the set; empty for its first.
    """
    module = module_of(name)
    own = _own_checks(module, folder, config)
    layout: Layout | None = None
    if hasattr(module, "layout"):
        layout = module.layout(str(folder), config)
    if layout is None:
        report = _by_reading(name, module, folder, config)
        return Report([*report.problems, *own], report.reads, report.classes)
    facts = read_all(layout)
    found = [problem for check in CHECKS for problem in check.find(layout, facts)]
    once = list(dict.fromkeys([*layout.problems, *found, *own]))  # two parts may share photos
    return Report(once, reads_of(layout, facts), layout.classes)


def _own_checks(module: Any, folder: Path, config: str) -> list[Problem]:
    """What only this set can get wrong, such as the order of its classes."""
    if not hasattr(module, "own_checks"):
        return []
    try:
        return list(module.own_checks(str(folder), config))
    except ManualFileError as error:
        return [_refusal(folder, error)]


def _by_reading(name: str, module: Any, folder: Path, config: str) -> Report:
    """Reads all examples as the set's own reader does, and collects what it refuses."""
    problems: list[Problem] = []
    reads: dict[str, Read] = {}
    splits: Mapping[str, Iterable] = {}
    classes = 0
    with warnings.catch_warnings(record=True) as remarks:
        warnings.simplefilter("always")
        with tempfile.TemporaryDirectory() as place:
            try:
                with without_notes():
                    builder = make_builder(name, config or None, place, folder)
                manager: Any = types.SimpleNamespace(manual_dir=str(folder))
                splits = builder._split_generators(manager)  # what TFDS calls
                classes = len(module.class_list(str(folder), config))
            except Exception as error:  # a reader may stumble over anything in a damaged folder
                problems.append(_refusal(folder, error))
            for split, examples in splits.items():
                reads[split], found = _read_split(folder, split, examples)
                problems += found
                expected = _expected(module, config, split)
                problems += counts.count_note(str(folder), split, reads[split].photos, expected)
    told = [str(remark.message) for remark in remarks if issubclass(remark.category, UserWarning)]
    notes = [Problem("remarks of the reader", str(folder), text, False) for text in told]
    return Report([*problems, *notes], reads, classes)


def _read_split(folder: Path, split: str, examples: Iterable) -> tuple[Read, list[Problem]]:
    read: collections.Counter[int] = collections.Counter()
    done, problems = 0, []
    with Progress() as progress:
        update = progress.task(f"reading {split}")
        try:
            for _, example in examples:
                read.update(example["categories"].tolist())
                problems += _of_example(example)
                done += 1
                update(done, 0)
        except Exception as error:  # see above
            problems.append(_refusal(folder, error))
    return Read(done, read.total(), frozenset(read)), problems


def _of_example(example: Mapping[str, Any]) -> Iterator[Problem]:
    """Yields what is wrong with a photo that the reader has taken: builders do not decode it."""
    name, content = example["file_name"], example["image"]
    if not len(example["categories"]):
        yield Problem(values.ALL_VOID, name, "has no segment", False)
    try:
        with Image.open(io.BytesIO(content) if isinstance(content, bytes) else content) as image:
            mode = image.mode
            image.draft("L", (1, 1))
            image.load()
    except Exception as error:  # decoders raise whatever a damaged file leads them to
        text = f"cannot be read: {error}"
        yield Problem(sizes.DAMAGED_PHOTO, name, text, advice=sizes.BROKEN_OFF)
        return
    if mode in ("L", "1"):
        yield Problem(photos.GREY, name, f"mode {mode}", False, photos.ADVICE[photos.GREY])


def _refusal(folder: Path, error: Exception) -> Problem:
    known = isinstance(error, OvsegError | AssertionError)
    text = str(error) if known else f"{type(error).__name__}: {error}"
    return Problem(REFUSED, str(folder), text, advice=MORE)


def _expected(module: Any, config: str, split: str) -> int | None:
    """Returns the publisher's number of photos, where the module says it as `COUNTS`."""
    numbers = getattr(module, "COUNTS", {})
    chosen = numbers.get(config or next(iter(module.Builder.builder_configs), ""), numbers)
    number = chosen.get(split) if isinstance(chosen, dict) else None
    return number if isinstance(number, int) else None
