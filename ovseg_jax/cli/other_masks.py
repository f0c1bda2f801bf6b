"""Evaluations as their config has them, on masks of another model, or on none."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ovseg_jax.cli.errors import UsageError

if TYPE_CHECKING:
    from ovseg_jax.models.clip.readout import Readout


def with_other_masks(
    config: Any, chosen: list[Any], arguments: argparse.Namespace
) -> tuple[Any, list[Any]]:
    """Returns the config and its evaluations, as --generator and --dense change them.

    Args:
        config: The experiment.
        chosen: Those of its evaluations that are run.
        arguments: Of the command.

    Raises:
        UsageError: Both are given.
    """
    if arguments.generator and arguments.dense:
        raise UsageError("--dense needs no masks: leave out --generator, or --dense")
    if arguments.generator:
        return config, [_on_masks_of(arguments.generator, item) for item in chosen]
    if arguments.dense:
        return _densely(config, chosen, arguments.dense)
    return config, chosen


def _on_masks_of(generator: str, item: Any) -> Any:
    """The same evaluation on masks of another model; there is no true class of those."""
    from ovseg_jax.config import MaskSourceConfig

    return dataclasses.replace(
        item,
        name=f"{item.name}_{Path(generator).name}",
        masks=MaskSourceConfig(kind="model", path=generator),
        metrics=tuple(name for name in item.metrics if name != "mask_accuracy") or ("semantic",),
    )


def _densely(config: Any, items: list[Any], readout: Readout) -> tuple[Any, list[Any]]:
    """The towers alone, and semantic scores of the pixels that they name."""
    from ovseg_jax.config import MaskSourceConfig
    from ovseg_jax.loading.opening import towers_only

    own = {"masks": MaskSourceConfig(kind="generator"), "metrics": ("semantic",)}
    items = [dataclasses.replace(i, name=f"{i.name}_dense_{readout}", **own) for i in items]
    return dataclasses.replace(config, model=towers_only(config.model, readout)), items
