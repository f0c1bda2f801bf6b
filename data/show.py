"""Draws photos of a data set with their labels: `ovseg data show NAME DIR [--out sheet.png]`.

Prepares the records where that has not been done, as training would, and takes photos from all
over the split. Prints how many segments each class has, and in how many photos.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data.build import NAMES
from data.sheet import contact_sheet
from ovseg_jax.cli.progress import Progress
from ovseg_jax.config import DataConfig
from ovseg_jax.disk.atomic import write_atomically
from ovseg_jax.foundation.errors import counted, printable
from ovseg_jax.inputs.builders import load_builder, own_classes
from ovseg_jax.inputs.datasets import decode, open_split
from ovseg_jax.inputs.places import from_here, local


def main(argv: Sequence[str] | None = None, program: str | None = None) -> None:
    """Parses the command line, writes the sheet and prints the counts.

    Args:
        argv: The arguments; those of the process when None.
        program: What usage messages call the program.
    """
    parser = argparse.ArgumentParser(
        prog=program,
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", choices=NAMES)
    parser.add_argument(
        "folder", nargs="?", default="", metavar="DIR", help="folder with the set's files"
    )
    parser.add_argument("--config", default="", help="builder config (default: the first)")
    parser.add_argument("--split", default="", help="such as validation (default: the first)")
    parser.add_argument("--count", type=_positive, default=12, help="photos to draw (default: 12)")
    parser.add_argument("--out", type=Path, default=Path("sheet.png"), help="picture to write")
    parser.add_argument("--data-dir", default="", help="where records are (default: TFDS's)")
    options = parser.parse_args(argv)
    out = local(options.out, "--out")
    data = _config(options)
    source, classes = open_split(data), own_classes(data)
    numbers = np.linspace(0, len(source) - 1, min(options.count, len(source))).round().astype(int)
    sheet = contact_sheet([decode(source[int(number)]) for number in numbers], classes)
    form = {".jpg": "JPEG", ".jpeg": "JPEG"}.get(out.suffix.lower(), "PNG")
    write_atomically(out.absolute(), lambda file: sheet.save(file, format=form))
    for line in _counts(source, classes.names, data.split):
        print(printable(line))
    print(f"wrote {out}: {counted(len(numbers), 'photo')} of {len(source)}")


def _config(options: argparse.Namespace) -> DataConfig:
    """Returns how the split is read: labels are positions in the set's own class list."""
    data = DataConfig(
        name=options.name,
        config=options.config,
        split=options.split,
        root=options.folder,
        prepared=options.data_dir,
        vocabulary="",
    )
    data = from_here(data)
    if data.split:
        return data
    splits = list(load_builder(data).info.splits)
    return dataclasses.replace(data, split="train" if "train" in splits else splits[0])


def _counts(source: Sequence[dict[str, Any]], names: Sequence[str], split: str) -> list[str]:
    """Counts segments and photos of each class over the whole split, the most frequent first."""
    segments: collections.Counter[int] = collections.Counter()
    photos: collections.Counter[int] = collections.Counter()
    with Progress() as progress:
        update = progress.task("counting segments")
        for done, record in enumerate(source, 1):
            found = np.asarray(record["categories"]).tolist()
            segments.update(found)
            photos.update(set(found))
            update(done, len(source))
    lines = [f"{split}: {counted(len(source), 'photo')}, {counted(segments.total(), 'segment')}"]
    lines.append(f"{'segments':>10} {'photos':>8}  class")
    lines += [f"{count:>10} {photos[k]:>8}  {names[k]}" for k, count in segments.most_common()]
    if absent := len(names) - len(segments):
        lines.append(f"of {counted(len(names), 'class', 'es')} {absent} have no segment here")
    return lines


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


if __name__ == "__main__":
    main()
