"""Classification accuracy on given masks: open-vocabulary skill apart from mask quality.

The share of masks whose best class is their true one, over all masks and as a mean over classes
(which frequent classes do not dominate), for seen and unseen classes, things and stuff. Used for
the analyses of MaskCLIP++ and FISA, with ground-truth masks.
"""

from __future__ import annotations

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from ovseg_jax.evaluation.evaluator import Outcome, Table, class_groups, valid_images


@dataclasses.dataclass(frozen=True)
class MaskAccuracy:
    """Counts right and judged masks of each class. Void never wins: the best class counts.

    Attributes:
        seen: Classes that share a name with the training vocabulary; None for no such groups.
        is_thing: Classes that are things.
    """

    seen: Bool[np.ndarray, " k"] | None
    is_thing: Bool[np.ndarray, " k"]

    def init(self) -> Int[np.ndarray, "2 k"]:
        """Right and judged masks per class, both zero."""
        return np.zeros((2, len(self.is_thing)), np.int64)

    def update(self, state: Int[np.ndarray, "2 k"], outcome: Outcome) -> Int[np.ndarray, "2 k"]:
        """Adds the labelled masks of one batch."""
        return state + np.asarray(_count(outcome.on_device, len(self.is_thing)), np.int64)

    def result(self, state: Int[np.ndarray, "2 k"]) -> Table:
        """Accuracy over masks and over classes, overall and per group, and the mask count."""
        groups = {"": np.ones(len(self.is_thing), bool), **class_groups(self.seen, self.is_thing)}
        table = {}
        for name, members in groups.items():
            suffix = f"/{name}" if name else ""
            right, judged = state[:, members]
            table[f"accuracy{suffix}"] = _ratio(right.sum(), judged.sum())
            table[f"class_accuracy{suffix}"] = mean_class_accuracy(right, judged)
        return table | {"masks": float(state[1].sum())}

    def per_class(self, state: Int[np.ndarray, "2 k"]) -> dict[str, Float[np.ndarray, " k"]]:
        """Accuracy and judged masks of each class."""
        right, judged = state.astype(np.float64)
        accuracy = np.where(judged > 0, right / np.maximum(judged, 1), np.nan)
        return {"accuracy": accuracy, "masks": judged}


def mean_class_accuracy(right: Int[np.ndarray, " k"], judged: Int[np.ndarray, " k"]) -> float:
    """Mean over the classes that have a mask; NaN when none has."""
    present = judged > 0
    return float((right[present] / judged[present]).mean()) if present.any() else float("nan")


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")


@functools.partial(jax.jit, static_argnums=1)
def _count(outcome: Outcome, num_classes: int) -> Int[Array, "2 k"]:
    judged = outcome.proposals.valid & (outcome.mask_labels >= 0)
    judged &= valid_images(outcome.batch)[:, None]
    right = judged & (outcome.log_probs[..., :num_classes].argmax(-1) == outcome.mask_labels)
    slots = jnp.where(judged, outcome.mask_labels, num_classes).ravel()

    def per_class(weights: Array) -> Array:
        return jnp.zeros(num_classes + 1, jnp.int32).at[slots].add(weights.ravel())[:-1]

    return jnp.stack([per_class(right), per_class(judged)])
