"""Says what a training will take of chips that are not here: memory, work, network, time.

  ovseg plan configs/mask_adapter/convnext_large_coco_warmup.py --topology v5e-16
  ovseg plan configs/ovseg/vit_l_14_ft.py --topology v5e:16x16 --data.batch-size 512 --price 1.2

The training step is compiled for these chips on this machine, minutes for a large model: for TPUs
by their own compiler (`libtpu`), for GPUs by an estimate that says what it is. Nothing is read but
the config, and what training would refuse of it is refused. A batch that does not divide over the
chips is rounded up. Status 1: it does not fit. Every field of the config is an option, for example
--mesh.fsdp 4. See docs/scaling.md.
"""

from __future__ import annotations

import argparse
import json
import math
import sys

from ovseg_jax.cli.errors import UsageError
from ovseg_jax.cli.options import add_field_help, given_path, help_status
from ovseg_jax.foundation.errors import printable

PASSES_ON = True
"""Unknown options are fields of the config, `--help` after a config included."""
UNFIT = 1
"""Exit status of a plan that does not fit into memory."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this subcommand."""
    parser.add_argument("config", type=given_path, nargs="?", help="config file")
    parser.add_argument(
        "--topology", help="chips: v5e-16, v5e-256, v6e-16, v5e:4x4, h100x8 and the like"
    )
    parser.add_argument(
        "--twice",
        action="store_true",
        help="also compile twice the batch, to say more exactly which is the largest that fits",
    )
    parser.add_argument("--price", type=float, default=0.0, help="of one chip for an hour")
    parser.add_argument("--json", action="store_true", help="print all numbers, as JSON")
    add_field_help(parser)


def run(arguments: argparse.Namespace) -> int:
    """Plans; returns the exit status."""
    if arguments.config is None:
        return help_status(arguments)
    import jax

    from ovseg_jax.cli.experiment import config_of
    from ovseg_jax.planning.chips import FORMS, topology

    jax.config.update("jax_platforms", "cpu")  # or libtpu looks for a chip, and says so at length
    config = config_of(arguments, "plan")
    if not arguments.topology:
        raise UsageError(f"plan needs --topology, the chips to plan for, such as {FORMS}")
    if not 0 <= arguments.price < math.inf:
        raise UsageError(f"--price {arguments.price:g}: give what a chip costs an hour, 0 or more")
    chips = topology(arguments.topology)
    from ovseg_jax.planning.elsewhere import environment
    from ovseg_jax.planning.figures import figures
    from ovseg_jax.planning.given import planned, rounding
    from ovseg_jax.planning.plan import plan
    from ovseg_jax.planning.table import rendered

    if said := rounding(config, ready := planned(config, chips), chips):
        print(f"ovseg: {said}", file=sys.stderr)
    environment(chips)
    print(f"ovseg: compiling for {chips.name}, which may take minutes", file=sys.stderr, flush=True)
    images = config.num_steps * config.data.batch_size
    made = plan(ready, chips, images, twice=arguments.twice)
    if arguments.json:
        print(json.dumps(figures(made, arguments.price), indent=1))
    else:
        print(printable(rendered(made, str(arguments.config), arguments.price)))
    return 0 if made.fits else UNFIT
