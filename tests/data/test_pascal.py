"""PASCAL VOC and PASCAL-Context: the publisher's trees and those that people have prepared."""

import json
import tempfile

import numpy as np
import pytest
from label_trees import SIZE, classes_of, draw_map, draw_photo
from scipy.io import savemat

pytest.importorskip("tensorflow_datasets")

from pycocotools import mask as run_lengths

from ovseg_jax.config import DataConfig
from ovseg_jax.inputs.datasets import DataError, decode, open_split
from ovseg_jax.inputs.labels import class_list

pytestmark = pytest.mark.filterwarnings("ignore:.*found 1 photos")


def data_of(root, name, config, split="validation"):
    return DataConfig(
        name=name,
        config=config,
        split=split,
        root=str(root),
        prepared=tempfile.mkdtemp(dir=root.parent),  # records know no folder
        vocabulary="",
    )


def read(root, name, config):
    data = data_of(root, name, config)
    (example,) = [decode(record) for record in open_split(data)]
    return classes_of(example, class_list(data).names)


def voc(root, names=("2007_000033",), listed="val"):
    place = root / "VOCdevkit" / "VOC2012"
    for name in names:
        draw_photo(place / "JPEGImages" / f"{name}.jpg", grey=True)
        labels = np.array([[0, 1], [255, 20]], np.uint8)
        draw_map(place / "SegmentationClass" / f"{name}.png", labels, palette=True)
    lists = place / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / f"{listed}.txt").write_text("\n".join(names))
    return place


def test_vocs_own_tree_is_read_from_each_of_its_folders(tmp_path):
    root = tmp_path / "sets"
    place = voc(root)
    for folder in (root, root / "VOCdevkit", place):
        wanted = [["", "aeroplane"], ["", "tvmonitor"]]
        assert read(folder, "pascal_voc", "pas20") == wanted
        wanted = [["background", "aeroplane"], ["", "tvmonitor"]]
        assert read(folder, "pascal_voc", "pas21") == wanted


def test_prepared_voc_folders_count_from_zero(tmp_path):
    labels = np.array([[255, 0], [14, 19]], np.uint8)
    wanted = [["", "aeroplane"], ["person", "tvmonitor"]]
    family = tmp_path / "a" / "pascal_voc_d2"
    draw_photo(family / "images" / "validation" / "x.jpg")
    draw_map(family / "annotations_pascal20" / "validation" / "x.png", labels)
    assert read(family, "pascal_voc", "pas20") == read(family.parent, "pascal_voc", "pas20")
    assert read(family, "pascal_voc", "pas20") == wanted
    other = tmp_path / "b" / "VOCdevkit" / "VOC2012"
    draw_photo(other / "JPEGImages" / "x.jpg")
    draw_map(other / "annotations_detectron2" / "val" / "x.png", labels)
    assert read(other.parent, "pascal_voc", "pas20") == wanted


def test_faults_of_voc_folders_are_named(tmp_path):
    root = tmp_path / "sets"
    with pytest.raises(DataError, match="holds neither SegmentationClass"):
        (root / "x").mkdir(parents=True)
        read(root, "pascal_voc", "pas20")
    place = voc(root, names=("a", "b"))
    (place / "JPEGImages" / "b.jpg").unlink()
    with pytest.raises(DataError, match="1 of 2 photos are missing: b.jpg"):
        read(root, "pascal_voc", "pas20")
    draw_photo(place / "JPEGImages" / "b.jpg")
    draw_map(place / "SegmentationClass" / "b.png", np.full((2, 2), 77, np.uint8))
    with pytest.raises(DataError, match="b.png: label 77 is none of this set"):
        read(root, "pascal_voc", "pas20")
    draw_map(place / "SegmentationClass" / "b.png", np.full((2, 2), 7, np.uint16))
    with pytest.raises(DataError, match="b.png: has 16 bits, the set's labels have 8"):
        read(root, "pascal_voc", "pas20")


def test_another_number_of_photos_is_told(tmp_path, recwarn):
    voc(tmp_path / "sets")
    read(tmp_path / "sets", "pascal_voc", "pas20")
    texts = [str(warning.message) for warning in recwarn]
    assert any("found 1 photos, the published set has 1,449" in text for text in texts)


