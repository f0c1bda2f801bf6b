"""ADE20K with 150 and with 847 classes: the publisher's trees and detectron2's."""

import io
import json
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from label_trees import SIZE, classes_of, draw_map, draw_photo
from PIL import Image

pytest.importorskip("tensorflow_datasets")

from data.ade20k_full.ade20k_full_dataset_builder import as_published
from data.resizing import bilinear, nearest
from ovseg_jax.config import DataConfig
from ovseg_jax.inputs.datasets import DataError, decode, open_split
from ovseg_jax.inputs.labels import class_list
from ovseg_jax.vocabulary.classes import load_preset

pytestmark = pytest.mark.filterwarnings("ignore:.*photos, the published set has")
REALSET = Path(os.environ.get("OVSEG_REALSET", Path(__file__).parents[3] / "shared" / "realset"))
needs_realset = pytest.mark.skipif(not REALSET.is_dir(), reason="no folder of real photos")
NAME = "ADE_val_00000001"
NAMES = load_preset("ade150").names


def data_of(root, name, config):
    return DataConfig(
        name=name,
        config=config,
        split="validation",
        root=str(root),
        prepared=tempfile.mkdtemp(dir=root.parent),
        vocabulary="",
    )


def read(root, name, config):
    data = data_of(root, name, config)
    (example,) = [decode(record) for record in open_split(data)]
    return classes_of(example, class_list(data).names), example


def place_of(root):
    place = root / "ADEChallengeData2016"
    draw_photo(place / "images" / "validation" / f"{NAME}.jpg", grey=True)
    return place


def test_published_and_prepared_maps_give_the_same(tmp_path):
    place = place_of(tmp_path / "sets")
    published = place / "annotations" / "validation" / f"{NAME}.png"
    draw_map(published, np.array([[0, 1], [150, 3]], np.uint8))
    wanted = [["", "wall"], [NAMES[149], "sky"]]
    assert read(place.parent, "ade20k", "semantic")[0] == wanted
    published.unlink()
    published.parent.rmdir()
    prepared = place / "annotations_detectron2" / "validation" / f"{NAME}.png"
    draw_map(prepared, np.array([[255, 0], [149, 2]], np.uint8))
    assert read(place, "ade20k", "semantic")[0] == wanted
    draw_map(prepared, np.array([[0, 1], [150, 3]], np.uint8))
    with pytest.raises(DataError, match="label 150 is none of this set; the publisher's maps"):
        read(place, "ade20k", "semantic")


def test_things_of_the_instance_map_lie_over_stuff(tmp_path):
    place = place_of(tmp_path / "sets")
    things = [NAMES[index] for index in np.flatnonzero(load_preset("ade150").thing_mask)]
    wall, bed = 1, NAMES.index(things[0]) + 1
    labels = np.array([[wall, bed], [wall, 0]], np.uint8)
    draw_map(place / "annotations" / "validation" / f"{NAME}.png", labels)
    path = place / "annotations_instance" / "validation" / f"{NAME}.png"
    path.parent.mkdir(parents=True)
    colors = np.zeros((*SIZE, 3), np.uint8)
    colors[6:, :8] = (100, 2, 0)
    colors[6:, 8:] = (100, 5, 0)
    Image.fromarray(colors).save(path)
    names, example = read(place.parent, "ade20k", "panoptic")
    assert names == [["wall", ""], [things[99], things[99]]]  # the bed has no instance
    assert len(example["categories"]) == 3
    assert read(place, "ade20k", "instance")[0] == [["", ""], [things[99], things[99]]]
    colors[6:, 8:] = (101, 5, 0)
    Image.fromarray(colors).save(path)
    with pytest.raises(DataError, match=r"instance 5 has the categories \[101\]"):
        read(place, "ade20k", "panoptic")


