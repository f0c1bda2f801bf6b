"""Label maps as files: which are read, to which numbers, and what is said of the others."""

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest
from label_folder import LABELS, WANTED, data_of, describe, make_folder, read
from label_trees import SIZE, draw_map, draw_photo
from PIL import Image

pytest.importorskip("tensorflow_datasets")

from ovseg_jax.inputs.datasets import DataError, decode, open_split

MAP = "a.png"
ROOT = Path(__file__).parents[2]
REALSET = Path(os.environ.get("OVSEG_REALSET", ROOT.parent / "shared" / "realset"))


@pytest.fixture
def root(tmp_path):
    """One photo with labels of all classes, described by dataset.yaml."""
    return make_folder(tmp_path / "set")


def save(root, picture, name=MAP, **options):
    """Replaces the only map."""
    (root / "labels" / MAP).unlink(missing_ok=True)
    Image.fromarray(picture).save(root / "labels" / name, **options)


def whole(labels):
    """Labels [2, 2] over the size of the photos."""
    return np.kron(labels, np.ones((SIZE[0] // 2, SIZE[1] // 2), labels.dtype))


def test_palettes_are_read_as_indices(root):
    draw_map(root / "labels" / MAP, LABELS, palette=True)
    assert read(root) == [WANTED]


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_maps_of_sixteen_bits_are_read_whole(root, name):
    classes = [f"c{number}" for number in range(300)]
    describe(root, names=classes)
    save(root, whole(np.array([[0, 255], [299, 65535]], np.uint16)), name)
    assert read(root) == [[["c0", "c255"], ["c299", ""]]]


def test_eight_bits_where_sixteen_are_needed_are_refused(root):
    describe(root, names=[f"c{number}" for number in range(300)])
    with pytest.raises(DataError, match="a.png: has 8 bits, and labels go up to 299"):
        read(root)


def test_maps_of_one_bit_hold_zero_and_one(root):
    save(root, whole(np.array([[0, 1], [1, 0]], bool)))
    assert read(root) == [[["sky", "road"], ["road", "sky"]]]


def test_labels_below_the_first_are_no_class(root):
    describe(root, first=1)
    save(root, whole(np.array([[0, 1], [3, 255]], np.uint8)))
    assert read(root) == [[["", "sky"], ["tree", ""]]]


def test_remap_gives_classes_by_name_index_and_none(root):
    describe(root, remap={7: "street", 8: 0, 200: None})
    save(root, whole(np.array([[7, 8], [200, 255]], np.uint8)))
    assert read(root) == [[["road", "sky"], ["", ""]]]
    save(root, whole(np.array([[7, 8], [9, 255]], np.uint8)))
    with pytest.raises(DataError, match="label 9 is none of .*list it under 'remap'"):
        read(root)


def test_keys_of_json_are_labels_too(root):
    (root / "dataset.yaml").unlink()
    describe(root, "dataset.json", remap={"7": "sky", "8": 1})
    save(root, whole(np.array([[7, 8], [8, 7]], np.uint8)))
    assert read(root) == [[["sky", "road"], ["road", "sky"]]]


def test_masks_of_0_and_255_are_warned_of_and_remapped(root):
    save(root, whole(np.array([[0, 255], [255, 0]], np.uint8)))
    with pytest.warns(UserWarning, match="hold 0 and 255 only.*remap"):
        assert read(root) == [[["sky", ""], ["", "sky"]]]
    describe(root, remap={0: 0, 255: 1})
    assert read(root) == [[["sky", "road"], ["road", "sky"]]]


CAUSES = [
    (np.array([[1, 2], [3, 0]], np.uint8), "label 3 is none of the 3 .*one level off.*'first: 1'"),
    (np.array([[0, 60], [120, 200]], np.uint8), "labels 0, 60, 120, 200 are the classes, 'remap'"),
    (np.array([[257, 514], [257, 514]], np.uint16), "stretched to 16; divide .* by 257"),
    (np.array([[0, 9], [9, 9]], np.int32) - 1, "label -1, 8 is none"),
]


@pytest.mark.parametrize(("labels", "message"), CAUSES)
def test_the_likely_cause_of_a_wrong_label_is_told(root, labels, message):
    save(root, whole(labels), "a.tif" if labels.dtype == np.int32 else MAP)
    with pytest.raises(DataError, match=rf"labels.a\.(png|tif): .*{message}"):
        read(root)


def test_places_in_a_palette_are_told_from_labels(root):
    draw_map(root / "labels" / MAP, np.array([[5, 77], [99, 130]], np.uint8), palette=True)
    with pytest.raises(DataError, match="places in the picture's palette"):
        read(root)


def test_colours_jpeg_pages_and_turned_maps_are_named(root):
    colours = np.zeros((*SIZE, 3), np.uint8)
    colours[:, 8:, 0] = 9
    save(root, colours)
    with pytest.raises(DataError, match="a.png: .*found mode RGB with 2 colours"):
        read(root)
    save(root, np.zeros((*SIZE, 3), np.uint8))
    with pytest.raises(DataError, match="channels are equal"):
        read(root)
    Image.fromarray(whole(LABELS)).save(root / "labels" / MAP, format="JPEG")
    with pytest.raises(DataError, match="a.png: is a JPEG, which blurs labels"):
        read(root)
    pages = Image.fromarray(whole(LABELS))
    (root / "labels" / MAP).unlink()
    pages.save(root / "labels" / "a.tif", save_all=True, append_images=[pages])
    with pytest.raises(DataError, match="a.tif: holds 2 pictures"):
        read(root)
    (root / "labels" / "a.tif").unlink()
    exif = Image.Exif()
    exif[0x0112] = 6
    save(root, whole(LABELS), exif=exif)
    with pytest.raises(DataError, match="stored turned .EXIF orientation 6"):
        read(root)
    (root / "labels" / MAP).write_bytes(b"\x89PNG broken")
    with pytest.raises(DataError, match="a.png: the label map cannot be read"):
        read(root)


def test_a_photo_of_another_size_than_its_map_is_refused(root):
    save(root, np.zeros((6, 6), np.uint8))
    with pytest.raises(DataError, match="a.jpg: the picture has 12 x 16 pixels, its annotation 6"):
        read(root)


def test_a_damaged_photo_is_named(root):
    draw_photo(root / "images" / "a.jpg")
    content = (root / "images" / "a.jpg").read_bytes()
    (root / "images" / "a.jpg").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="a.jpg: the picture cannot be read"):
        read(root)


@pytest.mark.skipif(not (REALSET / "manifest.json").is_file(), reason="needs the real photos")
@pytest.mark.parametrize(
    ("name", "preset", "first"), [("voc", "pascal_voc21", 0), ("ade150", "ade150", 1)]
)
def test_real_maps_are_read_as_a_photo_set_reads_them(tmp_path, name, preset, first):
    entries = [x for x in json.loads((REALSET / "manifest.json").read_text()) if x["set"] == name]
    folder = describe(tmp_path / "set", names=preset, first=first)
    for place, key in (("images", "image"), ("labels", "gt")):
        (folder / place).mkdir()
        for number, entry in enumerate(entries):
            file = REALSET / entry[key]
            (folder / place / f"{number}{file.suffix}").symlink_to(file)
    ours = data_of(folder)
    wanted = dataclasses.replace(ours, name="photo_set", config=name, root=str(REALSET))
    found = [list(map(decode, open_split(data))) for data in (ours, wanted)]
    assert len(found[0]) == len(entries)
    for one, other in zip(*found, strict=True):
        assert one["categories"].tolist() == other["categories"].tolist()
        np.testing.assert_array_equal(one["segment_ids"], other["segment_ids"])
        np.testing.assert_array_equal(one["image"], other["image"])
