"""Scores a run or weights, and prints the protocol behind every number.

  ovseg evaluate runs/a
  ovseg evaluate weights/mask_adapter_large --config configs/mask_adapter/sam_h_masks.py
  ovseg evaluate runs/a --generator weights/sam_vit_h
  ovseg evaluate runs/a --dense values
  ovseg evaluate runs/a --evaluations.0.names nearest    # what perfect names would give
  ovseg evaluate weights/fcclip --suite open_vocabulary --roots roots.yaml    # the papers' sets

What is evaluated stands in the run's own config, or in --config, or is a suite of the papers' sets
(open_vocabulary, panoptic, mask_accuracy), whose results also stand in one table with the papers'
rows below. Files are written beside: JSON with scores, protocol and the numbers of each class;
those as CSV; scores and protocol as Markdown; a report for the browser, with the worst photos; and
.photos.npz, by which `ovseg compare` tells chance from progress. A killed command goes on where it
was, and ends with the same files. Batches are divided over all devices and, on a cluster, hosts.
Every field of the config is an option, for example --model.templates vild14.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ovseg_jax.cli.errors import UsageError, run_program
from ovseg_jax.cli.options import READOUTS, add_hosts, add_overwrite, given_path, help_status
from ovseg_jax.cli.watching import add_progress, keep_logs_back
from ovseg_jax.config.experiment import located_evaluations
from ovseg_jax.disk.run_layout import EVALUATIONS, RECORD, WEIGHTS

PASSES_ON = True
"""Unknown options are fields of the config, `--help` after a model included."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this subcommand."""
    parser.add_argument("model", nargs="?", help="run, weights directory, or 'toy'")
    parser.add_argument("--config", type=given_path, help="config file whose evaluations are run")
    parser.add_argument(
        "--suite", help="a suite of the papers' sets, or only the evaluation of this name"
    )
    parser.add_argument(
        "--roots",
        type=given_path,
        metavar="FILE_OR_FOLDER",
        help="where the sets of a suite lie: YAML or JSON with one line per data set, or the "
        "folder that holds them all",
    )
    parser.add_argument(
        "--generator",
        metavar="RUN_OR_WEIGHTS",
        help="another model that makes the masks, SAM too; scores are then those of its masks, "
        "under the evaluation's name with the generator's behind it",
    )
    parser.add_argument(
        "--dense",
        choices=READOUTS,
        help="score pixels that the model's towers name without any masks; see `ovseg segment`",
    )
    parser.add_argument(
        "--out",
        type=given_path,
        help="folder for the files (default: evaluations/ beside the run)",
    )
    add_overwrite(parser)
    parser.add_argument(
        "--save-predictions",
        action="store_true",
        help="also write what was answered: COCO results, COCO panoptic, label maps; `ovseg "
        "rescore` scores them again without the model",
    )
    parser.add_argument(
        "--fresh",
        action="store_true",
        help="throw away what a killed run of this command has counted, which is otherwise taken "
        "up where it was left",
    )
    add_hosts(parser)
    add_progress(parser)
    parser.add_argument(
        "-h", "--help", action="store_true", help="this text; with a model, all fields"
    )
    parser.set_defaults(parser=parser)


def run(arguments: argparse.Namespace) -> int:
    """Evaluates; returns the exit status."""
    if arguments.model is None:
        return help_status(arguments)
    keep_logs_back(arguments.progress)
    from ovseg_jax.cli import suites
    from ovseg_jax.cli.experiment import override
    from ovseg_jax.cli.other_masks import with_other_masks
    from ovseg_jax.cli.results import inputs_of
    from ovseg_jax.cli.scoring import Files, Scoring, check_same_records, is_first
    from ovseg_jax.disk.outputs import OutputFolder
    from ovseg_jax.disk.programs import keep_programs
    from ovseg_jax.foundation import devices
    from ovseg_jax.inputs.places import from_here
    from ovseg_jax.loading.opening import resolve
    from ovseg_jax.loading.weights import load_weights
    from ovseg_jax.training import hosts, preflight

    options = [*arguments.rest, *(["--help"] if arguments.help else [])]
    place = resolve(arguments.model)
    hosts.connect(arguments.hosts)
    devices.found()
    keep_programs()
    model, params = load_weights(place)
    config = dataclasses.replace(_experiment(place, arguments), model=model)
    config = from_here(override(config, options, f"evaluate {arguments.model}"))
    config, chosen = with_other_masks(config, _chosen(config, arguments.suite), arguments)
    folder = arguments.out or place / EVALUATIONS
    inputs = [*inputs_of(arguments), place / RECORD]
    results = OutputFolder(folder, inputs=inputs, overwrite=arguments.overwrite)
    results.claim([*_names(chosen, arguments), *suites.files_of(arguments.suite)], place)
    preflight.check_evaluations(chosen, config.model)
    if not arguments.overwrite:
        check_same_records(folder, chosen)
    devices.announce("scoring")
    scoring = Scoring(
        config.model,
        params,
        str(arguments.model),
        Files(results, place),
        arguments.save_predictions,
        arguments.progress,
    )
    if arguments.fresh:
        scoring.forget(chosen)
    found = {item.name: scoring.score(item) for item in chosen}
    if suites.files_of(arguments.suite) and is_first():
        summary = suites.summarise(arguments, config.model.method.kind, found)
        suites.write(summary, results, place)
    scoring.forget(chosen)
    return 0


def main(argv: Sequence[str] | None = None) -> None:
    """Entry of `evaluate.py`; ends the program with the exit status."""
    sys.exit(run_program(__doc__, add_arguments, run, argv))


def _names(chosen: list[Any], arguments: argparse.Namespace) -> list[str]:
    """The files of all evaluations, but pictures of predictions."""
    from ovseg_jax.evaluation.predictions.keeping import endings
    from ovseg_jax.evaluation.report.files import ENDINGS

    answers = endings if arguments.save_predictions else lambda _: ()
    return [f"{x.name}{end}" for x in chosen for end in (*ENDINGS, *answers(x.metrics))]


def _experiment(place: Path, arguments: argparse.Namespace) -> Any:
    """Returns the config that says what to evaluate."""
    from ovseg_jax.cli import suites
    from ovseg_jax.cli.experiment import load_config
    from ovseg_jax.training.record import read_config

    if arguments.config is not None:
        return suites.place(load_config(arguments.config), arguments.roots)
    if arguments.suite in suites.names():
        return suites.place(suites.load(arguments.suite), arguments.roots)
    stored = place / RECORD
    if not (place / WEIGHTS).is_dir() or not stored.exists():
        raise UsageError(
            f"{place} is not a run, so nothing says what to evaluate; add --config FILE with "
            f"evaluations, or --suite with one of {', '.join(suites.names())}"
        )
    return read_config(place)


def _chosen(config: Any, suite: str | None) -> list[Any]:
    from ovseg_jax.cli import suites

    names = [item.name for item in config.evaluations]
    if not names:
        raise UsageError("the config has no evaluations; give --config FILE with some")
    if suite in suites.names() and suite not in names:
        suite = None
    if suite is not None and suite not in names:
        known = f"the config has {', '.join(names)}; suites are {', '.join(suites.names())}"
        raise UsageError(f"there is no evaluation {suite!r}; {known}")
    return [item for item in located_evaluations(config) if suite in (None, item.name)]
