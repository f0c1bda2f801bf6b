"""Suites: the papers' sets together, found by one file that says where each lies.

The file is YAML or JSON: `ade20k: /data/ADEChallengeData2016`, one line per data set, or per
evaluation where several read one data set from different folders, as those of MESS may. A folder
in its place is the folder that holds all of them, such as `$DETECTRON2_DATASETS`.
"""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ovseg_jax.cli.errors import UsageError
from ovseg_jax.disk import shipped
from ovseg_jax.foundation.errors import printable, warn

if TYPE_CHECKING:
    from ovseg_jax.disk.outputs import OutputFolder
    from ovseg_jax.evaluation.summary import Summary

FOLDER = shipped.CONFIGS / "suites"
SHARED = "common"
"""The module of that folder that is no suite."""
FORMS = ("json", "csv", "md", "txt")
"""Forms in which the table of a suite is written."""


def names() -> tuple[str, ...]:
    """Returns the names of all suites, sorted."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != SHARED))


def files_of(suite: str | None) -> list[str]:
    """Returns the names of the files of a suite's table; none for an evaluation alone."""
    return [f"{suite}.{form}" for form in FORMS] if suite in names() else []


def load(name: str) -> Any:
    """Returns the config of a suite."""
    from ovseg_jax.cli.experiment import load_config

    return load_config(FOLDER / f"{name}.py")


def place(config: Any, roots: Path | None) -> Any:
    """Says where the data of a suite's evaluations lie, and leaves out those that lie nowhere.

    Args:
        config: Of the suite.
        roots: The file, or the folder of all sets; None where the config itself says it.

    Raises:
        UsageError: The file cannot be read, names an unknown set or a folder that is not there, or
            no evaluation is left.
    """
    if roots is None:
        return config
    if roots.is_dir():
        return _located(config, {item.data.name: str(roots) for item in config.evaluations})
    known = _read(roots)
    sets = [*shipped.data_sets(), *(item.name for item in config.evaluations)]
    for name, folder in known.items():
        if name not in sets:
            near = difflib.get_close_matches(name, sets, n=1)
            hint = f"perhaps {near[0]!r}; " if near else ""
            raise UsageError(f"{roots}: no data set {name!r}; {hint}known: {', '.join(sets)}")
        if not Path(folder).is_dir():
            raise UsageError(f"{roots}: {name}: there is no folder {folder}")
    return _located(config, known)


def summarise(
    arguments: argparse.Namespace, method: str, results: Mapping[str, Mapping[str, Any]]
) -> Summary:
    """Returns the table of a suite.

    Args:
        arguments: Of the command; its suite and model.
        method: Kind of the model's method, whose published rows stand below.
        results: Of each evaluation, what its JSON holds: scores as fractions, and its protocol.
    """
    from ovseg_jax.evaluation.mess import gather
    from ovseg_jax.evaluation.protocol import ProtocolCard
    from ovseg_jax.evaluation.published import METRIC, rows_for
    from ovseg_jax.evaluation.summary import Summary

    metric = METRIC.get(arguments.suite, "mask_accuracy/accuracy")
    found = {name: content["scores"].get(metric) for name, content in results.items()}
    percent = {name: math.nan if v is None else 100 * v for name, v in found.items()}
    percent = gather(percent) if arguments.suite == "mess" else percent
    published = rows_for(arguments.suite, method)
    cards = {name: ProtocolCard(**content["protocol"]) for name, content in results.items()}
    parts = {n: (card.images, card.published_images) for n, card in cards.items() if card.is_part}
    model = Path(arguments.model).name
    return Summary(arguments.suite, metric, model, percent, published, parts)


def write(summary: Summary, results: OutputFolder, source: Path) -> None:
    """Prints a suite's table and writes it in all forms."""
    print(printable(f"\n{summary.text()}\n"))
    texts = (summary.json(), summary.csv(), summary.markdown(), summary.text() + "\n")
    for name, text in zip(files_of(summary.suite), texts, strict=True):
        path = results.write(name, lambda file, text=text: file.write(text.encode()), source)
        print(printable(f"written to {path}"))


def _located(config: Any, roots: Mapping[str, str]) -> Any:
    kept, absent = [], []
    for item in config.evaluations:
        if folder := roots.get(item.name) or roots.get(item.data.name):
            data = dataclasses.replace(item.data, root=folder)
            kept.append(dataclasses.replace(item, data=data))
        else:
            absent.append(f"{item.name} ({item.data.name})")
    if not kept:
        raise UsageError(f"--roots names none of the suite's sets: {', '.join(absent)}")
    if absent:
        warn(f"not scored, for --roots does not say where they lie: {', '.join(absent)}")
    return dataclasses.replace(config, evaluations=tuple(kept))


def _read(path: Path) -> dict[str, str]:
    """Reads the file; relative folders start where it lies."""
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"--roots: {path} cannot be read: {printable(str(error))}") from error
    entries = content if isinstance(content, dict) else {}
    if not entries or not all(isinstance(folder, str) for folder in entries.values()):
        raise UsageError(
            f"--roots: {path} should have one line per data set, such as 'ade20k: /data/ade'"
        )
    return {str(name): str(path.parent / Path(f).expanduser()) for name, f in entries.items()}
