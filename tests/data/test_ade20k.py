"""ADE20K with 150 and with 847 classes: the publisher's trees and detectron2's."""

import io
import json
import shutil
import tempfile

import numpy as np
import pytest
from label_trees import SIZE, classes_of, draw_map, draw_photo
from PIL import Image
from pycocotools.mask import area as mask_area
from pycocotools.mask import encode

pytest.importorskip("tensorflow_datasets")

from data.ade20k_full.ade20k_full_dataset_builder import as_published
from data.resizing import bilinear, nearest
from ovseg_jax.config import DataConfig
from ovseg_jax.foundation.errors import OvsegWarning
from ovseg_jax.inputs.datasets import DataError, decode, open_split
from ovseg_jax.inputs.labels import class_list
from ovseg_jax.vocabulary.classes import load_preset

pytestmark = pytest.mark.filterwarnings("ignore:.*photos, the published set has")
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
    segments += [{"id": 9, "category_id": 2, "area": 5}]
    item = {"file_name": f"{NAME}.png", "image_id": NAME, "segments_info": segments}
    content = {"annotations": [item], "categories": categories(range(150))}
    maps.with_suffix(".json").write_text(json.dumps(content))
    wanted = [["wall", ""], [NAMES[149], NAMES[149]]]
    with pytest.warns(OvsegWarning, match="in 1 photos things cover stuff"):
        names, example = read(place, "ade20k", "panoptic")
    assert names == wanted and example["categories"].tolist() == [0, 149, 2]
    content["categories"] = categories(range(1, 151))
    maps.with_suffix(".json").write_text(json.dumps(content))
    with pytest.raises(DataError, match="category 1 is 'wall, x', class 0 of 'ade150'"):
        read(place, "ade20k", "panoptic")
    maps.with_suffix(".json").write_text(json.dumps({"annotations": [item]}))
    with pytest.raises(DataError, match="has no list 'categories'"):
        read(place, "ade20k", "panoptic")


def categories(ids):
    """As the scripts name them: the first name of each class, and others behind a comma."""
    return [{"id": n, "name": f"{name}, x"} for n, name in zip(ids, NAMES, strict=True)]


def test_stuff_under_things_is_kept_as_what_it_is(tmp_path):
    place = place_of(tmp_path / "sets")
    labels = np.array([[1, 3], [6, 3]], np.uint8)  # wall, sky, ceiling
    draw_map(place / "annotations" / "validation" / f"{NAME}.png", labels)
    path = place / "annotations_instance" / "validation" / f"{NAME}.png"
    path.parent.mkdir(parents=True)
    colors = np.zeros((*SIZE, 3), np.uint8)
    colors[6:, :10] = (1, 1, 0)  # all of the ceiling, and some sky
    Image.fromarray(colors).save(path)
    _, example = read(place, "ade20k", "panoptic")
    assert example["categories"].tolist() == [0, 2, 5, 7]
    wall, sky, ceiling, bed = example["whole"]
    assert wall == bed == b""
    area = [int(mask_area({"counts": runs, "size": SIZE})) for runs in (sky, ceiling)]
    assert area == [96, 48]
    assert np.bincount(example["segment_ids"].ravel()).tolist() == [0, 48, 84, 0, 60]
    draw_map(place / "annotations" / "validation" / f"{NAME}.png", labels + np.uint8(249))
    with pytest.raises(DataError, match="label 255 is none of this set"):
        read(place, "ade20k", "panoptic")


def test_prepared_instances_are_read(tmp_path):
    place = place_of(tmp_path / "sets")
    mask = np.zeros(SIZE, np.uint8)
    mask[6:, :8] = 1
    runs = encode(np.asfortranarray(mask))
    item = {"id": 1, "image_id": NAME, "iscrowd": 0, "category_id": 149}
    item["segmentation"] = {"size": list(SIZE), "counts": runs["counts"].decode()}
    image = {"id": NAME, "file_name": f"{NAME}.jpg", "height": SIZE[0], "width": SIZE[1]}
    content = {"images": [image], "annotations": [item], "categories": categories(range(150))}
    path = place / "ade20k_instance_val.json"
    path.write_text(json.dumps(content))
    assert read(place, "ade20k", "instance")[0] == [["", ""], [NAMES[149], ""]]
    item["category_id"] = 150
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match="have category 150, which 'categories' does not list"):
        read(place, "ade20k", "instance")
    path.unlink()
    with pytest.raises(DataError, match=f"objects not found; .* or the prepared {path}"):
        read(place, "ade20k", "instance")


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