def test_panoptic_maps_of_the_script_are_read(tmp_path):
    place = place_of(tmp_path / "sets")
    ids = np.kron(np.array([[70000, 0], [300, 300]]), np.ones((6, 8), int))
    colors = np.stack([ids % 256, ids // 256 % 256, ids // 65536], -1).astype(np.uint8)
    maps = place / "ade20k_panoptic_val"
    maps.mkdir()
    Image.fromarray(colors).save(maps / f"{NAME}.png")
    segments = [{"id": 70000, "category_id": 0}, {"id": 300, "category_id": 149}]
    item = {"file_name": f"{NAME}.png", "image_id": NAME, "segments_info": segments}
    maps.with_suffix(".json").write_text(json.dumps({"annotations": [item]}))
    wanted = [["wall", ""], [NAMES[149], NAMES[149]]]
    assert read(place, "ade20k", "panoptic")[0] == wanted


def test_the_release_of_847_classes_is_decoded_from_its_colours(tmp_path):
    scene = tmp_path / "sets" / "ADE20K_2021_17_01" / "images" / "ADE" / "validation" / "urban"
    draw_photo(scene / f"{NAME}.jpg")
    classes = load_preset("ade847").classes
    colors = np.zeros((*SIZE, 3), np.uint8)
    colors[:6, :8] = (classes[0].original_id // 256 * 10, classes[0].original_id % 256, 7)
    colors[6:, 8:] = (classes[846].original_id // 256 * 10 + 3, classes[846].original_id % 256, 9)
    Image.fromarray(colors).save(scene / f"{NAME}_seg.png")
    wanted = [["wall", ""], ["", classes[846].name]]
    for config in ("published", "original"):
        assert read(tmp_path / "sets", "ade20k_full", config)[0] == wanted


def test_prepared_maps_of_847_classes_have_16_bits(tmp_path):
    place = tmp_path / "sets" / "ADE20K_2021_17_01"
    draw_photo(place / "images_detectron2" / "validation" / f"{NAME}.jpg")
    path = place / "annotations_detectron2" / "validation" / f"{NAME}.tif"
    labels = np.array([[255, 0], [65535, 846]], np.uint16)
    draw_map(path, labels)
    names, _ = read(place, "ade20k_full", "published")
    classes = load_preset("ade847").names
    assert names == [[classes[255], "wall"], ["", classes[846]]]
    draw_map(path, labels.astype(np.uint8))
    with pytest.raises(DataError, match="has 8 bits, the set's labels have 16"):
        read(place, "ade20k_full", "published")


def test_large_photos_are_brought_to_512_and_all_are_compressed_again():
    pixels = np.random.default_rng(0).integers(0, 256, (600, 901, 3), np.uint8)
    content, labels = as_published(pixels, np.zeros((600, 901), np.int32))
    image = Image.open(io.BytesIO(content))
    assert image.size == (round(901 / 600 * 512), 512) and labels.shape == (512, image.width)
    assert image.format == "JPEG"
    small, labels = as_published(pixels[:100, :90], np.zeros((100, 90), np.int32))
    assert Image.open(io.BytesIO(small)).size == (90, 100) and labels.shape == (100, 90)


def test_resizing_equals_opencvs():
    cv2 = pytest.importorskip("cv2", reason="needs the parity extra")
    rng = np.random.default_rng(0)
    for height, width, size in ((600, 901, (512, 769)), (733, 555, (676, 512))):
        pixels = rng.integers(0, 256, (height, width, 3), np.uint8)
        theirs = cv2.resize(pixels, size[::-1], interpolation=cv2.INTER_LINEAR).astype(int)
        assert np.abs(bilinear(pixels, size) - theirs).max() <= 1
        labels = rng.integers(0, 3000, (height, width)).astype(np.uint16)
        theirs = cv2.resize(labels, size[::-1], interpolation=cv2.INTER_NEAREST)
        np.testing.assert_array_equal(nearest(labels, size), theirs)


@needs_realset
def test_real_maps_are_read_to_the_pixel(tmp_path):
    place = tmp_path / "sets" / "ADEChallengeData2016"
    maps = sorted((REALSET / "gt").glob("ade_ADE_*.png"))
    for folder, paths in (("annotations", maps), ("images", None)):
        target = place / folder / "validation"
        target.mkdir(parents=True)
        for path in paths or [REALSET / "images" / f"{m.stem}.jpg" for m in maps]:
            shutil.copy(path, target / path.name)
    for example in map(decode, open_split(data_of(place, "ade20k", "semantic"))):
        raw = np.asarray(Image.open(REALSET / "gt" / example["file_name"].replace(".jpg", ".png")))
        table = np.append(example["categories"], -1)
        np.testing.assert_array_equal(table[example["segment_ids"] - 1], raw.astype(int) - 1)
