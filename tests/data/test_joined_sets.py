"""Several data sets as one training stream."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow_datasets")

from data.coco_panoptic import coco_panoptic_dataset_builder as panoptic
from data.lvis import lvis_dataset_builder as lvis
from data.lvis.trees import COUNTS
from ovseg_jax.config import DataConfig, EvaluationConfig, MixedConfig, ModelConfig
from ovseg_jax.config.data import data_sets
from ovseg_jax.inputs.datasets import DataError, decode, open_split
from ovseg_jax.inputs.labels import named_classes
from ovseg_jax.inputs.order import check_mixture
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
        weight=2.0,
        mixed_with=(MixedConfig(name="lvis", root=lvis_root, prepared=prepared, weight=1.0),),
    )


def test_labels_of_all_sets_are_those_of_one_list(data):
    names, own = named_classes(BOTH).names, lvis.class_list("", "").names
    second = data_sets(data)[1]
    alone = open_split(dataclasses.replace(second, vocabulary=""))
    assert len(alone) == 3
    for record, other in zip(open_split(second), alone, strict=True):
        said = [names[label] for label in decode(record)["categories"]]
        assert said == [own[label] for label in decode(other)["categories"]] != []


def test_weights_by_the_photos_take_each_record_once_an_epoch(data):
    import jax

    from ovseg_jax.inputs.stream import train_stream

    assert [len(open_split(each)) for each in data_sets(data)] == [6, 3]  # weights are 2 and 1
    count = jax.device_count()
    data = dataclasses.replace(data, batch_size=3 * count, flip=False, scale=(1.0, 1.0))
    mesh = jax.sharding.Mesh(np.array(jax.devices()), "data")
    place = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("data"))
    stream = train_stream(data, 0, sharding=place)
    images = np.concatenate([np.asarray(next(stream).images) for _ in range(3)])
    stream.close()
    assert len({image.tobytes() for image in images[:9]}) == 9


def test_mask_adapters_table_7_weighs_sets_by_their_photos():
    from configs.mask_adapter.ablations import VARIANTS

    data = VARIANTS["lvis"]().data
    published = {"coco_panoptic": panoptic.COUNTS["train"], "lvis": COUNTS["train"]}
    assert {each.name: each.weight for each in data_sets(data)} == published
    assert check_mixture(data) == (541, 459)


def test_content_names_both_sets(data):
    told = content_of(data)
    assert "coco_panoptic" in told["records"] and "lvis" in told["records"]
    assert told["examples"] == 9


def test_what_cannot_be_joined_is_refused(data):
    with pytest.raises(DataError, match=r"data.mixed_with: an empty data.vocabulary"):
        check_mixture(dataclasses.replace(data, vocabulary=""))
    with pytest.raises(DataError, match="lacks"):
        open_split(data_sets(dataclasses.replace(data, vocabulary="coco_panoptic133"))[1])
    item = EvaluationConfig(data=data)
    with pytest.raises(ValueError, match="data.mixed_with: data sets are mixed for training only"):
        check_evaluations([item], ModelConfig())
