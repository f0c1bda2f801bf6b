"""Writes a model for programs that do not have this package.

{formats}

Photos have one fixed size (--size), words any number, except in ONNX. manifest.json names all
inputs and outputs with shapes and types, what is done to photos before, and hashes of the files.
docs/export.md shows a short program for each format.

  ovseg export toy out/toy --format stablehlo
  ovseg export runs/a out/a --format safetensors --dtype bfloat16
  ovseg export weights/mask_adapter out/b --format onnx --size 640x896 --masks 100
"""

from __future__ import annotations

import argparse
import re

from ovseg_jax.cli.errors import UsageError
from ovseg_jax.cli.options import add_overwrite, given_path
from ovseg_jax.export.formats import FORMATS
from ovseg_jax.foundation.errors import printable

__doc__ = (__doc__ or "").format(
    formats="\n".join(f"  {name:<13} {kind.description}" for name, kind in FORMATS.items())
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this subcommand."""
    parser.add_argument("model", metavar="MODEL", help="weights directory or run, or 'toy'")
    parser.add_argument("target", metavar="OUT", type=given_path, help="the folder to write")
    parser.add_argument("--format", choices=FORMATS, required=True, help="see above")
    parser.add_argument(
        "--size",
        type=frame,
        default=(0, 0),
        metavar="HxW",
        help="network input in pixels (default: a square that holds any photo at the model's size)",
    )
    parser.add_argument("--batch", type=int, default=1, help="photos at once (default: 1)")
    parser.add_argument(
        "--masks",
        type=int,
        default=0,
        metavar="N",
        help="take N given masks per photo (default: the generator's, or 100 where there is none)",
    )
    parser.add_argument(
        "--words",
        type=int,
        default=0,
        metavar="N",
        help="fixed slots for words (default: any number; onnx: 256)",
    )
    parser.add_argument(
        "--dtype",
        choices=("float32", "bfloat16", "float16"),
        default="float32",
        help="precision of parameters that are written alone (orbax, safetensors)",
    )
    add_overwrite(parser)


def run(arguments: argparse.Namespace) -> int:
    """Writes the export; returns the exit status."""
    from ovseg_jax.cli.progress import Progress
    from ovseg_jax.export.writing import Wish, export_model

    _check(arguments)
    names = ("format", "batch", "masks", "words", "dtype")
    wish = Wish(frame=arguments.size, **{name: getattr(arguments, name) for name in names})
    with Progress() as progress:
        progress.task(printable(f"exporting {arguments.model}"))
        options = {"overwrite": arguments.overwrite}
        manifest = export_model(arguments.model, arguments.target, wish, **options)
    parts = ", ".join(manifest.get("parts", ())) or "parameters"
    print(printable(f"{arguments.model} written to {arguments.target}: {parts}"))
    return 0


def frame(text: str) -> tuple[int, int]:
    """Reads height and width in pixels, as in 640x896."""
    found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; give height and width as 640x896")
    return int(found[1]), int(found[2])


def _check(arguments: argparse.Namespace) -> None:
    """Refuses numbers that mean nothing, and options that the format would not heed."""
    for name, least in (("batch", 1), ("masks", 0), ("words", 0)):
        if (value := getattr(arguments, name)) < least:
            raise UsageError(f"--{name} {value}: give at least {least}")
    if FORMATS[arguments.format].computes and arguments.dtype != "float32":
        raise UsageError(
            f"--dtype {arguments.dtype} is for parameters alone; leave it out with "
            f"--format {arguments.format}"
        )
