"""What a run reads, by content: folders and lists of words may change between two of its calls.

`data.jsonl` holds a line for the first steps, and another one from wherever a run went on with
other content. The config alone cannot tell, as it holds names only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from ovseg_jax.config import DataConfig
from ovseg_jax.config.data import SYNTHETIC, data_sets
from ovseg_jax.disk.run_layout import CONTENT
from ovseg_jax.foundation import trees
from ovseg_jax.inputs.builders import load_builder
from ovseg_jax.inputs.datasets import open_split
from ovseg_jax.inputs.labels import class_list
from ovseg_jax.training.record import RecordError, begun
from ovseg_jax.vocabulary.classes import class_file_hash

Content = Mapping[str, str | int]


def content_of(data: DataConfig) -> Content:
    """Names the records, which for folders holds a fingerprint, and counts and classes of them."""
    classes = class_file_hash(class_list(data))
    if data.name == SYNTHETIC:
        return {"records": SYNTHETIC, "examples": 0, "classes": classes}
    sets = data_sets(data)
    return {
        "records": " + ".join(load_builder(item).info.full_name for item in sets),
        "examples": sum(len(open_split(item)) for item in sets),
        "classes": classes,
    }


def check(workdir: Path, content: Content, *, anyway: bool = False) -> list[str]:
    """Compares what is there with what a run has read so far; writes nothing.

    Args:
        workdir: The run; before its first checkpoint nothing binds it.
        content: What it would read.
        anyway: Also accept other content (`--resume-anyway`).

    Returns:
        What differs, a line each.

    Raises:
        RecordError: It differs.
    """
    known = _newest(workdir) if begun(workdir) else {}
    pairs = ((name, known.get(name, value), value) for name, value in content.items())
    differing = [f"{name}: {old} -> {new}" for name, old, new in pairs if old != new]
    if differing and not anyway:
        raise RecordError(
            trees.listing(f"{workdir} was trained on other data than is there now", differing)
            + "\nBring the photos, annotations or words back as they were; or use another "
            "--workdir; or go on with the new ones all the same: --resume-anyway"
        )
    return differing


def write(workdir: Path, content: Content, step: int) -> None:
    """Notes what is read from a step on, if that is news."""
    if not step:
        (workdir / CONTENT).unlink(missing_ok=True)
    if _newest(workdir) != content:
        with (workdir / CONTENT).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **content}) + "\n")


def _newest(workdir: Path) -> Content:
    """Returns the last line that can be read, without its step; nothing where there is none."""
    path = workdir / CONTENT
    newest: Content = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            fields = dict(json.loads(line))
        except (ValueError, TypeError):  # torn by a kill
            continue
        newest = {name: value for name, value in fields.items() if name != "step"}
    return newest
