"""The TFDS builder of COCO panoptic, on dummy data in the publisher's layout."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

tfds = pytest.importorskip("tensorflow_datasets")

from data import make_dummy_coco  # noqa: E402
from data.coco_panoptic import coco_panoptic_dataset_builder as panoptic  # noqa: E402
from data.manual_files import ManualFileError  # noqa: E402

DUMMY = Path(panoptic.__file__).parent / "dummy_data"


class CocoPanopticTest(tfds.testing.DatasetBuilderTestCase):
    """TFDS's own checks of a builder."""

    DATASET_CLASS = panoptic.Builder
    SPLITS = {"train": 6, "validation": 3}
    BUILDER_CONFIG_NAMES_TO_TEST = ["full"]


def _prepare(root, data_dir, config="validation"):
    builder = panoptic.Builder(config=config, data_dir=str(data_dir))
    settings = tfds.download.DownloadConfig(manual_dir=str(root))
    builder.download_and_prepare(download_config=settings)
    return builder


def _copy(tmp_path):
    return shutil.copytree(DUMMY, tmp_path / "coco")


def test_ids_become_133_contiguous_classes_with_things_first():
    table = panoptic.category_to_index()
    assert len(table) == 133
    assert sorted(table.values()) == list(range(133))
    assert list(table) == sorted(table)
    assert (table[1], table[90], table[92], table[200]) == (0, 79, 80, 132)
    assert 12 not in table and 91 not in table


def test_a_map_decodes_to_segments_and_crowds():
    colors = np.zeros((2, 3, 3), np.uint8)
    colors[0, 0] = (5, 0, 0)
    colors[0, 1] = (1, 2, 3)
    colors[1, 2] = (7, 0, 0)
    info = [
        {"id": 7, "category_id": 200, "iscrowd": 0},
        {"id": 5, "category_id": 1, "iscrowd": 1},
        {"id": 99, "category_id": 2, "iscrowd": 0},
        {"id": 1 + 2 * 256 + 3 * 65536, "category_id": 92, "iscrowd": 0},
    ]
    found = panoptic.decode_segments(colors, info, panoptic.category_to_index(), "x.png")
    assert found.categories == [132, 0, 80] and found.crowds == [False, True, False]
    np.testing.assert_array_equal(found.ids, [[2, 3, 0], [0, 0, 1]])


@pytest.mark.parametrize(
    "info,message",
    [
        ([], "x.png: segment 5 is not listed"),
        ([{"id": 5, "category_id": 12, "iscrowd": 0}], "x.png: category 12 is not one of the 133"),
    ],
)
def test_contradictory_annotations_are_named(info, message):
    colors = np.zeros((2, 2, 3), np.uint8)
    colors[0, 0, 0] = 5
    with pytest.raises(ManualFileError, match=message):
        panoptic.decode_segments(colors, info, panoptic.category_to_index(), "x.png")


def test_built_examples_agree_with_the_publishers_files(tmp_path):
    builder = _prepare(DUMMY, tmp_path, "full")
    table = panoptic.category_to_index()
    content = json.loads((DUMMY / "annotations" / "panoptic_train2017.json").read_text())
    listed = {a["file_name"]: a["segments_info"] for a in content["annotations"]}
    assert sum(info["iscrowd"] for infos in listed.values() for info in infos) == 1
    for example in tfds.as_numpy(builder.as_dataset(split="train")):
        name = example["file_name"].decode().replace(".jpg", ".png")
        infos = listed[name]
        assert example["categories"].tolist() == [table[info["category_id"]] for info in infos]
        assert example["crowds"].tolist() == [bool(info["iscrowd"]) for info in infos]
        areas = np.bincount(example["segment_ids"].ravel(), minlength=len(infos) + 1)
        assert areas[1:].tolist() == [info["area"] for info in infos]
        assert example["image"].shape[:2] == example["segment_ids"].shape[:2]
        assert len(example["captions"]) == 0


def test_maps_inside_the_annotation_folder_are_found(tmp_path):
    root = _copy(tmp_path)
    (root / "panoptic_val2017").rename(root / "annotations" / "panoptic_val2017")
    assert _prepare(root, tmp_path / "out").info.splits["validation"].num_examples == 3


@pytest.mark.parametrize(
    "missing",
    [
        "annotations/panoptic_val2017.json",
        "panoptic_val2017",
        "panoptic_val2017/000000000002.png",
        "val2017",
        "val2017/000000000003.jpg",
    ],
)
def test_a_missing_file_is_named(tmp_path, missing):
    root = _copy(tmp_path)
    path = root / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(Exception, match=f"not found; expected the .* {path}"):
        _prepare(root, tmp_path / "out")


def test_files_with_wrong_content_are_named(tmp_path):
    root = _copy(tmp_path)
    annotations = root / "annotations" / "panoptic_val2017.json"
    good = annotations.read_text()
    annotations.write_text("{}")
    with pytest.raises(Exception, match="panoptic_val2017.json: not a COCO panoptic file"):
        _prepare(root, tmp_path / "out")
    annotations.write_text(good)
    photo = root / "val2017" / "000000000001.jpg"
    Image.new("RGB", (20, 30)).save(photo)
    with pytest.raises(Exception, match="000000000001.jpg: the picture has 30 x 20 pixels"):
        _prepare(root, tmp_path / "out")
    photo.write_bytes(b"not a picture")
    with pytest.raises(Exception, match="000000000001.jpg: the picture cannot be read"):
        _prepare(root, tmp_path / "out")
    Image.new("L", (80, 64)).save(root / "panoptic_val2017" / "000000000001.png")
    with pytest.raises(Exception, match="000000000001.png: the panoptic map should be of mode RGB"):
        _prepare(root, tmp_path / "out")


def test_the_script_makes_the_dummy_data_that_is_checked_in(tmp_path):
    make_dummy_coco.main(tmp_path)
    for name in ("coco_panoptic", "coco_stuff", "coco_instances"):
        checked_in = DUMMY.parent.parent / name
        files = [path for path in sorted((tmp_path / name).rglob("*")) if path.is_file()]
        assert len(files) == len([p for p in checked_in.glob("dummy*/**/*") if p.is_file()]) >= 11
        for path in files:
            twin = checked_in / path.relative_to(tmp_path / name)
            if path.suffix == ".png":
                np.testing.assert_array_equal(Image.open(path), Image.open(twin))
            elif path.suffix == ".json":
                assert path.read_text() == twin.read_text()


def _renumbered(root, rename=lambda name: name):
    """Gives all categories other ids, in annotations and in the list that names them."""
    path = root / "annotations" / "panoptic_val2017.json"
    content = json.loads(path.read_text())
    for item in content["annotations"]:
        for segment in item["segments_info"]:
            segment["category_id"] = 1000 - segment["category_id"]
    for category in content["categories"]:
        category |= {"id": 1000 - category["id"], "name": rename(category["name"])}
    path.write_text(json.dumps(content))
    return root


def test_other_ids_with_the_same_names_are_the_same_classes(tmp_path):
    def categories(root, place):
        records = tfds.as_numpy(_prepare(root, tmp_path / place).as_dataset(split="validation"))
        return {record["file_name"]: record["categories"].tolist() for record in records}

    original = categories(DUMMY, "original")
    assert categories(_renumbered(_copy(tmp_path), str.upper), "renumbered") == original


def test_names_that_are_no_classes_are_refused_with_both_lists(tmp_path):
    root = _renumbered(_copy(tmp_path), lambda name: f"my {name}")
    with pytest.raises(ManualFileError, match="my .* of its categories .* of 'coco_panoptic133'"):
        _prepare(root, tmp_path / "records")
