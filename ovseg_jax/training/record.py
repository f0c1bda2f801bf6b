"""A run's record: its config, written once, and later changes with the step they start from.

`config.json` holds the config under which the first steps were done. When a run goes on with other
values, every field that differs is named: harmless ones are taken and noted in `changes.jsonl`,
those that would make one run out of two different ones are refused.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ovseg_jax.config import Config
from ovseg_jax.disk.atomic import write_atomically
from ovseg_jax.disk.configs_io import ConfigError, from_dict, read_json, to_dict
from ovseg_jax.disk.run_layout import CHANGES, CHECKPOINTS, RECORD, WEIGHTS
from ovseg_jax.foundation import trees
from ovseg_jax.foundation.errors import OvsegError
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
OPEN_ENDED = ("constant", "step")
"""Schedules whose rates do not depend on the number of steps, which may then change too."""


class RecordError(OvsegError, ValueError):
    """A config does not go on with the run in a work directory; the message lists the fields."""


@dataclasses.dataclass(frozen=True)
class Change:
    """One field that differs; None stands for a field that is absent on one side.

    Attributes:
        field: Parts joined by slashes, `optimizer/peak_lr`.
        old: Value in the record.
        new: Value asked for.
    """

    field: str
    old: Any
    new: Any

    def __str__(self) -> str:
        """The field as options write it, and both values."""
        return f"{self.field.replace('/', '.')}: {json.dumps(self.old)} -> {json.dumps(self.new)}"


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
    changes = differences(_fields(to_dict(read_config(workdir))), _fields(to_dict(config)))
    refused = [item for item in changes if not reason(item, config)]
    if refused and not anyway:
        raise RecordError(
            trees.listing(f"{workdir} is a run of another config", [str(item) for item in refused])
            + "\nUse another --workdir; or go on with these values all the same: --resume-anyway"
        )
    return changes


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
    fields = _fields(to_dict(read_json(Config, workdir / RECORD)))
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
    return from_dict(Config, _nested(fields), str(workdir / RECORD))


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """Lists the fields in which two flat configs differ, in the order of the new one."""
    names = dict.fromkeys([*new, *old])
    pairs = ((name, old.get(name), new.get(name)) for name in names)
    return [Change(name, before, after) for name, before, after in pairs if before != after]


def _fields(value: Any, prefix: str = "") -> dict[str, Any]:
    """Returns every value of a config by its path; lists of sections are numbered."""
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        items = list(enumerate(value))
    else:
        return {prefix[:-1]: value}
    found: dict[str, Any] = {}
    for key, item in items:
        found |= _fields(item, f"{prefix}{key}/")
    return found


def _nested(fields: Mapping[str, Any]) -> Any:
    """Returns the config of its fields; the inverse of `_fields`."""
    return _with_lists(trees.unflatten(fields))


def _with_lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    items = {key: _with_lists(item) for key, item in value.items()}
    if items and all(key.isdigit() for key in items):
        return [items[key] for key in sorted(items, key=int)]
    return items
