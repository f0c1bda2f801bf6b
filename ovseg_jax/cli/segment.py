"""Names the masks of photos and paints the answer.

Writes for each photo, into --out:
  <photo>_labels.png   0 = unlabelled, i = i-th class of the vocabulary; 16-bit above 255 classes
  <photo>_overlay.png  colours and a legend that also says what is left unlabelled
  <photo>.json         segments and masks with COCO run lengths, names, scores, all settings
  <photo>_maps.npz, <photo>_maps/   with --save-maps
  FORMAT/              what other tools open, with --format; docs/outputs.md has the table

Masks are those of --masks, of --generator, or of the model's own generator; --dense needs none.
Given masks come back exactly as they are, at the photo's own size. Where masks overlap, "semantic"
sums their probabilities per class, "panoptic" gives the pixel to the most certain mask, and
"instance" keeps all of them in the JSON and puts the most certain on top in the pictures.

  ovseg segment photo.jpg --masks masks.json --vocab "cat, kitten; sofa; remote control"
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

from ovseg_jax.cli.errors import UsageError
from ovseg_jax.cli.options import (
    READOUTS,
    add_formats,
    add_generator,
    add_model,
    add_photos,
    add_vocabulary,
    check_score,
)
from ovseg_jax.cli.shards import add_shard
from ovseg_jax.foundation.errors import first_few, one_line

TASKS = ("semantic", "panoptic", "instance")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this subcommand."""
    add_photos(parser)
    add_shard(parser)
    parser.add_argument("--task", choices=TASKS, default="semantic", help="default: semantic")
    parser.add_argument(
        "--min-score",
        type=float,
        metavar="P",
        help="leave pixels and segments below this probability unlabelled (default: the model's "
        "own, usually 0, which labels all that masks cover)",
    )
    parser.add_argument(
        "--save-maps", action="store_true", help="write the activation maps of each mask"
    )
    add_formats(parser)
    add_generator(parser)
    parser.add_argument(
        "--dense",
        nargs="?",
        const="values",
        choices=READOUTS,
        metavar="WAY",
        help="no masks: name every cell of the image tower and take each pixel's best word. WAY is "
        "how the last block of a transformer is read: values (default), queries, queries_keys, or "
        "plain, which works with any tower",
    )
    add_vocabulary(parser, required=False)
    add_model(parser)


def run(arguments: argparse.Namespace) -> int:
    """Segments the photos; returns the exit status."""
    from ovseg_jax.cli.photos import for_each_photo
    from ovseg_jax.inference.formats.folder import FolderFiles
    from ovseg_jax.inference.output.save import names_of_answer, write_answer

    check_score(arguments.min_score)
    _check_dense(arguments)
    formats = arguments.format

    def names_of(folder: Path, stem: str) -> list[str]:
        if not arguments.save_maps:
            return names_of_answer(stem, formats=formats)
        # How many maps there will be is known later; those that are there must be ours.
        older = (folder / f"{stem}_maps").glob("mask_*.png")
        names = names_of_answer(stem, maps=0, formats=formats)
        return names + [f"{stem}_maps/{path.name}" for path in older]

    def handle(segmenter: Any, photo: Any, stem: str, results: Any) -> str:
        result = segmenter.segment(
            photo,
            arguments.masks,
            arguments.task,
            min_score=arguments.min_score,
            with_maps=arguments.save_maps,
        )
        files = write_answer(result, results, stem, formats)
        return f"{one_line(photo.path.name)}: {_summary(result.names)} -> {files[1]}"

    return for_each_photo(arguments, names_of, handle, FolderFiles(formats))


def _check_dense(arguments: argparse.Namespace) -> None:
    """Refuses options that mean nothing without masks."""
    if arguments.dense is None:
        return
    for option in ("masks", "generator", "save_maps"):
        if getattr(arguments, option):
            flag = f"--{option.replace('_', '-')}"
            raise UsageError(f"--dense needs no masks: leave out {flag}, or --dense")
    if arguments.task != "semantic":
        raise UsageError(f"--dense answers --task semantic only, not {arguments.task}")


def _summary(names: list[str], limit: int = 6) -> str:
    """Counts names: "3 cat, sofa"."""
    if not names:
        return "nothing labelled"
    counts = Counter(names).most_common()
    return first_few((name if count == 1 else f"{count} {name}" for name, count in counts), limit)
