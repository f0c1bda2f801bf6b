"""Several data sets as one training stream."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow_datasets")

from data.coco_panoptic import coco_panoptic_dataset_builder as panoptic
from data.lvis import lvis_dataset_builder as lvis
from ovseg_jax.config import DataConfig, EvaluationConfig, ModelConfig, MoreData
from ovseg_jax.inputs.datasets import DataError, decode, open_split
from ovseg_jax.inputs.labels import named_classes
from ovseg_jax.training.content import content_of
from ovseg_jax.training.preflight import check_evaluations

pytestmark = pytest.mark.filterwarnings("ignore:.*photos, the published set has")
BOTH = "coco_panoptic133+lvis1203"


@pytest.fixture
def data(tmp_path):
    prepared = str(tmp_path / "records")
    lvis_root = str(Path(lvis.__file__).parent / "dummy_data")
    return DataConfig(
        name="coco_panoptic",
        root=str(Path(panoptic.__file__).parent / "dummy_data"),
        prepared=prepared,
        vocabulary=BOTH,
        image_size=(32, 32),
        more=(MoreData(name="lvis", root=lvis_root, prepared=prepared),),
    )


def test_records_of_both_stand_behind_each_other_with_labels_of_one_list(data):
    source, names = open_split(data), named_classes(BOTH).names
    first, second = (open_split(each) for each in data.sets)
    assert len(source) == len(first) + len(second) == 6 + 3
    photos = [record["file_name"] for record in source]
    assert photos == [record["file_name"] for part in (first, second) for record in part]
    own = lvis.class_list("", "").names
    alone = open_split(dataclasses.replace(data.sets[1], vocabulary=""))
    for record, other in zip(list(source)[6:], alone, strict=True):
        said = [names[label] for label in decode(record)["categories"]]
        assert said == [own[label] for label in decode(other)["categories"]]


def test_a_stream_takes_each_record_once_an_epoch(data):
    import jax

    from ovseg_jax.inputs.stream import train_stream

    count = jax.device_count()
    data = dataclasses.replace(data, batch_size=3 * count, flip=False, scale=(1.0, 1.0))
    mesh = jax.sharding.Mesh(np.array(jax.devices()), "data")
    place = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("data"))
    stream = train_stream(data, 0, sharding=place)
    images = np.concatenate([np.asarray(next(stream).images) for _ in range(3)])
    stream.close()
    assert len({image.tobytes() for image in images[:9]}) == 9


def test_content_names_both_sets(data):
    told = content_of(data)
    assert "coco_panoptic" in told["records"] and "lvis" in told["records"]
    assert told["examples"] == 9


def test_what_cannot_be_joined_is_refused(data):
    with pytest.raises(DataError, match=r"data.vocabulary: name one .* of data.more"):
        open_split(dataclasses.replace(data, vocabulary=""))
    with pytest.raises(DataError, match="lacks"):
        open_split(dataclasses.replace(data, vocabulary="coco_panoptic133"))
    item = EvaluationConfig(data=data)
    with pytest.raises(ValueError, match="data.more: data sets are joined for training only"):
        check_evaluations([item], ModelConfig())


def test_presets_joined_by_a_plus_are_one_list():
    both = named_classes(BOTH)
    one, other = map(named_classes, BOTH.split("+"))
    assert both.names[: len(one)] == one.names and set(both.names) == {*one.names, *other.names}
    shared = set(one.names) & set(other.names)
    assert len(both) == len(one) + len(other) - len(shared) and "banana" in shared
    merged = both.classes[both.names.index("banana")]
    for each in (one, other):
        assert set(each.classes[each.names.index("banana")].synonyms) <= set(merged.synonyms)
    with pytest.raises(ValueError):
        named_classes("coco_panoptic133+coco_panoptic134")