def test_the_parquet_copy_is_read_as_the_release_is(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet")
    place = tmp_path / "sets" / "ADE20K_2021_17_01"
    scene = place / "images" / "ADE" / "validation" / "urban"
    draw_photo(scene / f"{NAME}.jpg", grey=True)
    colors = np.zeros((*SIZE, 3), np.uint8)
    colors[:6] = (2978 // 256 * 10, 2978 % 256, 0)
    Image.fromarray(colors).save(scene / f"{NAME}_seg.png")
    files = [(scene / f"{NAME}{ending}").read_bytes() for ending in (".jpg", "_seg.png")]
    row = {"image": {"bytes": files[0]}, "segmentations": [{"bytes": files[1]}] * 2}
    copy = tmp_path / "copy" / "data" / "validation-00000-of-00001.parquet"
    copy.parent.mkdir(parents=True)
    table = pyarrow.Table.from_pylist([row | {"filename": f"{NAME}.jpg"}])
    pyarrow.parquet.write_table(table, copy)
    for config in ("published", "original"):
        names, ours = read(tmp_path / "sets", "ade20k_full", config)
        others, theirs = read(tmp_path / "copy", "ade20k_full", config)
        assert names == others == [["wall", "wall"], ["", ""]]
        assert ours["file_name"] == theirs["file_name"] == f"{NAME}.jpg"
        np.testing.assert_array_equal(ours["image"], theirs["image"])
    pyarrow.parquet.write_table(table.drop_columns("filename"), copy)
    with pytest.raises(DataError, match="has no column 'filename'; found image, segmentations"):
        read(tmp_path / "copy", "ade20k_full", "published")
    copy.write_bytes(b"PAR1")
    with pytest.raises(DataError, match="is no parquet file"):
        read(tmp_path / "copy", "ade20k_full", "published")


def test_photos_that_are_missing_damaged_or_prepared_are_named(tmp_path):
    place = tmp_path / "sets" / "ADE20K_2021_17_01"
    scene = place / "images" / "ADE" / "validation" / "urban"
    draw_photo(scene / f"{NAME}.jpg")
    Image.new("RGB", SIZE[::-1]).save(scene / f"{NAME}_seg.png")
    photo = scene / f"{NAME}.jpg"
    photo.write_bytes(photo.read_bytes()[:-200])
    with pytest.raises(DataError, match=f"{photo}: the picture cannot be read"):
        read(place, "ade20k_full", "published")
    photo.unlink()
    with pytest.raises(DataError, match=f"not found; expected the file {photo}"):
        read(place, "ade20k_full", "published")
    shutil.rmtree(place)
    draw_photo(place / "images_detectron2" / "validation" / f"{NAME}.jpg")
    labels = np.array([[255, 0], [65535, 846]], np.uint16)
    draw_map(place / "annotations_detectron2" / "validation" / f"{NAME}.tif", labels)
    with pytest.raises(DataError, match="are no originals: take config published"):
        read(place, "ade20k_full", "original")
    with pytest.raises(DataError, match="the full ADE20K not found"):
        read(place / "images_detectron2", "ade20k_full", "original")


def test_large_photos_are_brought_to_512_and_all_are_compressed_again():
    pixels = np.random.default_rng(0).integers(0, 256, (600, 901, 3), np.uint8)
    content, labels = as_published(pixels, np.zeros((600, 901), np.int32))
    image = Image.open(io.BytesIO(content))
    assert image.size == (round(901 / 600 * 512), 512) and labels.shape == (512, image.width)
    assert image.format == "JPEG"
    small, labels = as_published(pixels[:100, :90], np.zeros((100, 90), np.int32))
    assert Image.open(io.BytesIO(small)).size == (90, 100) and labels.shape == (100, 90)


def test_resizing_rounds_where_opencv_rounds():
    pixels = (np.arange(30).reshape(5, 6, 1) * 37 % 256).astype(np.uint8)
    wanted = [[62, 53, 109, 164], [197, 61, 52, 108], [140, 196, 123, 51]]  # of OpenCV 5.0
    np.testing.assert_array_equal(bilinear(pixels, (3, 4))[..., 0], wanted)
    wanted = [[0, 37, 111, 148], [222, 3, 77, 114], [154, 191, 9, 46]]
    np.testing.assert_array_equal(nearest(pixels[..., 0], (3, 4)), wanted)


def test_resizing_equals_opencvs():
    cv2 = pytest.importorskip("cv2", reason="needs the parity extra")
    rng = np.random.default_rng(0)
    for height, width, size in (
        (600, 901, (512, 769)),
        (733, 555, (676, 512)),
        (1024, 1024, (512, 512)),
    ):
        pixels = rng.integers(0, 256, (height, width, 3), np.uint8)
        theirs = cv2.resize(pixels, size[::-1], interpolation=cv2.INTER_LINEAR)
        np.testing.assert_array_equal(bilinear(pixels, size), theirs)
        labels = rng.integers(0, 3000, (height, width)).astype(np.uint16)
        theirs = cv2.resize(labels, size[::-1], interpolation=cv2.INTER_NEAREST)
        np.testing.assert_array_equal(nearest(labels, size), theirs)
