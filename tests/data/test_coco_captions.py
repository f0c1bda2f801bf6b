"""The TFDS builder of COCO captions, on dummy data in the publisher's layout."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

tfds = pytest.importorskip("tensorflow_datasets")

from data.checks.examine import examine  # noqa: E402
from data.coco_captions import coco_captions_dataset_builder as captions  # noqa: E402
from data.coco_captions.trees import DAMAGED, MISSING  # noqa: E402
from ovseg_jax.config import DataConfig  # noqa: E402
from ovseg_jax.inputs.builders import DataError  # noqa: E402
from ovseg_jax.inputs.datasets import open_split  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:.*photos, the published set has")
DUMMY = Path(captions.__file__).parent / "dummy_data"


class CocoCaptionsTest(tfds.testing.DatasetBuilderTestCase):
    """TFDS's own checks of a builder."""

    DATASET_CLASS = captions.Builder
    SPLITS = {"train": 4, "validation": 2}
    BUILDER_CONFIG_NAMES_TO_TEST = ["full"]


@pytest.fixture
def root(tmp_path):
    return Path(shutil.copytree(DUMMY, tmp_path / "coco"))


def records(root, config="validation", split="validation"):
    data = DataConfig(
        name="coco_captions",
        config=config,
        split=split,
        root=str(root),
        prepared=str(root.parent / "records"),
        vocabulary="",
    )
    return {x["file_name"].decode(): x for x in open_split(data)}


def listed(root, kind="captions"):
    return json.loads((root / "annotations" / f"{kind}_val2017.json").read_text())


def test_photos_have_all_of_their_captions_and_no_segments(root):
    content = listed(root)
    for image in content["images"]:
        record = records(root)[image["file_name"]]
        texts = [x["caption"] for x in content["annotations"] if x["image_id"] == image["id"]]
        assert [text.decode() for text in record["captions"]] == [x.strip() for x in texts]
        assert len(texts) > 1 and not len(record["categories"])


def test_configs_with_objects_have_both(root):
    record = records(root, "validation_with_objects")["000000000139.jpg"]
    assert record["categories"].tolist() == [0] and len(record["captions"])
    assert len(records(root, "with_objects", "train")) == 4


def test_a_stream_draws_captions_for_training(root):
    jax = pytest.importorskip("jax")
    from ovseg_jax.inputs.stream import train_stream

    class Letters:
        context_length = 8

        def __call__(self, texts):
            return np.array([[*map(ord, text[:8])] for text in texts])

    data = DataConfig(
        name="coco_captions",
        root=str(root),
        prepared=str(root.parent / "records"),
        vocabulary="",
        image_size=(32, 32),
        batch_size=jax.device_count(),
        captions=True,
    )
    mesh = jax.sharding.Mesh(np.array(jax.devices()), "data")
    place = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("data"))
    stream = train_stream(data, 0, sharding=place, tokenizer=Letters())
    tokens = np.asarray(next(stream).captions)
    starts = {
        text[:8].decode() for x in records(root, "full", "train").values() for text in x["captions"]
    }
    assert {"".join(map(chr, row)) for row in tokens} <= starts
    stream.close()


def test_what_is_missing_is_named(root):
    (root / "val2017" / "000000000285.jpg").unlink()
    with pytest.raises(DataError, match="000000000285.jpg"):
        records(root)
    (root / "annotations" / "captions_val2017.json").write_text("{}")
    with pytest.raises(DataError, match="captions_val2017.json: has no list 'images'"):
        records(root)


def test_check_tells_what_is_missing_or_damaged(root):
    assert not [x for x in examine("coco_captions", root).problems if x.fatal]
    (root / "val2017" / "000000000285.jpg").unlink()
    (root / "annotations" / "captions_train2017.json").write_text("[1")
    (root / "annotations" / "instances_val2017.json").unlink()
    told = [x for x in examine("coco_captions", root).problems if x.fatal]
    assert {x.kind for x in told} >= {DAMAGED, "listed photos that are missing"}
    more = examine("coco_captions", root, "with_objects").problems
    assert any("instances_val2017.json" in f"{x.file} {x.text}" for x in more if x.fatal)
    (root / "annotations" / "captions_val2017.json").unlink()
    more = examine("coco_captions", root, "validation_with_objects").problems
    assert MISSING in {x.kind for x in more if x.fatal}
