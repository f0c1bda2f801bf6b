"""Where results go: what a command reads, and names for its photos that never meet."""

from __future__ import annotations

import argparse
import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from ovseg_jax.cli.errors import UsageError
from ovseg_jax.disk.journal import folded
from ovseg_jax.disk.outputs import OutputFolder
from ovseg_jax.disk.run_layout import WEIGHTS

FILE_OPTIONS = ("masks", "vocab_file", "captions", "stop_nouns", "config")
MODEL_OPTIONS = ("model", "generator")
MOST_BYTES = 180
"""Longer stems are cut, since a name has 255 bytes on most disks and endings are added."""


def open_results(
    arguments: argparse.Namespace,
    photos: Sequence[tuple[Path, str]],
    names_of: Callable[[Path, Path, str], Iterable[str]],
) -> OutputFolder:
    """Opens the folder of results and reserves all names, before any work starts.

    Args:
        arguments: With the options of `add_photos`, and any of `add_model` and `add_vocabulary`.
        photos: Files, each with the stem of its results.
        names_of: Returns the names of a photo's results, given the folder, the photo and its stem.

    Raises:
        OutputError: A result would meet a file that it may not replace.
    """
    out = arguments.out
    if arguments.masks and os.path.realpath(out) == os.path.realpath(arguments.masks):
        raise UsageError(
            f"--out {out} is the folder of --masks, where results would be read as masks; "
            "choose another folder for the results"
        )
    inputs = [*(photo for photo, _ in photos), *inputs_of(arguments)]
    results = OutputFolder(out, inputs=inputs, overwrite=arguments.overwrite)
    for photo, stem in photos:
        results.claim(names_of(out, photo, stem), photo)
    return results


def open_file(
    arguments: argparse.Namespace, file: Path, source: str | Path, inputs: Iterable[Path] = ()
) -> Callable[[Callable[[Any], object]], Path]:
    """Reserves one file before the work; returns what writes it.

    Args:
        arguments: Of the command.
        file: Where to write.
        source: What it will be made from; see `OutputFolder.claim`.
        inputs: Files that are read beside those of the options.

    Raises:
        OutputError: The file may not be replaced.
    """
    inputs = [*inputs, *inputs_of(arguments)]
    results = OutputFolder(file.parent, inputs=inputs, overwrite=arguments.overwrite)
    if file.is_dir():
        raise UsageError(f"{file} is a folder; give the name of a file")
    results.claim([file.name], source)
    return lambda write: results.write(file.name, write, source)


def inputs_of(arguments: argparse.Namespace) -> list[Path]:
    """Returns the files and folders that the options name, and those of the models."""
    from ovseg_jax.loading.opening import resolve
    from ovseg_jax.loading.weights import ENTRIES

    given = (getattr(arguments, name, None) for name in FILE_OPTIONS)
    models = (getattr(arguments, name, None) for name in MODEL_OPTIONS)
    places = [resolve(model) for model in models if model]
    folders = [folder for place in places for folder in (place, place / WEIGHTS)]
    return [Path(path) for path in given if path] + [
        folder / name for folder in folders for name in ENTRIES
    ]


def source_of(paths: Sequence[Path]) -> str | Path:
    """Returns what a journal notes of several inputs: one by its path, more by a hash."""
    if len(paths) == 1:
        return paths[0]
    return f"{len(paths)} inputs {_hash(chr(10).join(map(os.path.abspath, paths)))}"


def stems(photos: Sequence[Path]) -> list[str]:
    """Returns the start of the names of each photo's results; no two photos share one.

    A photo keeps its own name without the ending, "a" for a.jpg. Photos that would share it take
    the first of these that is free: "a_jpg", "a.jpg", the same below the names of their folders,
    and a hash. What another photo has for itself is not free. Names that differ in case or in the
    form of accents only count as shared.
    """
    paths = [Path(os.path.abspath(photo)) for photo in photos]
    found: dict[Path, str] = {}
    taken: set[str] = set()
    for form in FORMS:
        names = {path: _shortened(form(path)) for path in paths if path not in found}
        counts = Counter(map(folded, names.values()))
        for path, name in names.items():
            if counts[folded(name)] == 1 and folded(name) not in taken:
                found[path] = name
        taken |= {folded(name) for name in found.values()}
    return [found[path] for path in paths]


def _below(parents: int) -> Callable[[Path], str]:
    """The name with its ending and some folders before it, such as "folder_a_jpg"."""
    return lambda path: "_".join(path.parts[1:][-1 - parents :]).replace(".", "_")


def _hashed(path: Path) -> str:
    return f"{path.name.replace('.', '_')}_{_hash(str(path))}"


def _shortened(name: str) -> str:
    data = os.fsencode(name)
    if len(data) <= MOST_BYTES:
        return name
    return f"{data[: MOST_BYTES - 20].decode(errors='ignore')}_{_hash(name)}"


def _hash(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:12]


FORMS: tuple[Callable[[Path], str], ...] = (
    lambda path: path.stem,
    _below(0),
    lambda path: path.name,
    _below(1),
    _below(2),
    _hashed,
)
"""How stems are made, from simple to sure."""
