"""The evaluation pass: three small functions per evaluator, additive states, one loop.

An evaluator is `init() -> state`, `update(state, outcome) -> state` and `result(state) -> table`.
States are sums over images, so the states of several hosts or shards can be added with
`add_states`, and images that only fill up a batch (`Batch.valid` false) add nothing. Whatever is
heavy in `update` is jitted; the sums themselves are kept in NumPy with 64 bits.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from ovseg_jax.evaluation.counted import ByClass
from ovseg_jax.foundation.typing import Batch, Proposals, Struct, struct
from ovseg_jax.inference.postprocess.geometry import Frame, Size
from ovseg_jax.inputs.batches import Overlaps, View
from ovseg_jax.inputs.federated import Searched

State = Any
Table = dict[str, float]
Pictures = TypeVar("Pictures", Batch, View)
"""What is judged at once: a batch, or one as the network and as the score see it."""


class NamingRule(Protocol):
    """How masks got their log probabilities, for instance `inference.ensemble.Rule`."""

    def describe(self, seen: int, unseen: int) -> str:
        """Says what counted, for a vocabulary with so many seen and unseen classes."""
        ...


@struct
class Outcome(Struct):
    """What a method made of one batch, beside the truth.

    Attributes:
        batch: Images with `segment_ids` and `labels`.
        proposals: The masks that were classified, in the frame of the batch's images.
        log_probs: Log probability of each class for each mask, void last.
        mask_labels: True class of each mask; -1 where it has none.
        overlaps: All of each true segment that others hide; None where nothing overlaps.
        searched: For which classes the images were searched; None where for all.
        frame: Sizes by which the masks of one photo are brought to its own size; None where masks
            and truth share the frame of the batch.
        rule: What made the log probabilities; it describes itself to the protocol card.
    """

    batch: Batch
    proposals: Proposals
    log_probs: Float[Array, "b q k1"]
    mask_labels: Int[Array, "b q"]
    overlaps: Overlaps | None = None
    searched: Searched | None = None
    frame: Frame | None = dataclasses.field(default=None, metadata={"static": True})
    rule: NamingRule | None = dataclasses.field(default=None, metadata={"static": True})

    @property
    def on_device(self) -> Outcome:
        """What programs are compiled for: without what stays on the host."""
        return self.replace(overlaps=None, searched=None)


def at_size_of_score(outcome: Outcome) -> tuple[Frame, Size]:
    """How masks of one image come to the size of its score, and where its picture ends there.

    Args:
        outcome: Of one image, without the batch axis.
    """
    height, width = map(int, outcome.batch.sizes)
    return outcome.frame or Frame.plain(*outcome.batch.images.shape[:2]), (height, width)


class Evaluator(Protocol):
    """One kind of score over one split."""

    def init(self) -> State:
        """Returns the state before the first batch."""

    def update(self, state: State, outcome: Outcome) -> State:
        """Returns the state with one batch added."""

    def result(self, state: State) -> Table:
        """Returns the scores, as fractions, by name."""
        ...


@dataclasses.dataclass(frozen=True)
class Pass:
    """What a pass over a split leaves.

    Attributes:
        evaluators: Those that ran, by the prefix of their scores.
        states: Their states, which are sums over images.
        images: How many were seen.
    """

    evaluators: Mapping[str, Evaluator]
    states: Mapping[str, State]
    images: int

    def table(self) -> Table:
        """The scores of all evaluators as "prefix/name"."""
        found = {name: one.result(self.states[name]) for name, one in self.evaluators.items()}
        return {_named(name, key): v for name, scores in found.items() for key, v in scores.items()}

    def classes(self) -> dict[str, Float[np.ndarray, " k"]]:
        """The numbers of each class as "prefix/name", from evaluators that have some."""
        own = {name: one for name, one in self.evaluators.items() if isinstance(one, ByClass)}
        found = {name: one.per_class(self.states[name]) for name, one in own.items()}
        return {_named(name, key): row for name, rows in found.items() for key, row in rows.items()}


def evaluate(
    evaluators: Mapping[str, Evaluator],
    judge: Callable[[Pictures], Outcome],
    batches: Iterable[Pictures],
    *,
    max_images: int = 0,
    on_batch: Callable[[int], None] | None = None,
) -> tuple[Table, int]:
    """Runs all evaluators in one pass; `run_pass` says what is taken.

    Returns:
        The scores of all evaluators as "prefix/name", and the number of images.
    """
    done = run_pass(evaluators, judge, batches, max_images=max_images, on_batch=on_batch)
    return done.table(), done.images


def run_pass(
    evaluators: Mapping[str, Evaluator],
    judge: Callable[[Pictures], Outcome],
    batches: Iterable[Pictures],
    *,
    max_images: int = 0,
    on_batch: Callable[[int], None] | None = None,
) -> Pass:
    """Runs all evaluators in one pass.

    Args:
        evaluators: By the prefix of their scores; an empty prefix adds nothing.
        judge: Proposes and classifies; compile it outside.
        batches: All of one shape, the last one filled up with images whose `valid` is false.
        max_images: Stop once this many valid images were seen; 0 takes all. The batch in which
            the limit falls is cut to it.
        on_batch: Called with the number of images so far, for progress bars.
    """
    states = {name: evaluator.init() for name, evaluator in evaluators.items()}
    seen = 0
    for batch in batches:
        batch, count = _limit(batch, max_images - seen if max_images else None)
        outcome = judge(batch)
        for name, evaluator in evaluators.items():
            states[name] = evaluator.update(states[name], outcome)
        seen += count
        if on_batch is not None:
            on_batch(seen)
        if max_images and seen >= max_images:
            break
    return Pass(evaluators, states, seen)


def _named(prefix: str, key: str) -> str:
    return f"{prefix}/{key}" if prefix else key


def add_states(*states: State) -> State:
    """Adds states of several shards, leaf by leaf."""
    return jax.tree.map(lambda *leaves: sum(leaves[1:], leaves[0]), *states)


def valid_images(batch: Batch | View) -> Bool[Array, " b"]:
    """Which images count; all where the batch does not say."""
    if batch.valid is not None:
        return jnp.asarray(batch.valid)
    return jnp.ones(batch.images.shape[0], bool)


def truth_map(batch: Batch) -> Int[Array, "b H W"]:
    """Class of every pixel of the ground truth; -1 for void, padding and invalid images.

    Crowds have their class, as in the semantic maps that detectron2 makes of panoptic ones.
    """
    ids, labels = batch.replace(crowds=None).truth
    slots = jnp.pad(labels, ((0, 0), (1, 0)), constant_values=-1)  # id 0 is void
    flat = ids.reshape(slots.shape[0], -1)
    labels = jnp.take_along_axis(slots, flat, axis=1).reshape(ids.shape)
    return jnp.where(valid_images(batch)[:, None, None], labels, -1)


def class_groups(
    seen: Bool[np.ndarray, " k"] | None, is_thing: Bool[np.ndarray, " k"]
) -> dict[str, Bool[np.ndarray, " k"]]:
    """The groups of classes that every table keeps apart; groups without a class are left out.

    Args:
        seen: Classes that share a name with the training vocabulary; None where that parts nothing.
        is_thing: Classes that are things.
    """
    is_thing = np.asarray(is_thing, bool)
    if seen is None:
        groups = {"things": is_thing, "stuff": ~is_thing}
        return {name: members for name, members in groups.items() if members.any()}
    seen = np.asarray(seen, bool)
    groups = {
        "seen": seen,
        "unseen": ~seen,
        "things": is_thing,
        "stuff": ~is_thing,
        "things_seen": is_thing & seen,
        "things_unseen": is_thing & ~seen,
        "stuff_seen": ~is_thing & seen,
        "stuff_unseen": ~is_thing & ~seen,
    }
    return {name: members for name, members in groups.items() if members.any()}


def mean_of_known(values: Float[np.ndarray, "*axes"]) -> float:
    """The mean of the numbers that say something; NaN where none does."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else math.nan


def harmonic_mean(table: Table, metric: str) -> Table:
    """The harmonic mean of a metric of seen and of unseen classes, where both are there."""
    seen, unseen = (table.get(f"{metric}/{name}", math.nan) for name in ("seen", "unseen"))
    if math.isnan(seen + unseen):
        return {}
    total = seen + unseen
    return {f"{metric}/harmonic": 2 * seen * unseen / total if total else 0.0}


def _limit(batch: Pictures, most: int | None) -> tuple[Pictures, int]:
    valid = np.asarray(valid_images(batch))
    if most is not None and valid.sum() > most:
        valid = valid & (np.cumsum(valid) <= most)
        batch = batch.replace(valid=jnp.asarray(valid))
    return batch, int(valid.sum())
