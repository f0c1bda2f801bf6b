"""Whether training is still made of numbers: measured inside the step, read some steps later.

The compiled step answers with one truth value per place: the loss, the gradient and the updated
value of each group of parameters, and the optimizer's moments. A group is what one module owns.
Reading lags behind by `delayed.LAG` steps; before anything is saved or evaluated all of it is read,
so nothing that is not finite reaches the disk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ovseg_jax.config import OptimizerConfig
from ovseg_jax.foundation import trees
from ovseg_jax.foundation.errors import OvsegError
from ovseg_jax.training.delayed import Delayed

KEY = "finite"
"""Where the step's metrics hold the measurement, until `Watch.note` takes it out."""


class DivergenceError(OvsegError, ArithmeticError):
    """Training left the finite numbers; the message names step, parameter group and remedies."""


def measure(
    loss: Float[Array, ""], gradients: Mapping[str, Any], trainable: Mapping[str, Any], moments: Any
) -> Bool[Array, " places"]:
    """Tells for every place whether it is finite; call it inside the compiled step."""
    found = [jnp.isfinite(loss)]
    found += [_finite(leaves) for leaves in groups(gradients).values()]
    found += [_finite(leaves) for leaves in groups(trainable).values()]
    return jnp.stack([*found, _finite(jax.tree.leaves(moments))])


def places(trainable: Mapping[str, Any]) -> list[str]:
    """Names what `measure` tells, in its order."""
    names = list(groups(trainable))
    updated = [f"the updated values of {name}" for name in names]
    gradients = [f"the gradient of {name}" for name in names]
    return ["the loss", *gradients, *updated, "the optimizer's moments"]


def groups(tree: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Returns the arrays of every module by its path, `adapter/block1/conv`."""
    found: dict[str, list[Any]] = {}
    for path, leaf in trees.flatten(tree).items():
        found.setdefault(path.rpartition("/")[0] or path, []).append(leaf)
    return found


class Watch:
    """Stops a run a few steps behind the first one that is not finite."""

    def __init__(
        self,
        trainable: Mapping[str, Any],
        config: OptimizerConfig,
        newest: Callable[[], int | None],
    ):
        """Watches the training of some parameters.

        Args:
            trainable: What trains, for the names of its groups.
            config: Settings that the message says how to change.
            newest: Returns the step of the newest whole checkpoint, None if there is none.
        """
        self._places, self._config, self._newest = places(trainable), config, newest
        self._delayed = Delayed()

    def note(self, number: int, metrics: Mapping[str, Any]) -> dict[str, Any]:
        """Takes the measurement of a step out of its metrics, and judges an older step.

        Raises:
            DivergenceError: That older step was not finite.
        """
        for older, finite in self._delayed.put(number, metrics[KEY]):
            self._judge(older, finite)
        return {name: value for name, value in metrics.items() if name != KEY}

    def settle(self) -> None:
        """Judges all steps so far; call it before their result is saved or scored.

        Raises:
            DivergenceError: One of them was not finite.
        """
        for number, finite in self._delayed.rest():
            self._judge(number, finite)

    def _judge(self, number: int, finite: np.ndarray) -> None:
        if finite.all():
            return
        bad = [name for name, good in zip(self._places, finite, strict=True) if not good]
        more = f" and {len(bad) - 2} more places" if len(bad) > 2 else ""
        raise DivergenceError(
            f"step {number} left the finite numbers: {' and '.join(bad[:2])}{more} of "
            f"{len(self._places)}. Nothing of it was saved; {self._remedies()}"
        )

    def _remedies(self) -> str:
        rate, saved = self._config, self._newest()
        kept = f"checkpoint {saved} is finite" if saved else "there is no checkpoint yet"
        again = " and --resume-anyway" if saved else ""
        back = f"it fails at once again, move checkpoints/{saved} away: the one before it is used"
        first = "the first step already fails, look at init_from and at model.clip.compute_dtype"
        return (
            f"{kept}. Try a lower optimizer.peak_lr (now {rate.peak_lr:g}), more "
            f"optimizer.warmup_steps (now {rate.warmup_steps}) or a smaller optimizer.clip_norm "
            f"(now {rate.clip_norm:g}): the same command with the new value{again}. If "
            f"{back if saved else first}"
        )


def _finite(leaves: list[Any]) -> Bool[Array, ""]:
    inexact = [leaf for leaf in leaves if jnp.issubdtype(leaf.dtype, jnp.inexact)]
    return jnp.stack([jnp.array(True), *[jnp.isfinite(leaf).all() for leaf in inexact]]).all()
