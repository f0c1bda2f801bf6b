"""The training stream is a function of (seed, step), whoever reads it."""

import dataclasses
import warnings
from pathlib import Path

import jax
import numpy as np
import pytest
from jax.sharding import AbstractMesh, NamedSharding, PartitionSpec

from ovseg_jax.cli.experiment import load_config
from ovseg_jax.foundation.errors import OvsegWarning
from ovseg_jax.foundation.typing import UNNAMED
from ovseg_jax.inputs import labels as labels_lib
from ovseg_jax.inputs import stream as stream_lib
from ovseg_jax.inputs.datasets import DataError, decode, open_split
from ovseg_jax.inputs.stream import train_stream
from ovseg_jax.models.clip.variants import build_tokenizer


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    config = load_config(Path("configs/toy/mask_adapter.py")).data
    place = str(tmp_path_factory.mktemp("prepared"))
    return dataclasses.replace(config, config="tiny", prepared=place, batch_size=4)


def open_stream(data, seed=0, start=0, **more):
    sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    return train_stream(data, seed, sharding=sharding, start=start, **more)


def take(stream, count):
    batches = [jax.device_get(next(stream)) for _ in range(count)]
    stream.close()
    return batches


def same(left, right):
    return all(
        np.array_equal(a, b)
        for a, b in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True)
    )


def test_the_same_seed_and_step_give_the_same_batch(data):
    first, second = take(open_stream(data), 5), take(open_stream(data), 5)
    assert all(same(a, b) for a, b in zip(first, second, strict=True))


def test_a_restored_stream_continues_where_it_stood(data):
    whole = take(open_stream(data), 6)
    assert same(whole[4:], take(open_stream(data, start=4), 2))


def test_another_seed_gives_another_order(data):
    assert not same(take(open_stream(data, seed=0), 3), take(open_stream(data, seed=1), 3))


def test_an_epoch_shows_every_record_once(data):
    still = dataclasses.replace(data, flip=False)
    shown = [picture.tobytes() for b in take(open_stream(still), 3) for picture in b.images]
    records = {decode(example)["image"].tobytes() for example in open_split(data)}
    assert len(records) == 12 and set(shown) == records


@pytest.mark.parametrize("hosts", [2, 4])
def test_hosts_share_each_global_batch_without_overlap(data, monkeypatch, hosts):
    """Hosts read parts that together are the batch of one host, whatever is drawn at random."""
    drawn = dataclasses.replace(data, scale=(0.3, 2.0), color_jitter=True, max_segments=3)
    (*_, whole) = take(open_stream(drawn), 3)
    parts = []
    monkeypatch.setattr(stream_lib.jax, "process_count", lambda: hosts)
    for host in range(hosts):
        monkeypatch.setattr(stream_lib.jax, "process_index", lambda host=host: host)
        stream = open_stream(drawn, start=2)
        parts.append(next(stream._local_batches))
        stream.close()
    for name in ("images", "sizes", "segment_ids", "labels"):
        joined = np.concatenate([part[name] for part in parts])
        np.testing.assert_array_equal(joined, getattr(whole, name))


def test_segments_keep_their_pixels_and_classes(data):
    """Ids and labels of the stream are those of the records, in slots that follow their order."""
    still = dataclasses.replace(data, flip=False, shuffle=False)
    (batch,) = take(open_stream(still), 1)
    for row, example in enumerate(map(decode, (open_split(still)[n] for n in range(4)))):
        count = len(example["categories"])
        np.testing.assert_array_equal(batch.segment_ids[row], example["segment_ids"])
        np.testing.assert_array_equal(batch.labels[row, :count], example["categories"])
        assert (batch.labels[row, count:] == -1).all()


def test_a_class_filter_turns_the_others_into_void(data):
    still = dataclasses.replace(data, flip=False, shuffle=False)
    (batch,) = take(open_stream(still, class_filter=[40, 41, 42]), 1)
    kept = set(np.unique(batch.labels)) - {-1}
    assert kept and kept <= {40, 41, 42}
    for ids, labels in zip(batch.segment_ids, batch.labels, strict=True):
        assert ids.max() == (labels >= 0).sum()


