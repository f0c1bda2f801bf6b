"""Cityscapes and Mapillary Vistas: their trees, derived files, and what is refused."""

import json
import tempfile

import numpy as np
import pytest
from label_trees import SIZE, classes_of, draw_map, draw_photo
from PIL import Image

pytest.importorskip("tensorflow_datasets")

from ovseg_jax.config import DataConfig
from ovseg_jax.inputs.datasets import DataError, decode, open_split
from ovseg_jax.inputs.labels import class_list

pytestmark = pytest.mark.filterwarnings("ignore:.*found 1 photos")
NAME = "aachen_000000_000019"


def read(root, name, config):
    data = DataConfig(
        name=name,
        config=config,
        split="validation",
        root=str(root),
        prepared=tempfile.mkdtemp(dir=root.parent),
        vocabulary="",
    )
    (example,) = [decode(record) for record in open_split(data)]
    return classes_of(example, class_list(data).names), example


def panoptic(path, ids):
    """Draws a panoptic map: one block per id."""
    block = np.ones((SIZE[0] // 2, SIZE[1] // 2), int)
    numbers = np.kron(np.array(ids), block)
    colors = np.stack([numbers % 256, numbers // 256 % 256, numbers // 65536], axis=-1)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(colors.astype(np.uint8)).save(path)


def cityscapes(root):
    draw_photo(root / "leftImg8bit" / "val" / "aachen" / f"{NAME}_leftImg8bit.png")
    return root / "gtFine" / "val" / "aachen"


def test_train_ids_and_label_ids_give_the_same(tmp_path):
    labels = cityscapes(tmp_path / "sets" / "cityscapes")
    draw_map(labels / f"{NAME}_gtFine_labelIds.png", np.array([[7, 26], [4, 33]], np.uint8))
    wanted = [["road", "car"], ["", "bicycle"]]
    assert read(tmp_path / "sets", "cityscapes", "semantic")[0] == wanted
    ids = np.array([[0, 13], [255, 18]], np.uint8)
    draw_map(labels / f"{NAME}_gtFine_labelTrainIds.png", ids)
    (labels / f"{NAME}_gtFine_labelIds.png").unlink()
    assert read(tmp_path / "sets" / "cityscapes", "cityscapes", "semantic")[0] == wanted
    draw_map(labels / f"{NAME}_gtFine_labelTrainIds.png", np.full((2, 2), 26, np.uint8))
    with pytest.raises(DataError, match="label 26 is none of this set"):
        read(tmp_path / "sets", "cityscapes", "semantic")


def test_panoptic_cityscapes_has_things_and_crowds(tmp_path):
    root = tmp_path / "sets"
    cityscapes(root)
    maps = root / "gtFine" / "cityscapes_panoptic_val"
    panoptic(maps / f"{NAME}_gtFine_panoptic.png", [[7, 26001], [0, 24]])
    segments = [
        {"id": 7, "category_id": 7, "iscrowd": 0},
        {"id": 26001, "category_id": 26, "iscrowd": 0},
        {"id": 24, "category_id": 24, "iscrowd": 1},
    ]
    item = {"image_id": NAME, "file_name": f"{NAME}_gtFine_panoptic.png", "segments_info": segments}
    listed = maps.with_suffix(".json")
    listed.write_text(json.dumps({"annotations": [item]}))
    names, example = read(root, "cityscapes", "panoptic")
    assert names == [["road", "car"], ["", "person"]]
    assert example["crowds"].tolist() == [False, False, True]
    listed.write_text(listed.read_text().replace('"category_id": 7', '"category_id": 0'))
    with pytest.raises(DataError, match="category 0 is none of the 19 .* --use-train-id"):
        read(root, "cityscapes", "panoptic")


@pytest.mark.parametrize("tree", ["v1.2 alone", "of MaskCLIP++", "inside v2.0"])
def test_all_trees_of_mapillary_are_read(tmp_path, tree):
    place = tmp_path / "sets" / "mapillary_vistas" / "validation"
    labels = place / "v1.2" if tree == "inside v2.0" else place
    draw_photo(place / "images" / "x.jpg")
    draw_map(labels / "labels" / "x.png", np.array([[0, 65], [14, 64]], np.uint8), palette=True)
    wanted = [["bird", ""], ["service lane", read_names()[64]]]
    assert read(tmp_path / "sets", "mapillary", "semantic")[0] == wanted
    panoptic(labels / "panoptic" / "x.png", [[256, 9], [300, 70000]])
    numbers = {256: 1, 9: 66, 300: 15, 70000: 65}
    segments = [{"id": i, "category_id": c, "iscrowd": 0} for i, c in numbers.items()]
    content = {"annotations": [{"file_name": "x.png", "image_id": "x", "segments_info": segments}]}
    content["categories"] = [{"id": n, "name": str(n)} for n in range(1, 67)]
    listed = labels if tree == "of MaskCLIP++" else labels / "panoptic"
    (listed / "panoptic_2018.json").write_text(json.dumps(content))
    assert read(tmp_path / "sets", "mapillary", "panoptic")[0] == wanted


def read_names():
    from ovseg_jax.vocabulary.classes import load_preset

    return load_preset("mapillary65").names


def test_labels_of_mapillary_v2_are_refused(tmp_path):
    place = tmp_path / "sets" / "validation"
    draw_photo(place / "images" / "x.jpg")
    draw_map(place / "v2.0" / "labels" / "x.png", np.array([[123, 65]], np.uint8))
    with pytest.raises(DataError, match=r"labels of v2.0 \(124 classes\) only"):
        read(tmp_path / "sets", "mapillary", "semantic")
    draw_map(place / "labels" / "x.png", np.array([[123, 65]], np.uint8))
    with pytest.raises(DataError, match="label 123 is none of this set; labels of v2.0"):
        read(tmp_path / "sets", "mapillary", "semantic")
