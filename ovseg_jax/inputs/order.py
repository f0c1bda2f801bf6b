"""Which record each example of the stream is: arithmetic on its number, without any memory.

One data set: example i is record `shuffle(seed, i div size)[i mod size]`. Several: examples go in
cycles, in which every set has as many places as its weight says; each cycle mixes its places anew.
Cycle and place say how many examples of the same set came before, so that every set passes through
shuffled epochs of its own, and any example can be found without those before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ovseg_jax.config import DataConfig
from ovseg_jax.config.data import data_sets
from ovseg_jax.inputs.builders import DataError

LONGEST_CYCLE = 1000


class Order(NamedTuple):
    """How the examples of a stream are spread over data sets and records.

    Attributes:
        sizes: Records of each set.
        places: Places of each set in a cycle.
        seed: Of the run.
        shuffle: Whether epochs and cycles are mixed.
    """

    sizes: tuple[int, ...]
    places: tuple[int, ...]
    seed: int
    shuffle: bool

    def find(self, number: Any) -> tuple[Any, Any]:
        """Returns set and record of an example, as int64 tensors."""
        import tensorflow as tf

        owner, before = (tf.constant(table, tf.int64) for table in _cycle(self.places))
        cycle, place = number // sum(self.places), number % sum(self.places)
        if self.shuffle and len(self.places) > 1:
            place = _mixed(place, cycle, -1 - self.seed, tf.constant(sum(self.places), tf.int64))
        chosen = tf.gather(owner, place)
        count = cycle * tf.gather(tf.constant(self.places, tf.int64), chosen)
        count += tf.gather(before, place)
        size = tf.gather(tf.constant(self.sizes, tf.int64), chosen)
        epoch, index = count // size, count % size
        return chosen, _mixed(index, epoch, self.seed, size) if self.shuffle else index


def check_mixture(data: DataConfig) -> tuple[int, ...]:
    """Returns how many places of a cycle each set of a stream has; reads nothing.

    The shortest cycle is taken in which the weights are whole numbers of places; where none of up
    to 1,000 places is one, weights are rounded to thousandths of their sum.

    Raises:
        DataError: A weight is not above 0, or too small beside the others for a single place; or
            several sets have no vocabulary in common.
    """
    weights = [item.weight for item in data_sets(data)]
    if len(weights) > 1 and not data.vocabulary:
        raise DataError(
            "data.mixed_with: an empty data.vocabulary means the classes of each set; give one "
            "list that names the classes of all of them"
        )
    shares = np.asarray(weights, np.float64)
    if not (np.isfinite(shares) & (shares > 0)).all():
        raise DataError(f"data.weight and those of data.mixed_with are {weights}; above 0 each")
    counts = _places(shares / shares.sum())
    if not counts.all():
        raise DataError(
            f"data.weight and those of data.mixed_with are {weights}; a set with less than a "
            "thousandth of their sum would never be read"
        )
    return tuple(counts.tolist())


def _places(shares: Float[np.ndarray, " sets"]) -> Int[np.ndarray, " sets"]:
    for length in range(len(shares), LONGEST_CYCLE + 1):
        counts = np.rint(shares * length)
        if np.abs(shares * length - counts).max() < 1e-6:
            return counts.astype(int)
    counts = np.floor(shares * LONGEST_CYCLE).astype(int)
    most_lost = np.argsort(counts - shares * LONGEST_CYCLE, kind="stable")
    counts[most_lost[: LONGEST_CYCLE - counts.sum()]] += 1
    return counts


def _cycle(counts: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Spreads the sets evenly over a cycle; set, and earlier places of the same set, by place."""
    at = np.concatenate([(np.arange(count) + 0.5) / count for count in counts])
    order = np.argsort(at, kind="stable")
    owner = np.repeat(np.arange(len(counts)), counts)[order]
    before = np.concatenate([np.arange(count) for count in counts])[order]
    return owner, before


def _mixed(index: Any, epoch: Any, seed: int, size: Any) -> Any:
    """Returns where an index below `size` comes to lie; every epoch has an order of its own."""
    import tensorflow as tf

    key = tf.cast(tf.stack([epoch % 2**31, tf.constant(seed % 2**31, tf.int64)]), tf.int32)
    shuffled = tf.random.experimental.index_shuffle  # type: ignore[reportAttributeAccessIssue]
    return shuffled(index, key, size - 1)  # its module has no stubs
