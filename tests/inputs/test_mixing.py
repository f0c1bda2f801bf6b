"""Several data sets in one stream: shares by weight, one vocabulary, a function of (seed, step)."""

import dataclasses

import jax
import numpy as np
import pytest
from drawn_records import DATA, mixed, record, use

from ovseg_jax.config.data import data_sets
from ovseg_jax.inputs import stream as stream_lib
from ovseg_jax.inputs.datasets import DataError
from ovseg_jax.inputs.stream import train_stream

MIXED = dataclasses.replace(
    DATA, weight=2.0, mixed_with=(mixed("two", 1.0), mixed("three", 1.0)), color_jitter=True
)


@pytest.fixture(autouse=True)
def sets(monkeypatch):
    lists = {"one": range(5), "two": range(100, 103), "three": range(200, 207)}
    use(monkeypatch, **{name: [record(n) for n in group] for name, group in lists.items()})


def open_stream(data, **more):
    sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    return train_stream(data, 0, sharding=sharding, **more)


def take(stream, count):
    batches = [jax.device_get(next(stream)) for _ in range(count)]
    stream.close()
    return batches


def test_sets_come_in_proportion_and_all_of_their_records_do():
    still = dataclasses.replace(MIXED, flip=False, scale=(1, 1), color_jitter=False)
    still = dataclasses.replace(still, image_size=(60, 90))
    taken = [batch.images[:, 0, 0, 0] for batch in take(open_stream(still), 21)]
    counts = np.stack([np.bincount(numbers // 100, minlength=3) for numbers in taken])
    assert (counts == (2, 1, 1)).all()
    assert set(np.concatenate(taken).tolist()) == {*range(5), *range(100, 103), *range(200, 207)}


def test_a_restored_stream_continues_where_it_stood():
    whole, later = take(open_stream(MIXED), 5), take(open_stream(MIXED, start=3), 2)
    for before, after in zip(whole[3:], later, strict=True):
        jax.tree.map(np.testing.assert_array_equal, before, after)


@pytest.mark.parametrize("hosts", [2, 4])
def test_hosts_share_each_global_batch_without_overlap(monkeypatch, hosts):
    *_, whole = take(open_stream(MIXED), 3)
    monkeypatch.setattr(stream_lib.jax, "process_count", lambda: hosts)
    parts = []
    for host in range(hosts):
        monkeypatch.setattr(stream_lib.jax, "process_index", lambda host=host: host)
        stream = open_stream(MIXED, start=2)
        parts.append(next(stream._local_batches))
        stream.close()
    for name in ("images", "segment_ids", "labels", "sizes"):
        joined = np.concatenate([part[name] for part in parts])
        np.testing.assert_array_equal(joined, getattr(whole, name))


def test_a_mixed_set_differs_in_what_is_read_only():
    one, two, _ = data_sets(MIXED)
    assert (two.split, two.weight, two.mixed_with) == ("two", 1.0, ())
    same = {"split": one.split, "weight": one.weight}
    assert dataclasses.replace(two, **same) == one


def test_without_a_common_vocabulary_nothing_is_opened():
    with pytest.raises(DataError, match=r"data\.mixed_with: an empty data\.vocabulary"):
        open_stream(dataclasses.replace(MIXED, vocabulary=""))
