"""The parameters that never change: written once, and compared with what every checkpoint names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp

from ovseg_jax.disk.run_layout import FROZEN
from ovseg_jax.foundation.errors import OvsegError
from ovseg_jax.loading.weights import fingerprint
from ovseg_jax.training.integrity import set_aside
from ovseg_jax.training.report import say
from ovseg_jax.training.sharding import gathered


class FrozenError(OvsegError, RuntimeError):
    """The frozen part of a run is damaged and cannot be made again; the message says why."""


def write(workdir: Path, frozen: Mapping[str, Any]) -> None:
    """Writes the frozen parameters; an older folder goes once the new one is whole.

    Raises:
        OSError: The disk refuses.
        ValueError: Orbax's word for the same.
    """
    if not frozen:
        return
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(workdir / FROZEN, frozen, force=True)
        checkpointer.wait_until_finished()


def restore(workdir: Path, initial: Mapping[str, Any], wanted: str) -> Mapping[str, Any]:
    """Reads the frozen parameters; where they are damaged, initial values of the same bits serve.

    Args:
        workdir: The run.
        initial: The frozen part as the config makes it at step 0, laid out over the devices.
        wanted: Fingerprint that a checkpoint names; empty for those of earlier versions.

    Raises:
        FrozenError: The folder is damaged, and the config makes other values.
    """
    if not initial:
        return initial
    found, wrong = read(workdir, initial), "cannot be read"
    if found is not None:
        if not wanted or value_hash(found) == wanted:
            return found
        wrong = "was altered"
    if not wanted or value_hash(initial) != wanted:
        raise FrozenError(
            f"{workdir / FROZEN} {wrong}, and the initial weights of this config (init_from) are "
            "not those that the run started from; bring the folder or those weights back from a "
            "copy. Nothing was changed"
        )
    _repair(workdir, initial, wrong)
    return initial


def read(workdir: Path, like: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Reads the frozen parameters, laid out like `like`; None if they cannot be read."""
    shapes = jax.tree.map(ocp.utils.to_shape_dtype_struct, like)
    try:
        with ocp.StandardCheckpointer() as checkpointer:
            return checkpointer.restore(workdir / FROZEN, shapes)
    except Exception:  # whatever Orbax stumbles over in damaged files
        return None


def value_hash(frozen: Mapping[str, Any]) -> str:
    """Returns a hash of names, shapes and values; empty where nothing is frozen."""
    return fingerprint(gathered(frozen)) if frozen else ""


def _repair(workdir: Path, initial: Mapping[str, Any], wrong: str) -> None:
    folder, kept = workdir / FROZEN, ""
    if jax.process_index() == 0 and folder.exists():
        kept = f"; the old one is {set_aside(folder).name}"
    if jax.process_count() > 1:
        from jax.experimental import multihost_utils

        multihost_utils.sync_global_devices("frozen set aside")
    write(workdir, initial)
    say(f"{folder} {wrong}: written again from the initial weights, which are the same{kept}")