def context(root):
    """VOC2010 with one photo, whose upper left is a bag (9), right a bicycle (23) over grass."""
    place = root / "VOCdevkit" / "VOC2010"
    draw_photo(place / "JPEGImages" / "x.jpg")
    bag, grass, bicycle = np.zeros((3, *SIZE), np.uint8)
    bag[:6, :8], grass[:, 8:], bicycle[:6, 8:] = 1, 1, 1
    items = []
    for category, mask in ((9, bag), (187, grass), (23, bicycle)):
        packed = run_lengths.encode(np.asfortranarray(mask))
        segmentation = {"size": list(SIZE), "counts": packed["counts"].decode()}
        items.append({"image_id": 1, "category_id": category, "segmentation": segmentation})
    image = {"image_id": 1, "file_name": "x.jpg", "phase": "val"}
    image |= {"height": SIZE[0], "width": SIZE[1]}
    content = {"images": [image], "annos_segmentation": items}
    (place / "trainval_merged.json").write_text(json.dumps(content))
    return place


WANTED = [["bag", "bicycle"], ["", "grass"]]


def test_the_merged_file_is_painted_in_its_order(tmp_path):
    place = context(tmp_path / "sets")
    assert read(tmp_path / "sets", "pascal_context", "context59") == WANTED
    merged = place / "trainval_merged.json"
    merged.write_text(merged.read_text().replace('"category_id": 23', '"category_id": 24'))
    with pytest.raises(DataError, match="category 24 is none of the 59"):
        read(place, "pascal_context", "context59")


def test_matlab_files_hold_459_classes(tmp_path):
    place = context(tmp_path / "sets")
    (place / "trainval").mkdir()
    labels = np.zeros(SIZE, np.uint16)
    labels[:6, :8], labels[6:, 8:] = 1, 459
    savemat(place / "trainval" / "x.mat", {"LabelMap": labels})
    names = read(place, "pascal_context", "context459")
    assert names[0] == ["accordion", ""] and names[1][1]
    savemat(place / "trainval" / "x.mat", {"other": labels})
    with pytest.raises(DataError, match="x.mat: holds no 'LabelMap'"):
        read(place.parent, "pascal_context", "context459")


def test_fc_clips_folders_are_read(tmp_path):
    root = tmp_path / "sets" / "pascal_ctx_d2"
    draw_photo(root / "images" / "validation" / "x.jpg")
    labels = np.array([[1, 5], [255, 29]])
    draw_map(root / "annotations_ctx59" / "validation" / "x.png", labels.astype(np.uint8))
    many = np.array([[255, 0], [65535, 458]], np.uint16)
    draw_map(root / "annotations_ctx459" / "validation" / "x.tif", many)
    assert read(root.parent, "pascal_context", "context59")[0] == ["bag", "bicycle"]
    names = read(root, "pascal_context", "context459")
    assert names[0][0] and names[0][1] == "accordion" and not names[1][0]  # 255 is a class
    draw_map(root / "annotations_ctx459" / "validation" / "x.tif", many.astype(np.uint8))
    with pytest.raises(DataError, match="x.tif: has 8 bits, the set's labels have 16"):
        read(root, "pascal_context", "context459")


def test_a_folder_whose_order_is_not_known_asks(tmp_path):
    place = tmp_path / "sets" / "VOC2010"
    draw_photo(place / "JPEGImages" / "x.jpg")
    labels = np.array([[20, 1], [255, 0]], np.uint8)
    draw_map(place / "annotations_detectron2" / "pc59_val" / "x.png", labels)
    with pytest.raises(DataError, match="Is label 1 'bicycle'.*context59_voc.*context59_alphabet"):
        read(place, "pascal_context", "context59")
    by_voc = read(place, "pascal_context", "context59_voc")
    assert by_voc[0] == ["bag", "bicycle"] and by_voc[1][1] == "aeroplane"
    by_alphabet = read(place, "pascal_context", "context59_alphabet")
    assert by_alphabet[0][1] == "bag" and by_alphabet[1][1] == "aeroplane"


def test_ovsegs_order_is_read_from_its_list(tmp_path):
    from data.pascal_context.orders import RAW_59
    from ovseg_jax.vocabulary.classes import load_preset

    place = tmp_path / "sets" / "VOC2010"
    draw_photo(place / "JPEGImages" / "x.jpg")
    labels = np.array([[20, 1], [255, 0]], np.uint8)
    draw_map(place / "annotations_detectron2" / "pc59_val" / "x.png", labels)
    names = load_preset("pascal_context59").names
    things = load_preset("pascal_voc20").names
    first = [names.index(name) for name in things]
    order = [*first, *[n for n in range(59) if n not in first]]
    lines = [f"{RAW_59[n + 1]}: {names[n]}" for n in order]
    (place / "59_labels.txt").write_text("\n".join(lines))
    assert read(place, "pascal_context", "context59_voc") == [["bag", "bicycle"], ["", "aeroplane"]]
    (place / "59_labels.txt").write_text("\n".join(lines[1:]))
    with pytest.raises(DataError, match="its 58 lines are not the 59 classes once each"):
        read(place.parent, "pascal_context", "context59_voc")
