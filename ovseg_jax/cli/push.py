"""Makes a folder for Hugging Face's hub: weights, report and a model card. Nothing is sent.

  ovseg push weights/mine upload --repo me/mine     write the folder
  ovseg push upload                                 check a folder
  hf upload me/mine upload                          their tool sends it

Then `--model hf:me/mine@REVISION` and load_segmenter("hf:me/mine@REVISION") load it anywhere.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ovseg_jax.cli.errors import UsageError
from ovseg_jax.cli.options import add_overwrite, given_path
from ovseg_jax.foundation.errors import printable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this subcommand."""
    parser.add_argument("model", metavar="MODEL", help="weights directory, run, or name")
    parser.add_argument(
        "target",
        nargs="?",
        metavar="OUT",
        type=given_path,
        help="the folder to write (default: check MODEL, write nothing)",
    )
    parser.add_argument("--repo", default="", metavar="OWNER/NAME", help="where it will be")
    parser.add_argument(
        "--licence", default="", help="licence of the weights (default: what report.json states)"
    )
    add_overwrite(parser)


def run(arguments: argparse.Namespace) -> int:
    """Writes or checks the folder; returns the exit status."""
    from ovseg_jax.export.hub_folder import check_hub_folder, write_hub_folder

    repository = arguments.repo or "OWNER/NAME"
    folder = arguments.target or Path(arguments.model)
    if arguments.target is not None:
        if not arguments.repo:
            raise UsageError("--repo OWNER/NAME says where it will be; the model card names it")
        options = {"licence": arguments.licence, "overwrite": arguments.overwrite}
        write_hub_folder(arguments.model, folder, repository, **options)
    config = check_hub_folder(folder)
    tower = config.clip.variant or "no words"
    print(printable(f"{folder} is ready: {config.method.kind}, {tower}; nothing was sent"))
    print(printable(f"send it by: hf upload {repository} {folder}"))
    return 0
