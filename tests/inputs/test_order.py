"""Which record an example is follows from its number: epochs, and sets by weight."""

import dataclasses
from collections import Counter

import numpy as np
import pytest
import tensorflow as tf
from drawn_records import DATA, mixed

from ovseg_jax.inputs.builders import DataError
from ovseg_jax.inputs.order import Order, check_mixture


def found(order, numbers):
    pairs = tf.map_fn(
        lambda number: tf.stack(order.find(number)), tf.constant(list(numbers), tf.int64)
    )
    return [tuple(pair) for pair in pairs.numpy().tolist()]


def weights(first, *others):
    return dataclasses.replace(
        DATA, weight=first, mixed_with=tuple(mixed(str(n), w) for n, w in enumerate(others))
    )


@pytest.mark.parametrize(
    ("given", "places"),
    [
        ((1.0,), (1,)),
        ((1.0, 1.0), (1, 1)),
        ((0.75, 0.25), (3, 1)),
        ((2.0, 1.0, 1.0), (2, 1, 1)),
        ((0.1, 0.2, 0.7), (1, 2, 7)),
        ((1.0, 2**0.5), (414, 586)),
        ((1.0, 999.0), (1, 999)),
    ],
)
def test_a_cycle_has_places_in_proportion_to_the_weights(given, places):
    assert check_mixture(weights(*given)) == places


@pytest.mark.parametrize("given", [(1.0, 0.0), (-1.0, 2.0), (1.0, float("nan")), (1.0, 1e-4)])
def test_weights_that_give_a_set_no_place_are_refused(given):
    with pytest.raises(DataError, match=r"data\.weight and those of data\.mixed_with are \["):
        check_mixture(weights(*given))


def test_sets_without_a_common_vocabulary_are_refused():
    with pytest.raises(DataError, match="an empty data.vocabulary .* names the classes of all"):
        check_mixture(dataclasses.replace(weights(1.0, 1.0), vocabulary=""))


@pytest.mark.parametrize("shuffle", [False, True])
def test_every_set_passes_through_epochs_of_its_own(shuffle):
    order = Order(sizes=(5, 3), places=(3, 1), seed=7, shuffle=shuffle)
    pairs = found(order, range(60))
    for first in range(0, 60, 4):
        assert Counter(chosen for chosen, _ in pairs[first : first + 4]) == {0: 3, 1: 1}
    assert Counter(pairs) == {(0, n): 9 for n in range(5)} | {(1, n): 5 for n in range(3)}


def test_epochs_and_cycles_are_mixed_anew():
    order = Order(sizes=(50, 50), places=(1, 1), seed=7, shuffle=True)
    pairs = found(order, range(400))
    epochs = [[n for chosen, n in pairs if chosen == 0][at : at + 50] for at in (0, 50, 100)]
    assert epochs[0] != epochs[1] != epochs[2]
    assert len({tuple(x for x, _ in pairs[at : at + 2]) for at in range(0, 400, 2)}) == 2


def test_one_set_is_read_as_if_there_were_no_weights():
    alone = Order(sizes=(11,), places=(1,), seed=3, shuffle=True)
    pairs = found(alone, range(33))
    assert all(chosen == 0 for chosen, _ in pairs)
    assert [Counter(n for _, n in pairs[at : at + 11]) for at in (0, 11, 22)] == [
        Counter(range(11))
    ] * 3


def test_a_place_far_on_needs_nothing_before_it():
    order = Order(sizes=(1000, 7), places=(9, 1), seed=1, shuffle=True)
    far = found(order, range(10**9, 10**9 + 20))
    assert far == found(order, range(10**9, 10**9 + 20))
    assert Counter(chosen for chosen, _ in far) == {0: 18, 1: 2}
    assert len(np.unique(far, axis=0)) >= 18
