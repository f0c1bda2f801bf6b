"""Folders of photos and label maps, with a description and without: what is read and refused."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from label_folder import LABELS, WANTED, data_of, describe, make_folder, read
from label_trees import SIZE, draw_map, draw_photo
from PIL import Image

pytest.importorskip("tensorflow_datasets")

from data import build
from data.label_maps.choice import choose, shipped_names
from data.label_maps.coding import Coding
from data.label_maps.pairs import Folders, find_pairs
from data.manual_files import ManualFileError
from ovseg_jax.cli.main import main
from ovseg_jax.inputs.datasets import DataError, decode, open_split


@pytest.fixture
def root(tmp_path):
    """One photo with labels of all classes, described by dataset.yaml."""
    return make_folder(tmp_path / "set")


@pytest.mark.parametrize("name", ["dataset.yaml", "dataset.yml", "dataset.json"])
def test_a_description_is_found_in_the_folder(root, name):
    (root / "dataset.yaml").unlink()
    assert read(describe(root, name)) == [WANTED]
    (entry,) = [x for x in choose(str(root)).classes.classes if x.name == "road"]
    assert entry.synonyms == ("road", "street")


def test_one_of_several_descriptions_is_chosen_by_name_or_path(root, tmp_path):
    describe(root, "short.yaml", names=["a", "b", "c"])
    assert read(root, "short") == read(root, "short.yaml") == [[["a", "b"], ["c", ""]]]
    elsewhere = describe(tmp_path / "notes", "far.yaml", names=["x", "y", "z"])
    assert read(root, str(elsewhere / "far.yaml")) == [[["x", "y"], ["z", ""]]]
    (root / "dataset.yaml").unlink()
    with pytest.raises(DataError, match="give one of short as config"):
        read(root)
    with pytest.raises(DataError, match="perhaps you meant 'short'.*mess/atlantis"):
        read(root, "shrot")


def test_folders_may_lie_beside_the_description(root, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "note.txt").touch()  # TFDS refuses an empty folder
    assert read(other, str(root / "dataset.yaml")) == [WANTED]


@pytest.mark.parametrize(("photos", "labels"), [("photos", "annotations"), ("images", "masks")])
def test_the_usual_tree_needs_no_description(tmp_path, photos, labels):
    folder = tmp_path / "set"
    draw_photo(folder / photos / "a.jpg")
    draw_map(folder / labels / "a.png", LABELS)
    (folder / "classes.txt").write_text("sky\nroad\ntree")
    assert read(folder) == read(folder, "folder") == [WANTED]
    assert not choose(str(folder)).classes.thing_mask.any()


def test_folders_called_like_splits_are_splits(tmp_path):
    folder = tmp_path / "set"
    for split, value in (("train", 0), ("val", 1), ("test", 2)):
        draw_photo(folder / "images" / split / "a.jpg")
        draw_map(folder / "labels" / split / "a.png", np.full((2, 2), value, np.uint8))
    (folder / "classes.txt").write_text("sky\nroad\ntree")
    found = [read(folder, split=split)[0][0][0] for split in ("train", "validation", "test")]
    assert found == ["sky", "road", "tree"]
    draw_photo(folder / "images" / "more" / "a.jpg")
    with pytest.raises(DataError, match="do not tell the splits apart"):
        read(folder)


def test_files_pair_by_path_before_their_suffix(tmp_path):
    folder = tmp_path / "set"
    for place in ("b/night", "a"):
        draw_photo(folder / "rgb" / place / "x_rgb_anon.PNG")
        draw_map(folder / "gt" / place / "x_gt_labelIds.png", LABELS)
    suffixes = {"photo_suffix": "_rgb_anon.png", "label_suffix": "_gt_labelIds.png"}
    describe(folder, photos="rgb", labels="gt", **suffixes)
    assert read(folder) == [WANTED, WANTED]
    names = [bytes(x["file_name"]).decode() for x in open_split(data_of(folder))]
    assert names == ["a/x_rgb_anon.PNG", "b/night/x_rgb_anon.PNG"]


def test_photos_and_maps_may_share_a_folder(tmp_path):
    folder = tmp_path / "set"
    for name in "ab":
        draw_photo(folder / f"{name}.png")
        draw_map(folder / f"{name}_mask.png", LABELS)
    describe(folder, photos=".", labels=".", label_suffix="_mask.png")
    assert read(folder) == [WANTED, WANTED]


def test_splits_are_named_in_the_description(root):
    draw_photo(root / "more" / "b.jpg")
    draw_map(root / "truth" / "b.png", LABELS[::-1])
    splits = {
        "train": {"photos": "images", "labels": "labels"},
        "validation": {"photos": "more", "labels": "truth", "count": 3},
    }
    describe(root, photos="absent", labels="absent", splits=splits)
    with pytest.warns(UserWarning, match="validation: found 1 photos, the published set has 3"):
        assert read(root) == [WANTED]
    assert read(root, split="validation") == [WANTED[::-1]]


def test_names_may_be_a_file_or_a_preset(root):
    content = {"classes": [{"names": ["sky"], "thing": False}, {"names": ["road"]}, {"names": "x"}]}
    (root / "names.json").write_text(json.dumps(content))
    found = choose(str(describe(root, names="names.json")))
    assert found.classes.thing_mask.tolist() == [False, True, True]
    found = choose(str(describe(root, names="names.json", things=["sky"])))
    assert found.classes.thing_mask.tolist() == [True, False, False]
    assert len(choose(str(describe(root, names="cityscapes19"))).classes) == 19
    (root / "gaps.txt").write_text("0:sky\n1:road\n3:tree")
    remap = choose(str(describe(root, names="gaps.txt"))).coding.remap
    assert remap == {0: 0, 1: 1, 3: 2}, "a number is the label, and 2 is none"
    with pytest.raises(ManualFileError, match="no file"):
        choose(str(describe(root, names="gone.txt")))


def test_a_change_of_files_or_description_makes_other_records(root):
    assert read(root) == [WANTED]
    draw_map(root / "labels" / "a.png", LABELS[::-1])
    assert read(root) == [WANTED[::-1]]
    describe(root, names=["sky", "road"], ignore=[255, 2])
    assert read(root) == [[["", ""], ["sky", "road"]]]
    copy = shutil.copytree(root, root.parent / "copied" / "set")
    assert choose(str(copy)).fingerprint() == choose(str(root)).fingerprint()


def test_a_photo_that_is_stored_turned_is_read_as_displayed(root):
    pixels = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    pixels[: SIZE[1] // 2] = 200
    exif = Image.Exif()
    exif[0x0112] = 8
    Image.fromarray(pixels).save(root / "images" / "a.jpg", exif=exif, quality=95)
    (example,) = [decode(record) for record in open_split(data_of(root))]
    assert example["image"].shape == (*SIZE, 3)
    assert example["image"][:, 0].mean() > 150 > 50 > example["image"][:, -1].mean()


@pytest.mark.parametrize("kind", ["tif", "sixteen", "grey", "alpha"])
def test_photos_of_every_kind_are_read(root, kind):
    (root / "images" / "a.jpg").unlink()
    pixels = np.full((*SIZE, 4), 255, np.uint8)
    deep = np.full(SIZE, 40_000, np.uint16)
    deep[0] = 65_535
    picture = {
        "tif": pixels[..., :3],
        "sixteen": deep,
        "grey": pixels[..., 0],
        "alpha": pixels,
    }[kind]
    ending = "tif" if kind == "tif" else "png"
    Image.fromarray(picture).save(root / "images" / f"a.{ending}")
    (example,) = [decode(record) for record in open_split(data_of(root))]
    wanted = 40_000 // 257 if kind == "sixteen" else 255
    assert example["image"].shape == (*SIZE, 3)
    assert abs(int(example["image"][-1, -1, 0]) - wanted) <= 1


def test_what_does_not_pair_is_told_with_both_differences(root):
    for name in ("b", "c", "d", "e", "f", "g"):
        draw_photo(root / "images" / f"{name}.jpg")
    draw_map(root / "labels" / "z.png", LABELS)
    message = r"6 photos without .*\(b.jpg, .*f.jpg and 1 more\), 1 label map without .*\(z.png\)"
    with pytest.raises(DataError, match=message):
        read(root)
    (root / "labels" / "z.png").unlink()
    with pytest.raises(DataError, match="'partial: true' leaves photos without a label map out"):
        read(root)
    assert read(describe(root, partial=True)) == [WANTED]


@pytest.mark.parametrize(
    ("photo", "label", "message"),
    [
        ("a.jpg", "a_mask.png", "perhaps 'label_suffix: _mask.png' is missing"),
        ("a_rgb.jpg", "a.png", "perhaps 'photo_suffix: _rgb.jpg' is missing"),
        ("a.jpg", "a.txt", r"no file in .*labels ends with .png.*it holds 1 of .txt \(polygons"),
    ],
)
def test_suffixes_that_would_pair_are_named(tmp_path, photo, label, message):
    folder = describe(tmp_path / "set")
    draw_photo(folder / "images" / photo)
    if label.endswith("txt"):
        (folder / "labels").mkdir()
        (folder / "labels" / label).write_text("0 0.5 0.5")
    else:
        draw_map(folder / "labels" / label, LABELS)
    with pytest.raises(DataError, match=message):
        read(folder)


def test_two_photos_of_one_name_are_refused(root):
    draw_photo(root / "images" / "a.png")
    with pytest.raises(DataError, match="a.jpg and a.png have the same name"):
        read(root)
    folders = Folders(root / "images", root / "labels", photo_suffixes=(".png",))
    assert [pair.name for pair in find_pairs(folders)] == ["a.png"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"label": "labels"}, "no field 'label'; perhaps you meant 'labels'"),
        ({"names": "absent"}, "'names' should list the classes"),
        ({"names": ["sky", True]}, "class 1 should be a name.*quotes make a name"),
        ({"names": ["_background_", "road"]}, "'_background_' .* is no class"),
        ({"names": ["sky", "sky"]}, "sky"),
        ({"photos": "absent"}, "'photos' is missing"),
        ({"photos": "pictures"}, "there is no folder of photos .*pictures"),
        ({"labels": "masks"}, "the label maps not found; expected the folder .*masks"),
        ({"things": ["cat"]}, "'cat' of 'things' is none of 'names'"),
        ({"background": "cat"}, "'cat' of 'background' is none of 'names'"),
        ({"interest": ["cat"]}, "'cat' of 'interest' is none of 'names'"),
        ({"interest": ["tree"], "background": "road"}, "give 'interest' or 'background', not both"),
        ({"first": "1"}, "'first' should be a label of 0 to 65535, found '1'"),
        ({"ignore": 2}, "label 2 is one of a class and under 'ignore' too"),
        ({"remap": {0: "sky"}, "first": 1}, "'remap' lists every label"),
        ({"remap": {0: "sku"}}, "found 'sku'; perhaps you meant 'sky'"),
        ({"remap": {0: 3}}, "an index of 0 to 2 or null, found 3"),
        ({"splits": {"val": {"photos": "images"}}}, "'photos' stands beside 'splits'"),
        ({"photo_suffix": 3}, "'photo_suffix' should be a text or a list of texts"),
        ({"count": "many"}, "'count' should be a number"),
        ({"partial": "no"}, "'partial' should be true or false"),
    ],
)
def test_a_wrong_description_is_refused_with_the_field(root, fields, message):
    describe(root, **fields)
    with pytest.raises(DataError, match=message):
        read(root)


@pytest.mark.parametrize(
    ("text", "message"),
    [("names: [a", "cannot be read"), ("- a", "found"), ("!!python/object:os.x {}", "cannot be")],
)
def test_a_damaged_description_is_refused(root, text, message):
    (root / "dataset.yaml").write_text(text)
    with pytest.raises(DataError, match=f"dataset.yaml.*{message}"):
        read(root)


def test_the_commands_build_check_and_show(root, capsys, tmp_path):
    records, sheet = str(tmp_path / "made"), tmp_path / "sheet.png"
    where = ["--manual-dir", str(root), "--data-dir", records]
    build.main(["label_maps", "--config", "dataset", *where])
    assert "3 classes: sky, road, tree" in capsys.readouterr().out
    assert main(["data", "check", "label_maps", str(root), "--config", "dataset"]) == 0
    options = ["--data-dir", records, "--out", str(sheet)]
    assert main(["data", "show", "label_maps", str(root), *options]) == 0
    assert sheet.is_file()
    draw_map(root / "labels" / "a.png", LABELS + 1)
    assert main(["data", "check", "label_maps", str(root)]) == 1
    assert "set 'first: 1'" in capsys.readouterr().out


def test_an_unknown_config_of_a_closed_set_is_still_refused(tmp_path):
    data = dataclasses.replace(data_of(tmp_path), name="coco_stuff", config="mess/atlantis")
    with pytest.raises(DataError, match="coco_stuff has no config 'mess/atlantis'"):
        open_split(data)


def test_shipped_descriptions_are_known_by_name():
    names = shipped_names()
    assert "my_label_maps" in names and sum(name.startswith("mess/") for name in names) == 25
    assert Coding(3).told() == "0 to 2; ignored: 255"
