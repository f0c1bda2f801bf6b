"""Scores predictions again that `ovseg evaluate --save-predictions` wrote, without the model.

  ovseg rescore runs/a/evaluations --out again
  ovseg rescore runs/a/evaluations/test.predictions.json --out again --root /data/coco

Scores and files are those of `ovseg evaluate`, to the last digit. Predictions by others may take
the place of ours, in the same files. Only mask_accuracy cannot be scored from predictions.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools

from ovseg_jax.cli.options import add_overwrite, given_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this subcommand."""
    parser.add_argument(
        "predictions",
        type=given_path,
        metavar="FOLDER_OR_FILE",
        help="folder of results with predictions, or one NAME.predictions.json",
    )
    parser.add_argument("--out", type=given_path, required=True, help="folder for the files")
    for name, what in (("root", "the publisher's files"), ("prepared", "prepared records")):
        parser.add_argument(
            f"--{name}", type=given_path, metavar="FOLDER", help=f"where {what} lie now"
        )
    add_overwrite(parser)


def run(arguments: argparse.Namespace) -> int:
    """Scores; returns the exit status."""
    from ovseg_jax.cli.scoring import Files, with_progress
    from ovseg_jax.disk.outputs import OutputFolder
    from ovseg_jax.evaluation.predictions.rescoring import rescore
    from ovseg_jax.evaluation.predictions.stored import open_predictions
    from ovseg_jax.evaluation.report.files import ENDINGS

    found = open_predictions(arguments.predictions)
    places = {"root": arguments.root, "prepared": arguments.prepared}
    moved = {name: str(place) for name, place in places.items() if place is not None}
    folder = OutputFolder(
        arguments.out, inputs=[arguments.predictions], overwrite=arguments.overwrite
    )
    names = [f"{stored.config.name}{ending}" for stored in found for ending in ENDINGS]
    folder.claim(names, arguments.predictions)
    files = Files(folder, arguments.predictions)
    for stored in found:
        data = dataclasses.replace(stored.config.data, **moved)
        config = dataclasses.replace(stored.config, data=data)
        here = dataclasses.replace(stored, config=config)
        score = functools.partial(rescore, here)
        result = with_progress(config.name, len(here.photos), score)
        files.report(config.name, result)
    return 0
