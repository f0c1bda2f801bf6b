"""LVIS's mask AP as an evaluator; the rules are in `federated_ap`."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import jax
import numpy as np
from jaxtyping import Bool, Float
from pycocotools.mask import decode

from ovseg_jax.evaluation.evaluator import Outcome, Table, class_groups, mean_of_known, valid_images
from ovseg_jax.evaluation.federated_ap import MOST, FederatedAp, Judged, federated_ap, match
from ovseg_jax.evaluation.instance import (
    ImageInstances,
    encoded_found,
    instances_of,
    true_instances,
)
from ovseg_jax.foundation.typing import Batch, needed
from ovseg_jax.inputs.batches import Overlaps
from ovseg_jax.inputs.federated import Searched

ALWAYS = ("AP", "AP50", "AP75")
"""Numbers that a table has even where they are NaN, since nothing true is there."""


@dataclasses.dataclass(frozen=True)
class FederatedEvaluator:
    """LVIS's mask AP, under the names of `InstanceEvaluator` and by frequency of classes.

    Attributes:
        seen: Classes that share a name with the training vocabulary; None for no such groups.
        is_thing: Classes that are things.
        frequencies: "r", "c", "f" or "" of each class.
        keeps_found: Whether states hold what was found too, which takes far more memory.
        last: The state that was scored last and its scores.
    """

    seen: Bool[np.ndarray, " k"] | None
    is_thing: Bool[np.ndarray, " k"]
    frequencies: Sequence[str]
    keeps_found: bool = False
    last: list[tuple[Judged, FederatedAp]] = dataclasses.field(default_factory=list, compare=False)

    def init(self) -> Judged:
        """No images."""
        return Judged()

    def update(self, state: Judged, outcome: Outcome) -> Judged:
        """Adds one batch, image by image."""
        for index in np.flatnonzero(np.asarray(valid_images(outcome.batch))):
            one = jax.tree.map(lambda leaf, i=index: leaf[i], outcome)
            image = instances_of(one, self.is_thing, MOST)
            state = state + self._judged(image, one.searched)
        return state

    def count_found(
        self,
        found: Sequence[dict],
        batch: Batch,
        overlaps: Overlaps | None,
        searched: Searched | None,
    ) -> Judged:
        """Counts one photo anew, as `InstanceEvaluator.count_found` does."""
        masks = np.zeros((len(found), *map(int, batch.sizes)), bool)
        for row, item in enumerate(found):
            masks[row] = decode(item["segmentation"])
        classes = np.array([item["category_id"] for item in found], int)
        scores = np.array([item["score"] for item in found], float)
        truth = true_instances(batch, overlaps, self.is_thing)
        return self._judged(ImageInstances(*truth, masks, classes, scores), searched)

    def result(self, state: Judged) -> Table:
        """The numbers of `FederatedAp.table`, and AP per group of classes, where defined."""
        table, each = self._scores(state).table(), self.per_class(state)["AP"]
        groups = class_groups(self.seen, self.is_thing)
        table |= {f"AP/{name}": mean_of_known(each[members]) for name, members in groups.items()}
        return {name: x for name, x in table.items() if np.isfinite(x) or name in ALWAYS}

    def per_class(self, state: Judged) -> dict[str, Float[np.ndarray, " k"]]:
        """AP of each class; NaN for those without a true object."""
        return {"AP": self._scores(state).per_class()}

    def _judged(self, image: ImageInstances, searched: Searched | None) -> Judged:
        said = needed(searched, "Outcome.searched")
        lists = said.negatives, said.not_exhaustive
        matches = match(image, *(row[row >= 0].tolist() for row in map(np.asarray, lists)))
        return Judged((matches,), (encoded_found(image),) if self.keeps_found else ())

    def _scores(self, state: Judged) -> FederatedAp:
        if not self.last or self.last[0][0] is not state:
            self.last[:] = [(state, federated_ap(state, self.frequencies))]
        return self.last[0][1]