def test_segments_of_other_classes_stay_as_masks_without_names(data):
    still = dataclasses.replace(data, flip=False, shuffle=False)
    kept = dataclasses.replace(still, others="unnamed")
    (whole,) = take(open_stream(still), 1)
    named = int(whole.labels[0, 0])
    (batch,) = take(open_stream(kept, class_filter=[named]), 1)
    np.testing.assert_array_equal(batch.segment_ids, whole.segment_ids)
    wanted = np.where(np.isin(whole.labels, [-1, named]), whole.labels, UNNAMED)
    np.testing.assert_array_equal(batch.labels, wanted)
    assert (wanted == UNNAMED).any()


def test_a_stream_without_any_segment_warns_once(data):
    with pytest.warns(OvsegWarning, match="none of the first 32 examples has a segment") as caught:
        take(open_stream(dataclasses.replace(data, min_area=0.99)), 12)
    assert len([item for item in caught if item.category is OvsegWarning]) == 1


def test_a_stream_with_few_segments_does_not_warn(data):
    with warnings.catch_warnings():
        warnings.simplefilter("error", OvsegWarning)
        take(open_stream(data), 9)


def test_more_segments_than_slots_keep_a_random_choice(data):
    narrow = dataclasses.replace(data, max_segments=2)
    (batch,) = take(open_stream(narrow), 1)
    assert batch.labels.shape == (4, 2) and batch.segment_ids.max() == 2


def test_jitter_and_crop_fill_the_frame_and_keep_ids_aligned(data):
    """After any jitter a segment still covers pixels of one class-typical region."""
    jittered = dataclasses.replace(data, scale=(0.5, 2.0), pad_value=-1, image_size=(80, 112))
    (batch,) = take(open_stream(jittered), 1)
    assert batch.images.shape == (4, 80, 112, 3)
    for picture, ids, (height, width) in zip(
        batch.images, batch.segment_ids, batch.sizes, strict=True
    ):
        assert not picture[height:].any() and not picture[:, width:].any()
        assert not ids[height:].any() and not ids[:, width:].any()


def test_captions_are_tokenised(data):
    tokenizer = build_tokenizer("convnext_toy")
    spoken = dataclasses.replace(data, captions=True, split="web")
    (batch,) = take(open_stream(spoken, tokenizer=tokenizer), 1)
    assert batch.captions.shape == (4, tokenizer.context_length)
    assert (batch.captions.max(1) == tokenizer.vocab_size - 1).all()  # end of text


def test_captions_without_a_tokenizer_are_refused(data):
    with pytest.raises(DataError, match=r"data\.captions"):
        open_stream(dataclasses.replace(data, captions=True, split="web"))


def test_unknown_names_are_refused_with_what_exists(data):
    with pytest.raises(DataError, match="data.name: there is no data set 'cocoo'; .*toy_world"):
        open_split(dataclasses.replace(data, name="cocoo"))
    with pytest.raises(DataError, match=r"data\.split.*known: .*validation"):
        open_split(dataclasses.replace(data, split="trian"))


def test_a_batch_that_does_not_divide_is_refused(data):
    eight = NamedSharding(AbstractMesh((8,), ("data",)), PartitionSpec("data"))
    with pytest.raises(DataError, match=r"data\.batch_size: 4 images do not divide over 8"):
        train_stream(data, seed=0, sharding=eight)


def test_records_that_are_not_what_their_set_says_are_named(data, monkeypatch):
    table = labels_lib.positions
    monkeypatch.setattr(labels_lib, "positions", lambda data: table(data)[:1])
    with pytest.raises(DataError, match="train_[0-9]+ has label [0-9]+, but .* prepare it anew"):
        take(open_stream(dataclasses.replace(data, max_unreadable=1)), 1)
