"""Orbax checkpoints behind four verbs: open, restore, save, wait.

A run's directory:

    config.json              the resolved config
    frozen/                  parameters that never change, written once
    checkpoints/<step>/      state (trainable part and moments), data position, config

Orbax writes to a temporary name and renames, so a killed run leaves the last whole checkpoint.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp

from ovseg_jax.config import CheckpointConfig
from ovseg_jax.errors import OvsegError
from ovseg_jax.training.state import TrainState


class CheckpointError(OvsegError, RuntimeError):
    """A checkpoint could not be written or read."""


class Run:
    """The checkpoints of one training run."""

    def __init__(self, workdir: Path, config: CheckpointConfig, description: dict[str, Any]):
        """Opens a run's directory; use `open_run`."""
        self._workdir = workdir
        self._every = config.every_steps
        self._description = description
        self._manager = ocp.CheckpointManager(
            workdir / "checkpoints",
            options=ocp.CheckpointManagerOptions(
                max_to_keep=config.keep, enable_async_checkpointing=True
            ),
        )

    def restore(self, state: TrainState) -> tuple[TrainState, int]:
        """Returns the newest saved state, laid out like `state`, and the stream's position.

        A fresh run returns `state` itself and 0, after writing the frozen part.

        Raises:
            CheckpointError: The directory holds a run whose parameters differ.
        """
        step = self._manager.latest_step()
        if step is None:
            self._write_frozen(state)
            return state, 0
        shapes = jax.tree.map(ocp.utils.to_shape_dtype_struct, _moving(state))
        arguments = ocp.args.Composite(
            state=ocp.args.StandardRestore(shapes), data=ocp.args.JsonRestore()
        )
        try:
            restored = self._manager.restore(step, args=arguments)
            frozen = self._read_frozen(state)
        except (ValueError, KeyError, FileNotFoundError) as error:
            raise CheckpointError(
                f"{self._workdir}: checkpoint {step} does not fit this config: {error}; "
                "use another work directory or the config that is stored there"
            ) from error
        return state.replace(**restored.state, frozen=frozen), int(restored.data["position"])

    def save_if_due(self, state: TrainState, number: int, position: int, last: bool) -> None:
        """Starts saving at every `every_steps`-th step and at the last one."""
        if not (last or number % self._every == 0) or self._manager.latest_step() == number:
            return
        arguments = ocp.args.Composite(
            state=ocp.args.StandardSave(_moving(state)),
            data=ocp.args.JsonSave({"position": position}),
            config=ocp.args.JsonSave(self._description),
        )
        try:
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

    def _failure(self, number: int | None, error: Exception) -> CheckpointError:
        free = shutil.disk_usage(self._workdir).free / 2**20
        return CheckpointError(
            f"{self._workdir}: saving checkpoint {number} failed: {error} ({free:.0f} MiB free); "
            "earlier checkpoints are whole; free some space and run the same command again"
        )

    def _write_frozen(self, state: TrainState) -> None:
        if not state.frozen:
            return
        with ocp.StandardCheckpointer() as checkpointer:
            try:
                checkpointer.save(self._workdir / "frozen", state.frozen, force=True)
                checkpointer.wait_until_finished()
            except (OSError, ValueError) as error:
                raise self._failure(0, error) from error

    def _read_frozen(self, state: TrainState) -> dict:
        if not state.frozen:
            return {}
        shapes = jax.tree.map(ocp.utils.to_shape_dtype_struct, state.frozen)
        with ocp.StandardCheckpointer() as checkpointer:
            return checkpointer.restore(self._workdir / "frozen", shapes)


def open_run(workdir: Path, config: CheckpointConfig, description: dict[str, Any]) -> Run:
    """Opens or creates a run's directory; `description` is the resolved config as JSON."""
    workdir = workdir.absolute()
    workdir.mkdir(parents=True, exist_ok=True)
    return Run(workdir, config, description)


def _moving(state: TrainState) -> dict[str, Any]:
    """The part of the state that changes, as plain containers."""
    return {"step": state.step, "trainable": state.trainable, "optimizer": state.optimizer}
