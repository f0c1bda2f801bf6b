"""COCO instances from the publisher's tree."""

import json

import numpy as np
import pytest
from PIL import Image

tfds = pytest.importorskip("tensorflow_datasets")

from data.coco_instances import coco_instances_dataset_builder as instances  # noqa: E402
from ovseg_jax.config import DataConfig  # noqa: E402
from ovseg_jax.inputs.datasets import DataError, decode, open_split  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:.*photos, the published set has")
SIZE = (20, 30)


def box(number, category, *corners, **fields):
    top, left, bottom, right = corners
    polygon = [[left, top, right, top, right, bottom, left, bottom]]
    fields = {"iscrowd": 0, "category_id": category, "segmentation": polygon} | fields
    return {"id": number, "image_id": 139, **fields}


@pytest.fixture
def root(tmp_path):
    place = tmp_path / "coco"
    (place / "val2017").mkdir(parents=True)
    (place / "annotations").mkdir()
    images = []
    for number in (139, 285):
        name = f"{number:012d}.jpg"
        Image.fromarray(np.full(SIZE, number % 256, np.uint8)).save(place / "val2017" / name)
        images.append({"id": number, "file_name": name, "height": SIZE[0], "width": SIZE[1]})
    objects = [
        box(1, 67, 0, 0, 20, 20),
        box(2, 51, 5, 5, 10, 10),
        box(3, 1, 0, 0, 20, 30, iscrowd=1),
    ]
    names = {1: "person", 51: "bowl", 67: "dining table"}
    content = {"images": images, "annotations": objects}
    content["categories"] = [{"id": i, "name": name} for i, name in names.items()]
    (place / "annotations" / "instances_val2017.json").write_text(json.dumps(content))
    return place


def examples(root):
    data = DataConfig(
        name="coco_instances",
        config="validation",
        split="validation",
        root=str(root),
        prepared=str(root.parent / "records"),
        vocabulary="coco_things80",
    )
    return {x["file_name"]: x for x in map(decode, open_split(data))}


def test_objects_are_whole_crowds_lowest_and_empty_photos_stay(root):
    found = examples(root)
    assert len(found) == 2 and not len(found["000000000285.jpg"]["categories"])
    example = found["000000000139.jpg"]
    assert example["crowds"].tolist() == [False, False, True]
    areas = np.bincount(example["segment_ids"].ravel(), minlength=4)
    assert areas.tolist() == [0, 400 - 25, 25, 200]
    assert [bool(runs) for runs in example["whole"]] == [True, False, True]


def test_a_missing_photo_and_an_unknown_category_are_named(root):
    listed = root / "annotations" / "instances_val2017.json"
    text = listed.read_text()
    listed.write_text(text.replace('"name": "bowl"', '"name": "warp core"'))
    with pytest.raises(DataError, match="warp core"):
        examples(root)
    listed.write_text(text)
    (root / "val2017" / "000000000285.jpg").unlink()
    with pytest.raises(DataError, match="000000000285.jpg"):
        examples(root)


class CocoInstancesTest(tfds.testing.DatasetBuilderTestCase):
    """TFDS's own checks of a builder."""

    DATASET_CLASS = instances.Builder
    SPLITS = {"train": 6, "validation": 3}
    BUILDER_CONFIG_NAMES_TO_TEST = ["full"]
