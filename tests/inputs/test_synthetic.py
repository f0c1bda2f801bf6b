"""Batches that are no training: random pictures, and the first batch again and again."""

import dataclasses

import jax
import numpy as np
import pytest
from drawn_records import DATA, record, use

from ovseg_jax.foundation.errors import OvsegWarning
from ovseg_jax.inputs import stream as stream_lib
from ovseg_jax.inputs.datasets import DataError
from ovseg_jax.inputs.stream import train_stream
from ovseg_jax.models.clip.variants import build_tokenizer

NOISE = dataclasses.replace(DATA, name="synthetic")
ONCE = dataclasses.replace(DATA, reuse_batch=True)


def take(data, count, start=0, seed=0, **more):
    sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    with pytest.warns(OvsegWarning, match="this is not a training"):
        stream = train_stream(data, seed, sharding=sharding, start=start, **more)
    batches = [jax.device_get(next(stream)) for _ in range(count)]
    stream.close()
    assert stream.position == start + count
    return batches


def same(left, right):
    pairs = zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def test_random_pictures_have_the_shapes_and_types_of_read_ones(monkeypatch):
    use(monkeypatch, one=[record(n) for n in range(8)])
    tokenizer = build_tokenizer("convnext_toy")
    (noise,) = take(dataclasses.replace(NOISE, captions=True), 1, tokenizer=tokenizer)
    (read,) = take(dataclasses.replace(ONCE, captions=True), 1, tokenizer=tokenizer)
    assert jax.tree.map(lambda x: (x.shape, x.dtype), noise) == jax.tree.map(
        lambda x: (x.shape, x.dtype), read
    )
    assert ((noise.labels >= 0) & (noise.labels < 48)).all()
    for ids in noise.segment_ids:
        assert set(range(1, 9)) <= set(np.unique(ids)) <= set(range(9))


def test_random_pictures_follow_from_the_seed_and_differ_among_themselves():
    first, later = take(NOISE, 2)
    assert same(first, later) and same(first, *take(NOISE, 1, start=9))
    assert not same(first, *take(NOISE, 1, seed=1))
    assert len({image.tobytes() for image in first.images}) == 4


def test_random_pictures_keep_to_the_classes_that_are_trained():
    (batch,) = take(NOISE, 1, class_filter=[3, 5])
    assert set(np.unique(batch.labels)) == {3, 5}


@pytest.mark.parametrize("data", [NOISE, ONCE])
def test_hosts_share_the_one_batch(monkeypatch, data):
    use(monkeypatch, one=[record(n) for n in range(8)])
    (whole,) = take(data, 1)
    sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    monkeypatch.setattr(stream_lib.jax, "process_count", lambda: 4)
    parts = []
    for host in range(4):
        monkeypatch.setattr(stream_lib.jax, "process_index", lambda host=host: host)
        with pytest.warns(OvsegWarning):
            stream = train_stream(data, 0, sharding=sharding)
        parts.append(next(stream._local_batches)["images"])
        stream.close()
    np.testing.assert_array_equal(np.concatenate(parts), whole.images)


def test_the_first_batch_comes_again_wherever_the_run_goes_on(monkeypatch):
    use(monkeypatch, one=[record(n) for n in range(8)])
    batches = [*take(ONCE, 3), *take(ONCE, 1, start=7)]
    plain = dataclasses.replace(ONCE, reuse_batch=False)
    stream = train_stream(plain, 0, sharding=jax.sharding.SingleDeviceSharding(jax.devices()[0]))
    assert all(same(batches[0], batch) for batch in batches[1:])
    assert same(batches[0], jax.device_get(next(stream)))
    assert not same(batches[0], jax.device_get(next(stream)))
    stream.close()


def test_random_pictures_without_a_vocabulary_are_refused():
    sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    with pytest.warns(OvsegWarning), pytest.raises(DataError, match="give data.vocabulary"):
        train_stream(dataclasses.replace(NOISE, vocabulary=""), 0, sharding=sharding)
