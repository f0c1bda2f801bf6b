"""Checks an experiment in seconds: nothing is computed, prepared or written.

  ovseg check configs/mask_adapter/convnext_large_coco_warmup.py --data.root /data/coco
  ovseg check configs/fisa/vit_l_14_336.py --devices 16

Says what the experiment will do, and all that stands in its way at once: fields that are out of
range or do not go together, weights that are missing or of other shapes, data sets whose files or
splits are missing, words, a batch that does not divide over the devices. Status 1 where something
does. Every field of the config is an option. `ovseg plan` says what it will take.
"""

from __future__ import annotations

import argparse

from ovseg_jax.cli.errors import UsageError
from ovseg_jax.cli.options import add_field_help, given_path, help_status
from ovseg_jax.foundation.errors import counted, printable

PASSES_ON = True
"""Unknown options are fields of the config, `--help` after a config included."""
MOST = 10**6
"""Devices beyond which a number is a slip of the finger."""
FOUND = 1
"""Exit status where something stands in the way."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this subcommand."""
    parser.add_argument("config", type=given_path, nargs="?", help="config file")
    parser.add_argument(
        "--devices", type=int, help="devices that it is to run on (default: those found here)"
    )
    add_field_help(parser)


def run(arguments: argparse.Namespace) -> int:
    """Checks; returns the exit status."""
    if arguments.config is None:
        return help_status(arguments)
    from ovseg_jax.cli.experiment import config_of
    from ovseg_jax.foundation import devices

    if arguments.devices is not None and not 1 <= arguments.devices <= MOST:
        raise UsageError(f"--devices {arguments.devices}: give 1 to {MOST:,}")
    config = config_of(arguments, "check")
    from ovseg_jax.training.readiness import readiness

    facts, problems = readiness(config, arguments.devices or len(devices.found()))
    width = max((len(subject) for subject, _ in facts), default=0)
    for subject, said in facts:
        print(printable(f"{subject:{width}}  {said}"))
    if not problems:
        print("nothing stands in the way")
        return 0
    print(f"\n{counted(len(problems), 'problem')}:", flush=True)
    for problem in problems:
        print(f"- {printable(problem)}")
    return FOUND
