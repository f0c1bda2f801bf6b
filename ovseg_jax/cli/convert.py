"""Turns a published checkpoint into a weights directory. Nothing in the file is executed.

{kinds}

Every tensor of the file must be known and every parameter must be filled; otherwise all problems
are listed at once and nothing is written. report.json tells what became of each tensor, with the
file's hash and licence.

  ovseg convert open_clip open_clip_pytorch_model.bin weights/clip_convnext_large
  ovseg convert openai ViT-L-14-336px.pt weights/clip_vit_l
  ovseg convert big_vision siglip2_b16_256.npz weights/siglip2 --tokenizer gemma.model
"""

from __future__ import annotations

import argparse
from collections import Counter
from typing import TYPE_CHECKING

from ovseg_jax.cli.options import add_overwrite, given_path
from ovseg_jax.convert.published import KINDS
from ovseg_jax.foundation.errors import first_few, printable

if TYPE_CHECKING:
    from ovseg_jax.convert.conversion import Conversion

__doc__ = (__doc__ or "").format(
    kinds="\n".join(f"  {name:<13} {kind.description}" for name, kind in KINDS.items())
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this subcommand."""
    parser.add_argument("kind", choices=KINDS, help="what the file holds")
    parser.add_argument(
        "source",
        type=given_path,
        help="the published file, an index of its shards, or their folder",
    )
    parser.add_argument("target", type=given_path, help="the weights directory to write")
    parser.add_argument(
        "--layout",
        choices=("orbax", "safetensors"),
        default="orbax",
        help="an Orbax directory, or config.json and one model.safetensors",
    )
    parser.add_argument(
        "--dtype",
        choices=("float32", "float16", "bfloat16"),
        default="float32",
        help="precision of the stored parameters",
    )
    parser.add_argument(
        "--variant", default="", help="the model, where sizes leave a choice (..._quickgelu)"
    )
    parser.add_argument(
        "--which",
        default="",
        metavar="NAME",
        help="the set of weights, where a file has several: model, model_ema, ... (default: the "
        "average if there is one)",
    )
    parser.add_argument(
        "--allow-nonfinite",
        action="store_true",
        help="convert weights that are NaN or infinite, or too large for --dtype, as they are",
    )
    parser.add_argument("--licence", default="", help="licence of this file, for report.json")
    parser.add_argument("--tokenizer", default="", help="SigLIP's SentencePiece file")
    parser.add_argument("--clip", default="", help="MaskCLIP++: the CLIP file that was tuned")
    parser.add_argument("--dry-run", action="store_true", help="check everything, write nothing")
    add_overwrite(parser)


def run(arguments: argparse.Namespace) -> int:
    """Converts the file; returns the exit status."""
    from ovseg_jax.cli.progress import Progress
    from ovseg_jax.convert.conversion import convert_file, read_conversion

    names = ("variant", "licence", "tokenizer", "clip", "which", "allow_nonfinite", "dtype")
    options = {name: getattr(arguments, name) for name in names}
    with Progress() as progress:
        progress.task(printable(f"converting {arguments.source.name}"))
        if arguments.dry_run:
            conversion = read_conversion(arguments.kind, arguments.source, **options)
        else:
            options |= {name: getattr(arguments, name) for name in ("layout", "overwrite")}
            conversion = convert_file(arguments.kind, arguments.source, arguments.target, **options)
    print(printable(_summary(conversion)))
    if arguments.dry_run:
        return _dry_end(arguments)
    print(printable(f"written to {arguments.target}"))
    return 0


def _dry_end(arguments: argparse.Namespace) -> int:
    """Says whether the target could be written; status 1 where it could not."""
    from ovseg_jax.convert.conversion import check_target
    from ovseg_jax.disk.atomic import OutputError

    names = ("overwrite", "tokenizer", "clip")
    options = {name: getattr(arguments, name) for name in names}
    print("nothing written")
    try:
        check_target(arguments.target, arguments.source, **options)
    except OutputError as error:
        print(f"the target would be refused: {error}")
        return 1
    return 0


def _summary(conversion: Conversion) -> str:
    from ovseg_jax.foundation import trees
    from ovseg_jax.loading.weights import NONFINITE

    report, origin = conversion.report, conversion.origin
    config = conversion.config
    stored = ", ".join(f"{count} {name}" for name, count in origin["stored_dtypes"].items())
    removed = ", ".join(filter(None, [*origin["wrappers"], origin["prefix"]]))
    lines = [
        f"{config.method.kind} on {config.clip.variant}, "
        f"{trees.count(conversion.params):,} parameters",
        f"tensors as stored: {stored}" + (f"; taken off their names: {removed}" if removed else ""),
        *_beside(conversion),
        f"{len(report.used)} tensors used, {len(report.skipped)} left out, "
        f"{len(report.filled)} parameters filled in",
    ]
    for reason, count in Counter(report.skipped.values()).most_common():
        lines.append(f"  {count:>4} left out: {reason}")
    for reason, count in Counter(report.filled.values()).most_common():
        lines.append(f"  {count:>4} filled in: {reason}")
    for path, what in origin[NONFINITE].items():
        lines.append(f"  not finite: {path}, {what}")
    return "\n".join([*lines, f"licence: {origin['licence']}"])


def _beside(conversion: Conversion) -> list[str]:
    """Says which level of the file was taken, and what was left there."""
    checkpoint = conversion.checkpoint
    lines = [f"weights taken from: {checkpoint.taken}"] if checkpoint.taken else []
    if len(checkpoint.files) > 1:
        lines.append(f"read from {len(checkpoint.files) - 1} shards")
    for reason, _ in Counter(checkpoint.left_out.values()).most_common():
        names = [name for name, why in checkpoint.left_out.items() if why == reason]
        lines.append(f"  beside them: {first_few(names, 3)} ({reason})")
    return lines
