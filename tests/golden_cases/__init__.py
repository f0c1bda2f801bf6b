"""Golden cases: what a case holds, and which function runs it.

A runner module in this folder registers functions by (system, entry):

    @runner("clip_towers", "clip_fc")
    def run(case: Case) -> dict[str, np.ndarray]: ...

A runner returns whichever of the case's outputs it computes, in the layout of the reference code.
It raises `NotSupported` where the package has no such model. Import it as `golden_cases`: the
`tests` folder is on the path of both pytest and `check_goldens.py`.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import json
import pkgutil
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

GOLDENS = Path(__file__).resolve().parent.parent / "goldens"

Outputs = dict[str, np.ndarray]
RUNNERS: dict[tuple[str, str], Callable[[Case], Outputs]] = {}
BROKEN: dict[str, Exception] = {}
"""Runner modules of this folder that failed to import, by name of the system."""


class NotSupported(Exception):
    """The package has no model or option that this case needs."""


def _load_fill() -> ModuleType:
    """Imports `tests/goldens/fill.py`; a folder of further cases needs no copy of its own."""
    spec = importlib.util.spec_from_file_location("goldens_fill", GOLDENS / "fill.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


fill = _load_fill()


@dataclasses.dataclass(frozen=True)
class Case:
    """One golden case on disk.

    Attributes:
        path: Its folder, which holds `case.json`, `manifest.json` and `outputs.npz`.
    """

    path: Path

    @cached_property
    def info(self) -> dict[str, Any]:
        """The content of `case.json`."""
        return json.loads((self.path / "case.json").read_text())

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The content of `manifest.json`: names and shapes of the checkpoint's tensors."""
        return json.loads((self.path / "manifest.json").read_text())

    @property
    def system(self) -> str:
        """The system, which names the runner module."""
        return self.info["system"]

    @property
    def name(self) -> str:
        """System and case, for printing."""
        return f"{self.system}/{self.info['case']}"

    @property
    def config(self) -> dict[str, Any]:
        """Settings of the reference code; "entry" names the kind of case."""
        return self.info["config"]

    @property
    def entry(self) -> str:
        """The kind of case within its system."""
        return self.config.get("entry", "")

    @property
    def final(self) -> list[str]:
        """Outputs that must be compared for the case to count as supported."""
        return self.info.get("final") or list(self.info["outputs"])

    @cached_property
    def inputs(self) -> dict[str, np.ndarray]:
        """All inputs by name, in the layout of the reference code."""
        return fill.load_inputs(str(self.path))

    @cached_property
    def keys(self) -> dict[str, list]:
        """Shape and dtype of the checkpoint's tensors, without drawing them; {} for several."""
        return self.manifest.get("keys", {})

    def checkpoint(self) -> dict[str, Any]:
        """Draws the fake checkpoint: {key: array}, or one such dict per file if there are several.

        Drawn anew on each call and not kept, since it can take gigabytes.
        """
        return fill.load_checkpoint(str(self.path))

    def compare(self, outputs: Outputs) -> dict[str, tuple]:
        """Compares outputs with the stored ones: {name: (ok, error, relative error)}."""
        return fill.compare(str(self.path), outputs)


def runner(system: str, *entries: str) -> Callable:
    """Registers a function as the runner of some entries of a system."""

    def register(function: Callable[[Case], Outputs]) -> Callable[[Case], Outputs]:
        for entry in entries:
            RUNNERS[system, entry] = function
        return function

    return register


def find_cases(root: Path, system: str | None = None) -> Iterator[Case]:
    """Yields every case under a folder, in the order of their paths."""
    for file in sorted(Path(root).rglob("case.json")):
        case = Case(file.parent)
        if system in (None, case.system):
            yield case


def run(case: Case) -> Outputs:
    """Runs a case by its registered runner.

    Raises:
        NotSupported: There is no runner for this kind of case.
    """
    _import_runners()
    if case.system in BROKEN:
        raise BROKEN[case.system]
    if (case.system, case.entry) not in RUNNERS:
        raise NotSupported(f"no runner for {case.system} {case.entry!r}")
    return RUNNERS[case.system, case.entry](case)


def _import_runners() -> None:
    for module in pkgutil.iter_modules(__path__):
        if module.name in BROKEN:
            continue
        try:
            importlib.import_module(f"{__name__}.{module.name}")
        except Exception as error:  # one broken module must not take the others down
            BROKEN[module.name] = error
