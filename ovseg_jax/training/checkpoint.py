"""Orbax checkpoints of a run, each with hashes that are checked before it is used.

A run's directory:

    config.json              the config of its first step; changes.jsonl holds later changes
    frozen/                  parameters that never change, written once
    checkpoints/<step>/      state (trainable part and moments), data position, config, hashes
    checkpoints/damaged-*/   what was found damaged, set aside

Orbax writes to a temporary name and renames, so a killed run leaves the last whole checkpoint.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp

from ovseg_jax.config import CheckpointConfig
from ovseg_jax.disk.run_layout import CHECKPOINTS
from ovseg_jax.foundation import trees
from ovseg_jax.foundation.errors import OvsegError
from ovseg_jax.training import frozen, integrity, kept, saved_state
from ovseg_jax.training.report import say
from ovseg_jax.training.state import TrainState


class CheckpointError(OvsegError, RuntimeError):
    """A checkpoint could not be written or read."""


class Run:
    """The checkpoints of one training run."""

    def __init__(self, workdir: Path, config: CheckpointConfig, description: dict[str, Any]):
        """Opens a run's directory; use `open_run`."""
        self._workdir, self._folder = workdir, workdir / CHECKPOINTS
        self._config, self._saved_at = config, time.monotonic()
        self._description = description
        self._saving, self._frozen_hash = 0, ""
        hashes = ocp.options.AsyncOptions(post_finalization_callback=self._write_hashes)
        self._manager = ocp.CheckpointManager(
            self._folder,
            options=ocp.CheckpointManagerOptions(
                preservation_policy=kept.policy(config, workdir),
                enable_async_checkpointing=True,
                async_options=hashes,
            ),
        )

    def restore(self, state: TrainState) -> tuple[TrainState, int]:
        """Returns the newest saved state, laid out like `state`, and the stream's position.

        A fresh run returns `state` itself and 0, after writing the frozen part.

        Raises:
            CheckpointError: The directory holds a run whose parameters differ.
            ovseg_jax.training.frozen.FrozenError: The frozen part is damaged.
        """
        step = self._manager.latest_step()
        if step is None:
            self._frozen_hash = frozen.value_hash(state.frozen)
            self._write_frozen(state)
            return state, 0
        if wrong := saved_state.differences(self._manager.directory / str(step) / "state", state):
            raise self._unfit(step, wrong)
        shapes = jax.tree.map(ocp.utils.to_shape_dtype_struct, _moving(state))
        arguments = ocp.args.Composite(
            state=ocp.args.StandardRestore(shapes), data=ocp.args.JsonRestore()
        )
        try:
            restored = self._manager.restore(step, args=arguments)
        except (ValueError, KeyError, FileNotFoundError) as error:
            raise self._unfit(step, str(error).splitlines()) from error
        data = restored["data"]
        self._frozen_hash = data.get("frozen", "")
        still = frozen.restore(self._workdir, state.frozen, self._frozen_hash)
        return state.replace(**restored["state"], frozen=still), int(data["position"])

    def newest(self) -> int | None:
        """Returns the step of the newest checkpoint, behind the one that is being written."""
        self.wait()
        return self._manager.latest_step()

    def is_due(self, number: int) -> bool:
        """Whether the config wants a checkpoint of this step."""
        return number % self._config.every_steps == 0

    def is_late(self) -> bool:
        """Whether, by this host's clock, the config wants a checkpoint by now."""
        passed = time.monotonic() - self._saved_at
        return 0 < self._config.every_minutes * 60 <= passed

    def save(self, state: TrainState, number: int, position: int) -> None:
        """Starts saving in the background, unless this step is saved already."""
        if self._manager.latest_step() == number:
            return
        data = {"position": position, "frozen": self._frozen_hash}
        arguments = ocp.args.Composite(
            state=ocp.args.StandardSave(_moving(state)),
            data=ocp.args.JsonSave(data),
            config=ocp.args.JsonSave(self._description),
        )
        try:
            self._manager.wait_until_finished()
            self._saving, self._saved_at = number, time.monotonic()
            self._manager.save(number, args=arguments, force=True)
        except (OSError, ValueError) as error:
            raise self._failure(number, error) from error

    def wait(self) -> None:
        """Waits until everything is on disk, and reports what failed on the way.

        Raises:
            CheckpointError: A save did not succeed, for example on a full disk.
        """
        try:
            self._manager.wait_until_finished()
            self._manager.check_for_errors()
        except (OSError, ValueError) as error:
            raise self._failure(self._manager.latest_step(), error) from error

    def finish_saving(self) -> None:
        """Waits for a save under way while another error ends the run; says what failed."""
        try:
            self.wait()
        except CheckpointError as error:
            say(str(error))

    def _write_hashes(self) -> None:
        """Called by Orbax on one host, when all files are written and not yet in their place."""
        found = list(self._folder.glob(f"{self._saving}{integrity.UNFINISHED}*"))
        if len(found) != 1:
            raise CheckpointError(f"{self._folder}: no files of checkpoint {self._saving} found")
        integrity.write_hashes(found[0])

    def _unfit(self, step: int, lines: Sequence[str]) -> CheckpointError:
        title = f"{self._workdir}: checkpoint {step} does not fit this config"
        return CheckpointError(
            trees.listing(title, lines)
            + "\nUse the config that is stored there, or another --workdir: `ovseg weights RUN "
            "OUT` and --init-from OUT start it from the parameters of this run"
        )

    def _failure(self, number: int | None, error: Exception) -> CheckpointError:
        free = shutil.disk_usage(self._workdir).free / 2**20
        return CheckpointError(
            f"{self._workdir}: saving checkpoint {number} failed: {error} ({free:.0f} MiB free); "
            "earlier checkpoints are whole; free some space and run the same command again"
        )

    def _write_frozen(self, state: TrainState) -> None:
        try:
            frozen.write(self._workdir, state.frozen)
        except (OSError, ValueError) as error:
            raise self._failure(0, error) from error


def open_run(
    workdir: Path, config: CheckpointConfig, description: dict[str, Any], *, trust: bool = False
) -> Run:
    """Opens a run's directory, with the newest whole checkpoint as its newest.

    Args:
        workdir: Absolute; this process must be the only one that trains there.
        config: When to save, and how many to keep.
        description: The resolved config as JSON.
        trust: Also go on from a checkpoint without hashes.

    Raises:
        ovseg_jax.training.integrity.IntegrityError: All checkpoints are damaged.
    """
    if jax.process_index() == 0:
        integrity.clear_unfinished(workdir)
        integrity.clear_unfinished(workdir / CHECKPOINTS)
        _set_damaged_aside(workdir / CHECKPOINTS, trust)
    if jax.process_count() > 1:
        from jax.experimental import multihost_utils

        multihost_utils.sync_global_devices("damaged checkpoints set aside")
    return Run(workdir, config, description)


def _set_damaged_aside(folder: Path, trust: bool) -> None:
    step, damaged = integrity.newest_intact(folder, trust=trust)
    for number, wrong in damaged.items():
        place = integrity.set_aside(folder / str(number))
        say(f"checkpoint {number} is damaged: {wrong}; it was set aside as {place}")
    if damaged:
        lost = max(damaged) - (step or 0)
        say(f"checkpoint {step} is whole: {lost} steps are lost and will be done again")


def _moving(state: TrainState) -> dict[str, Any]:
    """The part of the state that changes, as plain containers."""
    return {"step": state.step, "trainable": state.trainable, "optimizer": state.optimizer}
