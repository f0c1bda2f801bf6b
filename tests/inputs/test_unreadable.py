"""Damaged records: the next one in their place, everywhere alike; counted, named, bounded."""

import dataclasses
import warnings

import jax
import numpy as np
import pytest
from drawn_records import DATA, encoded, record, use

from ovseg_jax.foundation.errors import OvsegWarning
from ovseg_jax.inputs import stream as stream_lib
from ovseg_jax.inputs.datasets import DataError
from ovseg_jax.inputs.stream import train_stream

PLAIN = dataclasses.replace(DATA, shuffle=False, flip=False, scale=(1.0, 1.0), image_size=(60, 90))
DAMAGE = {
    "a picture that ends early": {"image": record(3)["image"][:400]},
    "a JPEG that ends early": {"image": encoded(np.zeros((60, 90, 3), np.uint8), "JPEG")[:300]},
    "a picture that is none": {"image": b"no picture at all"},
    "an empty picture": {"image": b""},
    "a map that ends early": {"segment_ids": record(3)["segment_ids"][:60]},
    "a map of another size": {"segment_ids": record(3, (30, 45))["segment_ids"]},
}


def open_stream(data, **more):
    sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    return train_stream(data, 0, sharding=sharding, **more)


def numbers(stream, count):
    """The first pixel of each picture tells which record it is."""
    taken = [np.asarray(next(stream).images)[:, 0, 0, 0].tolist() for _ in range(count)]
    stream.close()
    return taken


@pytest.mark.parametrize("name", DAMAGE)
def test_the_next_record_stands_in_and_the_damaged_one_is_named_once(monkeypatch, name):
    use(monkeypatch, one=[record(n, **(DAMAGE[name] if n == 3 else {})) for n in range(8)])
    stream = open_stream(PLAIN)
    with pytest.warns(OvsegWarning, match="toy_world, photo_3 cannot be read and is pas") as told:
        assert numbers(stream, 4) == [[0, 1, 2, 4], [4, 5, 6, 7]] * 2
    assert len([item for item in told if item.category is OvsegWarning]) == 1
    assert stream.failure is None


def test_a_record_that_the_reader_refuses_is_passed_over_too(monkeypatch):
    class Refusing(list):
        def __getitem__(self, number):
            if number == 7:
                raise DataError("photo_7 has label 99")
            return super().__getitem__(number)

    use(monkeypatch, one=Refusing(record(n) for n in range(8)))
    with pytest.warns(OvsegWarning, match="toy_world, record 7 .*: photo_7 has label 99"):
        assert numbers(open_stream(PLAIN), 2) == [[0, 1, 2, 3], [4, 5, 6, 0]]


def test_more_than_the_limit_are_named_all_and_the_stream_goes_on_until_it_is_stopped(monkeypatch):
    broken = {"image": b"none"}
    use(monkeypatch, one=[record(n, **(broken if n % 3 == 1 else {})) for n in range(8)])
    stream = open_stream(dataclasses.replace(PLAIN, max_unreadable=2, workers=1))
    with pytest.warns(OvsegWarning):
        assert numbers(stream, 2) == [[0, 2, 2, 3], [5, 5, 6, 0]]
    assert str(stream.failure).startswith("3 records cannot be read; data.max_unreadable is 2:\n")
    assert all(f"photo_{n}" in str(stream.failure) for n in (1, 4, 7))


def test_too_many_in_a_row_end_the_stream(monkeypatch):
    use(monkeypatch, one=[record(n, image=b"none") for n in range(30)])
    with pytest.raises(DataError, match="^([3-9]|1.) records cannot be read; data.max_unreadable"):
        next(open_stream(dataclasses.replace(PLAIN, max_unreadable=2)))


def test_a_set_of_fewer_records_than_the_limit_ends_too(monkeypatch):
    use(monkeypatch, one=[record(n, image=b"none") for n in range(3)])
    with pytest.raises(DataError, match="toy_world: none of its 3 records can be read"):
        next(open_stream(PLAIN))


def test_hosts_and_restored_streams_agree_on_what_stands_in(monkeypatch):
    shuffled = dataclasses.replace(DATA, color_jitter=True)
    use(
        monkeypatch, one=[record(n, **({"image": b""} if n in (2, 3, 6) else {})) for n in range(9)]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OvsegWarning)
        stream = open_stream(shuffled)
        whole = [jax.device_get(next(stream)) for _ in range(6)]
        stream.close()
        later = open_stream(shuffled, start=4)
        np.testing.assert_array_equal(jax.device_get(next(later)).images, whole[4].images)
        later.close()
        parts = []
        monkeypatch.setattr(stream_lib.jax, "process_count", lambda: 4)
        for host in range(4):
            monkeypatch.setattr(stream_lib.jax, "process_index", lambda host=host: host)
            part = open_stream(shuffled, start=4)
            parts.append(next(part._local_batches)["images"])
            part.close()
    np.testing.assert_array_equal(np.concatenate(parts), whole[4].images)
