"""Weights of any checkpoint of a run, finished or not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from ovseg_jax.disk.run_layout import CHECKPOINTS, FROZEN
from ovseg_jax.foundation import trees
from ovseg_jax.foundation.errors import OvsegError, warn
from ovseg_jax.foundation.typing import Params
from ovseg_jax.loading.parameters import answering_part, expected_parameters
from ovseg_jax.loading.weights import check_target, save_weights
from ovseg_jax.training import finished, frozen, integrity, record


class ExportError(OvsegError, ValueError):
    """A run has no such checkpoint, or it is damaged; the message lists those that there are."""


def export_weights(
    workdir: Path, target: Path, step: int | None = None, *, overwrite: bool = False
) -> int:
    """Writes the parameters of a checkpoint as a weights directory; the run may be at work.

    Args:
        workdir: The run.
        target: The weights directory to write.
        step: Which checkpoint; None takes the newest whole one.
        overwrite: Also replace weights of another checkpoint or run.

    Returns:
        The step of the checkpoint.

    Raises:
        ExportError: There is no such checkpoint, or it is damaged.
        ovseg_jax.training.integrity.IntegrityError: All of them are damaged.
        ovseg_jax.disk.atomic.OutputError: The target may not be replaced, or the disk refuses.
    """
    workdir = workdir.absolute()
    step = chosen_step(workdir, step)
    source = f"{workdir.name}, step {step}"
    check_target(target, source=source, overwrite=overwrite)
    config = record.read_config(workdir)
    shapes = expected_parameters(config.model)
    trainable, fixed = trees.split(shapes, config.optimizer.trainable)
    folder = workdir / CHECKPOINTS / str(step)
    kept = frozen.read(workdir, _here(fixed)) if fixed else {}
    if kept is None:
        raise ExportError(f"{workdir / FROZEN} cannot be read")
    _check_frozen(folder, kept)
    params = trees.merge(_trainable(folder, trainable), kept)
    arrays = jax.tree.map(np.asarray, params)
    origin = {"run": workdir.name, finished.STEP: step}
    options = {"source": source, "overwrite": overwrite}
    save_weights(target, *answering_part(config.model, arrays), report=origin, **options)
    return step


def chosen_step(workdir: Path, step: int | None) -> int:
    """Returns the step of the checkpoint that is asked for, or of the newest whole one.

    Raises:
        ExportError: There is no such checkpoint, or it is damaged.
        ovseg_jax.training.integrity.IntegrityError: All of them are damaged.
    """
    folder = workdir / CHECKPOINTS
    steps = integrity.saved_steps(folder)
    if not steps or step not in (None, *steps):
        raise _missing(workdir, steps, step)
    if step is None:
        newest, damaged = integrity.newest_intact(folder)
        for number, wrong in damaged.items():
            warn(f"checkpoint {number} is damaged: {wrong}; the one before is taken")
        if newest is None:  # all were removed in the meantime
            raise _missing(workdir, [], None)
        return newest
    if wrong := integrity.damage(folder / str(step)):
        raise ExportError(f"{folder / str(step)} is damaged: {wrong}")
    return step


def _missing(workdir: Path, steps: list[int], step: int | None) -> ExportError:
    known = ", ".join(map(str, steps)) or "none"
    wanted = "checkpoint" if step is None else f"checkpoint {step}"
    return ExportError(f"{workdir} has no {wanted}; there are: {known}")


def _trainable(folder: Path, shapes: Params) -> Params:
    """Reads the trainable parameters, and leaves the moments where they are."""
    wanted = _here(shapes)
    arguments = ocp.args.PyTreeRestore(
        item={"trainable": wanted},
        restore_args=ocp.checkpoint_utils.construct_restore_args({"trainable": wanted}),
        partial_restore=True,
    )
    try:
        with ocp.PyTreeCheckpointer() as checkpointer:
            return checkpointer.restore(folder / "state", arguments)["trainable"]
    except (ValueError, KeyError, OSError) as error:
        raise ExportError(f"{folder} does not fit the config of its run: {error}") from error


def _check_frozen(folder: Path, kept: Mapping[str, Any]) -> None:
    with ocp.Checkpointer(ocp.JsonCheckpointHandler()) as checkpointer:
        data = checkpointer.restore(folder / "data")
    if data.get("frozen") and frozen.value_hash(kept) != data["frozen"]:
        raise ExportError(
            f"{folder.parents[1] / FROZEN} is not the one of checkpoint {folder.name}: it "
            "was altered; `ovseg train` writes it again where it can"
        )


def _here(shapes: Params) -> Any:
    place = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    return jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=place), shapes
    )
