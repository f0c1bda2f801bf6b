"""`ovseg SUBCOMMAND ...`: photos to named masks, training, evaluation, conversion."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence

from ovseg_jax.cli.errors import guarded, run_on_paths
from ovseg_jax.foundation.errors import printable
from ovseg_jax.foundation.version import VERSION

COMMANDS = {
    "segment": "name masks and paint them over photos and videos",
    "serve": "a page on this machine to try words on a photo",
    "reformat": "write answers for other tools: COCO, LabelMe, CVAT, ...",
    "classify": "name masks, as a table",
    "classify-image": "name whole photos, as a table",
    "embed": "embed a vocabulary and fill the cache",
    "models": "list towers, generators, methods, published files and what is here",
    "get": "download a published file by name and convert it",
    "convert": "turn a published checkpoint into a weights directory",
    "train": "run an experiment from a config file",
    "evaluate": "score a run or weights",
    "rescore": "score predictions again, without the model",
    "compare": "say how two results differ, and whether by chance",
    "data": "prepare data sets, your own too",
    "check": "say what an experiment does, and all that stands in its way",
    "plan": "say what a training takes of chips that are not here",
    "weights": "write the weights of a run's checkpoint",
    "export": "write a model for other programs",
    "push": "make a folder for Hugging Face's hub, with a model card",
    "mine": "mine pairs of a mask and a noun from captions",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status (0 done, 1 refused by a check, 2 error)."""
    parser = argparse.ArgumentParser(
        prog="ovseg", description="Open-vocabulary image segmentation: any words, named masks."
    )
    parser.add_argument("--version", action="version", version=f"ovseg {VERSION}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, help_text in COMMANDS.items():
        module = importlib.import_module(f"ovseg_jax.cli.{name.replace('-', '_')}")
        command = commands.add_parser(
            name,
            help=help_text,
            description=module.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            add_help=not getattr(module, "PASSES_ON", False),
        )
        module.add_arguments(command)
        command.set_defaults(run=module.run, passes_on=getattr(module, "PASSES_ON", False))
    arguments, rest = parser.parse_known_args(argv)
    if rest and not arguments.passes_on:
        parser.error(printable(f"unknown arguments: {' '.join(rest)}"))
    arguments.rest = rest
    return guarded(run_on_paths, arguments.run, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
