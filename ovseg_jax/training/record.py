"""A run's record: its config, written once, and later changes with the step they start from.

`config.json` holds the config under which the first steps were done. When a run goes on with other
values, every field that differs is named: harmless ones are taken and noted in `changes.jsonl`,
those that would make one run out of two different ones are refused.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path

from ovseg_jax.config import Config
from ovseg_jax.disk.atomic import write_atomically
from ovseg_jax.disk.configs_io import ConfigError, from_dict, read_json, to_dict
from ovseg_jax.disk.run_layout import CHANGES, CHECKPOINTS, RECORD, WEIGHTS
from ovseg_jax.foundation import trees
from ovseg_jax.foundation.errors import OvsegError
from ovseg_jax.training.changes import Change, config_tree, differences, fields_of
from ovseg_jax.training.integrity import saved_steps

HARMLESS = {
    r"log_every": "decides what is printed",
    r"checkpoint/.*": "decides when the state is kept, not what it is",
    r"evaluations(/.*)?": "scores are read off the parameters and change nothing",
    r"model/inference/.*": "decides how answers are read off, behind training",
    r"step/.*": "decides how a step is computed, not what; sums may differ in their last bits",
    r"mesh/.*": "decides where arrays lie; sums may differ in their last bits",
    r"data/(mixed_with/\d+/)?prepared": "says where the same records lie",
    r"data/mixed_with/\d+/root": "says where the data lie; what they hold is compared",
    r"data/max_unreadable": "decides how much damage ends the run",
    r"data/workers": "decides how many threads read, not what",
    r"data/root": "says where the data lie; what they hold is compared (data.jsonl)",
    r"init_(from|parts|missing)(/.*)?": "was read at step 0 only; no effect on what goes on",
}
"""Fields that may change while a run goes on, and why; all others are part of what the run is."""
MOMENTS = (r"optimizer/(rule|trainable)", r"optimizer/lr_factors(/.*)?")
"""Fields by which the optimizer keeps other values."""
STRUCTURE = ("optimizer/rule", "optimizer/trainable", "optimizer/lr_factors")
"""Those of them by which it does: the last differs where there were no factors, or are none."""
SORTED_BY = "optimizer/no_decay"
"""By this Muon also tells which parameters fall under it."""
OPEN_ENDED = ("constant", "step")
"""Schedules whose rates do not depend on the number of steps, which may then change too."""


class RecordError(OvsegError, ValueError):
    """A config does not go on with the run in a work directory; the message lists the fields."""


def accepted_changes(workdir: Path, config: Config, *, anyway: bool = False) -> list[Change]:
    """Compares a config with the record of the run that it is to go on with; writes nothing.

    Args:
        workdir: The run; before its first checkpoint no record binds it.
        config: What is asked for.
        anyway: Also accept what changes the model or the stream (`--resume-anyway`).

    Returns:
        What differs.

    Raises:
        RecordError: Something differs that makes it another run.
        ovseg_jax.disk.configs_io.ConfigError: The record cannot be read.
    """
    if not (workdir / RECORD).is_file() or not begun(workdir):
        return []
    changes = differences(fields_of(to_dict(read_config(workdir))), fields_of(to_dict(config)))
    _check_moments(workdir, changes, config)
    refused = [item for item in changes if not reason(item, config)]
    if refused and not anyway:
        raise RecordError(
            trees.listing(f"{workdir} is a run of another config", [str(item) for item in refused])
            + "\nUse another --workdir; or go on with these values all the same: --resume-anyway"
        )
    return changes


def _check_moments(workdir: Path, changes: Iterable[Change], config: Config) -> None:
    """Refuses what no saved state fits, `--resume-anyway` or not."""
    muons = (SORTED_BY,) if config.optimizer.rule == "muon" else ()
    changes = [item for item in changes if trees.first_match(item.field, (*MOMENTS, *muons))]
    if not any(item.field in (*STRUCTURE, *muons) for item in changes):
        return
    said = [str(item) for item in changes if item.field != "optimizer/lr_factors"]
    raise RecordError(
        trees.listing(f"{workdir} has saved the moments of another optimizer", said)
        + "\nUse another --workdir; `ovseg weights RUN OUT` and --init-from OUT start it from the "
        "parameters of this run, with new moments"
    )


def reason(change: Change, config: Config) -> str:
    """Says why a change is harmless; nothing if it is not."""
    if change.field == "num_steps" and config.optimizer.schedule in OPEN_ENDED:
        return f"the schedule {config.optimizer.schedule!r} does not depend on it"
    pattern = trees.first_match(change.field, tuple(HARMLESS))
    return HARMLESS[pattern] if pattern else ""


def check_length(config: Config, step: int) -> None:
    """Refuses to end a run before the step that it has reached.

    Raises:
        RecordError: It has gone further than `num_steps`.
    """
    if step > config.num_steps:
        raise RecordError(
            f"num_steps is {config.num_steps}, but the run has done {step}; `ovseg weights RUN OUT "
            "--step N` writes the weights of an earlier checkpoint"
        )


def begun(workdir: Path) -> bool:
    """Whether a run has done steps that are kept, so that its record binds."""
    return bool(saved_steps(workdir / CHECKPOINTS)) or (workdir / WEIGHTS).is_dir()


def write(workdir: Path, config: Config, changes: Iterable[Change], step: int) -> None:
    """Writes the record of a run that begins, or adds to that of one that goes on.

    Args:
        workdir: The run.
        config: What it is trained by from now on.
        changes: What differs from the record, see `accepted_changes`.
        step: The last step done before.
    """
    path = workdir / RECORD
    if not (path.is_file() and begun(workdir)):
        text = json.dumps(to_dict(config), indent=1).encode()
        write_atomically(path, lambda file: file.write(text))
        (workdir / CHANGES).unlink(missing_ok=True)
        return
    now = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    lines = [
        {"step": step, "field": item.field, "from": item.old, "to": item.new, "time": now}
        for item in changes
    ]
    if lines:
        with (workdir / CHANGES).open("a", encoding="utf-8") as file:
            file.write("".join(json.dumps(line) + "\n" for line in lines))


def read_config(workdir: Path) -> Config:
    """Returns the config under which a run was trained last: its record, with later changes.

    Raises:
        ovseg_jax.disk.configs_io.ConfigError: The record or its changes cannot be read.
    """
    fields = fields_of(to_dict(read_json(Config, workdir / RECORD)))
    path = workdir / CHANGES
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            change = json.loads(line)
            field, value = change["field"], change["to"]
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{path} holds a line that is no change: {error}") from error
        fields.pop(field, None)
        if value is not None:
            fields[field] = value
    return from_dict(Config, config_tree(fields), str(workdir / RECORD))
