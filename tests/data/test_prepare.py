"""Folders of photos and annotations of one's own, as tools write them: understood and read."""

import json

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("tensorflow_datasets")

from data import prepare
from data.manual_files import ManualFileError
from ovseg_jax.config import DataConfig
from ovseg_jax.inputs.datasets import decode, open_split
from ovseg_jax.inputs.labels import class_list

SIZE = (20, 30)
BOX = [[2, 3, 12, 3, 12, 9, 2, 9]]  # 10 wide, 6 high


def photo(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = sum(map(ord, path.name))
    pixels = np.random.default_rng(seed).integers(0, 256, (*SIZE, 3), np.uint8)
    Image.fromarray(pixels).save(path)


def coco(path, names, category="cat", folder=""):
    """Photos beside a COCO instances file that draws one box in each."""
    images, objects = [], []
    for number, name in enumerate(names, start=1):
        photo(path.parent.parent / folder / name if folder else path.parent / name)
        images.append({"id": number, "file_name": name, "width": SIZE[1], "height": SIZE[0]})
        item = {"id": number, "image_id": number, "category_id": 5, "segmentation": BOX}
        objects.append(item | {"iscrowd": 0})
    content = {"images": images, "annotations": objects}
    content["categories"] = [{"id": 5, "name": category}]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def read(root, config, split):
    data = DataConfig(
        name="photo_set",
        config=config,
        split=split,
        root=str(root),
        prepared=str(root.parent / "records"),
        vocabulary="",
    )
    return [decode(record) for record in open_split(data)], class_list(data).names


def lines_of(root):
    return prepare.prepare(root).splitlines()


def test_one_coco_file_holds_out_every_fifth_photo(tmp_path):
    root = tmp_path / "mine"
    coco(root / "export.json", [f"{number}.png" for number in range(10)])
    lines = lines_of(root)
    assert lines[:2] == [
        "COCO instances: 10 photos, 8 to train on, 2 held out",
        "1 classes: cat",
    ]
    assert f"  --data.root {root}" in lines and "  --data.config instances" in lines
    train, names = read(root, "instances", "train")
    held, _ = read(root, "instances", "validation")
    assert (len(train), len(held), tuple(names)) == (8, 2, ("cat",))
    assert {x["file_name"] for x in held} == {"4.png", "9.png"}
    assert (train[0]["segment_ids"] == 1).sum() == 60


def test_a_pair_of_coco_files_is_training_and_validation(tmp_path):
    root = tmp_path / "mine"
    coco(root / "annotations" / "instances_train.json", ["a.png", "b.png"], folder="images")
    coco(root / "annotations" / "instances_val.json", ["c.png"], "dog", folder="images")
    assert lines_of(root)[0] == "COCO instances: 3 photos, 2 to train on, 1 held out"
    held, names = read(root, "instances", "validation")
    assert [x["file_name"] for x in held] == ["images/c.png"]
    assert names[held[0]["categories"][0]] == "dog"


def test_a_photo_in_both_files_is_refused(tmp_path):
    coco(tmp_path / "annotations" / "train.json", ["a.png"], folder="images")
    coco(tmp_path / "annotations" / "val.json", ["a.png"], folder="images")
    with pytest.raises(ManualFileError, match="annotated in .*train.json and in .*val.json"):
        prepare.prepare(tmp_path)


def test_panoptic_files_have_categories_of_their_own(tmp_path):
    root = tmp_path / "mine"
    photo(root / "images" / "a.png")
    colors = np.zeros((*SIZE, 3), np.uint8)
    colors[:5, :, 0], colors[5:, :, 1] = 7, 1
    (root / "panoptic").mkdir()
    Image.fromarray(colors).save(root / "panoptic" / "a.png")
    segments = [
        {"id": 7, "category_id": 90, "iscrowd": 0},
        {"id": 256, "category_id": 3, "iscrowd": 1},
    ]
    content = {
        "images": [{"id": 1, "file_name": "a.png"}],
        "annotations": [{"image_id": 1, "file_name": "a.png", "segments_info": segments}],
        "categories": [{"id": 90, "name": "sky"}, {"id": 3, "name": "sheep"}],
    }
    (root / "panoptic.json").write_text(json.dumps(content))
    assert lines_of(root)[0] == "COCO panoptic: 1 photos, 1 to train on, 0 held out"
    (example,), names = read(root, "panoptic", "train")
    assert [names[c] for c in example["categories"]] == ["sky", "sheep"]
    assert example["crowds"].tolist() == [False, True]
    assert (example["segment_ids"] == 1).sum() == 5 * SIZE[1]


def test_labelme_files_beside_their_photos(tmp_path):
    root = tmp_path / "mine"
    for name, label in (("a", "cup"), ("b", "table")):
        photo(root / f"{name}.jpg")
        shape = {"label": label, "shape_type": "polygon", "group_id": None}
        shape["points"] = [[2, 3], [12, 3], [12, 9], [2, 9]]
        content = {"imagePath": f"{name}.jpg", "shapes": [shape], "imageData": None}
        content |= {"imageHeight": SIZE[0], "imageWidth": SIZE[1], "version": "5.0.1", "flags": {}}
        (root / f"{name}.json").write_text(json.dumps(content))
    assert lines_of(root)[0] == "a mask file per photo: 2 photos, 2 to train on, 0 held out"
    assert (root / "classes.txt").read_text().split() == ["cup", "table"]
    examples, names = read(root, "masks", "train")
    assert [names[x["categories"][0]] for x in examples] == ["cup", "table"]
    assert (examples[0]["segment_ids"] == 1).sum() == 60


def test_yolo_polygons_in_folders_of_splits(tmp_path):
    root = tmp_path / "mine"
    for split, name in (("train", "a"), ("val", "b")):
        photo(root / "images" / split / f"{name}.jpg")
        label = root / "labels" / split / f"{name}.txt"
        label.parent.mkdir(parents=True)
        label.write_text("1 0.1 0.2 0.5 0.2 0.5 0.6 0.1 0.6\n")
    (root / "data.yaml").write_text("names:\n  0: cup\n  1: table\n")
    assert lines_of(root)[0] == "a mask file per photo: 2 photos, 1 to train on, 1 held out"
    (example,), names = read(root, "masks", "validation")
    assert example["file_name"] == "images/val/b.jpg"
    assert [names[c] for c in example["categories"]] == ["table"]


def test_label_maps_and_a_file_of_names(tmp_path):
    root = tmp_path / "mine"
    for split, name in (("train", "a"), ("valid", "b")):
        photo(root / split / "images" / f"{name}.jpg")
        labels = np.full(SIZE, 255, np.uint8)
        labels[:5], labels[5:9] = 0, 2
        (root / split / "masks").mkdir()
        Image.fromarray(labels).save(root / split / "masks" / f"{name}.png")
    with pytest.raises(ManualFileError, match="no names for their numbers; write .*classes.txt"):
        prepare.prepare(root)
    (root / "classes.txt").write_text("sky\nsea\nsand\n")
    assert lines_of(root)[0] == "label maps: 2 photos, 1 to train on, 1 held out"
    (example,), names = read(root, "labels", "validation")
    assert [names[c] for c in example["categories"]] == ["sky", "sand"]


def test_it_may_be_typed_again_and_never_replaces_a_list_of_yours(tmp_path):
    root = tmp_path / "mine"
    coco(root / "export.json", ["a.png"])
    prepare.prepare(root)
    before = (root / "manifest.json").read_bytes()
    prepare.prepare(root)
    assert (root / "manifest.json").read_bytes() == before
    (root / "manifest.json").write_text("[]")
    with pytest.raises(ManualFileError, match="manifest.json: is there already.*--overwrite"):
        prepare.prepare(root)
    prepare.prepare(root, overwrite=True)
    assert (root / "manifest.json").read_bytes() == before


@pytest.mark.parametrize(
    "content, message",
    [
        (None, "there is no such folder"),
        ({}, "no annotations found. Known are"),
        ({"a.json": "{"}, "a.json: cannot be read as JSON"),
    ],
)
def test_what_cannot_be_understood_is_said(tmp_path, content, message):
    root = tmp_path / "mine"
    if content is not None:
        root.mkdir()
        for name, text in content.items():
            (root / name).write_text(text)
    with pytest.raises(ManualFileError, match=message):
        prepare.prepare(root)


def test_numbers_keep_their_names_though_some_are_not_used(tmp_path):
    """YOLO's classes are numbers: a shorter list beside data.yaml would rename them."""
    root = tmp_path / "mine"
    photo(root / "images" / "a.jpg")
    (root / "labels").mkdir()
    (root / "labels" / "a.txt").write_text("2 0.1 0.2 0.5 0.2 0.5 0.6 0.1 0.6\n")
    (root / "data.yaml").write_text("names: [table, cup, apple]\n")
    for _ in range(2):
        prepare.prepare(root)
        assert (root / "classes.txt").read_text().split() == ["table", "cup", "apple"]
        (example,), names = read(root, "masks", "train")
        assert [names[c] for c in example["categories"]] == ["apple"]
