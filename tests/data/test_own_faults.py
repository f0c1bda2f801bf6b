"""Folders of one's own in which labels could go wrong without a word: refused, noted, or right."""

import json
import os
import shutil

import numpy as np
import pytest
from etils import epath
from own_folders import EXIF, FAMILIES, change, label_map, labelme, maps, panoptic, photo, yolo
from PIL import Image

pytest.importorskip("tensorflow_datasets")

from data.checks.examine import examine
from data.checks.objects import NO_PIXEL
from data.checks.values import BINARY
from data.label_maps.choice import choose
from data.label_maps.description import shared_folders
from data.manual_files import ManualFileError
from data.own.files import files_below
from data.photo_set.annotations import classes_of_set, decoder
from data.photo_set.manifest import fingerprint
from data.prepare import prepare


@pytest.fixture
def root(tmp_path):
    return tmp_path / "my photos"


def decoded(root, set_name):
    """The names of the classes in each photo, as records get them."""
    entries = json.loads((root / "manifest.json").read_text())
    place = epath.Path(root)
    classes = classes_of_set(place, set_name, entries)
    decode = decoder(set_name, classes)
    return {
        entry["image"]: [classes.names[n] for n in decode(place, entry).categories]
        for entry in entries
    }


def fatal(root):
    report = examine("photo_set", root)
    return {problem.kind: problem for problem in report.problems if problem.fatal}


@pytest.mark.parametrize("family", FAMILIES)
def test_what_prepare_has_written_passes_the_check(root, family):
    FAMILIES[family](root)
    told = prepare(root)
    assert "4 to train on, 1 held out" in told and "note:" not in told
    report = examine("photo_set", root)
    assert not report.problems
    assert report.reads["train"].photos == 4 and report.reads["train"].segments >= 4


def spoil_coco(root):
    change(root / "export.json", lambda x: x["annotations"][0].update(segmentation=[[1, 2, 3]]))


def spoil_panoptic(root):
    shutil.copy(root / "pan" / "0.png", root / "other.png")
    Image.new("RGB", (30, 20), (9, 0, 0)).save(root / "pan" / "0.png")


def spoil_labelme(root):
    change(root / "0.json", lambda x: x["shapes"][0].update(label="cap"))


def spoil_yolo(root):
    (root / "labels" / "0.txt").write_text("0 0.1 0.2 0.5 0.2\n")


def spoil_maps(root):
    label_map(root / "labels" / "0.png", 0, 3)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_fault_planted_after_prepare_is_a_problem(root, family):
    FAMILIES[family](root)
    prepare(root)
    globals()[f"spoil_{family}"](root)
    assert any("0" in problem.file + problem.text for problem in fatal(root).values())


@pytest.mark.parametrize(
    "place", ["{kind}/{split}", "{split}/{kind}", "{kind}/a/{split}", "set/{split}/{kind}/b"]
)
def test_maps_of_names_that_repeat_across_splits_stay_with_their_photos(root, place):
    for number, split in enumerate(("train", "val", "more")):
        photo(root / place.format(kind="images", split=split) / "0001.jpg")
        label_map(root / place.format(kind="labels", split=split) / "0001.png", number)
    (root / "classes.txt").write_text("sky\nsea\nsand\n")
    prepare(root)
    found = {name.replace("\\", "/"): x for name, x in decoded(root, "labels").items()}
    for split, name in (("train", "sky"), ("val", "sea"), ("more", "sand")):
        assert found[f"{place.format(kind='images', split=split)}/0001.jpg"] == [name]


def test_maps_that_could_be_of_two_photos_are_refused(root):
    for split in ("train", "val"):
        photo(root / "images" / split / "0001.jpg")
        label_map(root / "labels" / f"for_{split}" / "0001.png", 0)
    (root / "classes.txt").write_text("sky\n")
    with pytest.raises(ManualFileError, match="which label map is whose.*for_train/0001.png"):
        prepare(root)
    shutil.rmtree(root / "labels" / "for_val")
    with pytest.raises(ManualFileError, match="images/train/0001.jpg and images/val/0001.jpg"):
        prepare(root)


def test_a_map_that_has_its_photo_is_nobody_elses(root):
    maps(root)
    shutil.copytree(root / "images", root / "overlays")
    photo(root / "images" / "val" / "0.jpg")
    told = prepare(root)
    assert "label maps: 5 photos" in told
    assert "6 photos without a label map, left out: images/val/0.jpg, overlays/0.jpg" in told


def test_a_file_that_cannot_be_read_as_names_is_told(root):
    maps(root)
    (root / "data.yaml").write_text("nc: 7\nnames: [sky, sea]\n")
    assert "data.yaml: 'nc' says 7 classes, but 2 are listed" in prepare(root)


def test_maps_with_a_suffix_and_names_of_two_spellings(root):
    maps(root)
    (root / "images" / "0.jpg").rename(root / "images" / "e\u0301.jpg")
    (root / "labels" / "0.png").rename(root / "labels" / "\u00e9.png")
    assert "5 photos" in prepare(root)
    for path in (root / "labels").iterdir():
        path.rename(path.with_name(f"{path.stem}_mask.png"))
    with pytest.raises(ManualFileError, match="label maps like 'labels/1_mask.png'; rename them"):
        prepare(root, overwrite=True)


@pytest.mark.parametrize("names", [("sky", "# bike"), ("a, b", "c"), ("x; y", "z"), ("1 a", "2 b")])
def test_names_are_read_back_as_they_are(root, names):
    panoptic(root, names)
    prepare(root)
    assert set(map(tuple, decoded(root, "panoptic").values())) == {names}
    prepare(root)


def test_a_list_that_contradicts_the_annotations_is_refused(root):
    panoptic(root)
    prepare(root)
    first = fingerprint(epath.Path(root), "panoptic")
    add = {"id": 1, "name": "aardvark"}
    change(root / "pan.json", lambda x: x["categories"].insert(0, add))
    with pytest.raises(ManualFileError, match="classes.txt contradicts pan.json: label 0 is 'sky'"):
        prepare(root)
    prepare(root, overwrite=True)
    assert (root / "classes.txt").read_text().split() == ["aardvark", "sky", "sheep"]
    assert set(map(tuple, decoded(root, "panoptic").values())) == {("sky", "sheep")}
    assert fingerprint(epath.Path(root), "panoptic") != first


@pytest.mark.parametrize(("family", "other"), [(yolo, "classes.txt"), (maps, "data.yaml")])
def test_files_of_names_that_contradict_each_other_are_refused(root, family, other):
    family(root)
    (root / other).write_text("names: [table, cup]\n" if other.endswith("yaml") else "table\ncup\n")
    with pytest.raises(ManualFileError, match="classes.txt.*data.yaml contradict each other: lab"):
        prepare(root)


def test_labelme_names_written_alike_are_one_class(root):
    labelme(root, ("Bowl ", "bowl", "cup"))
    prepare(root)
    assert (root / "classes.txt").read_text().split() == ["Bowl", "cup"]
    assert list(decoded(root, "masks").values())[:3] == [["Bowl"], ["Bowl"], ["cup"]]
    (root / "classes.txt").write_text("Bowl\nbowl\ncup\n")
    with pytest.raises(ManualFileError, match="lists 'bowl' twice, written in two ways"):
        prepare(root)
    (root / "classes.txt").write_text("bowl\nmug\n")
    with pytest.raises(ManualFileError, match="the masks' names: it lacks 'cup'"):
        prepare(root)


def test_numbers_in_classes_txt_are_labels(root):
    maps(root, "1: sea\n2: sand\n")
    assert "note: label 0 is no class, since classes.txt counts from 1" in prepare(root)
    assert decoded(root, "labels")["images/0.jpg"] == ["sea", "sand"]
    assert not fatal(root)
    (root / "classes.txt").write_text("0: sky\n2: sand\n")
    prepare(root)
    assert "labels out of range" in fatal(root)
    with pytest.raises(ManualFileError, match="label 1 is none of the 2 classes"):
        decoded(root, "labels")


def test_sixteen_bits_are_read_and_stretched_ones_told(root):
    maps(root)
    label_map(root / "labels" / "0.png", 0, 2, 255, dtype=np.uint16)
    prepare(root)
    assert decoded(root, "labels")["images/0.jpg"] == ["sky", "sand"]
    label_map(root / "labels" / "0.png", 0, 2 * 257, dtype=np.uint16)
    (problem,) = fatal(root).values()
    assert "stretched" in problem.advice


def test_masks_of_0_and_255_never_lose_their_foreground(root):
    maps(root, "background\nobject\n")
    for path in (root / "labels").iterdir():
        label_map(path, 0, 255)
    with pytest.raises(ManualFileError, match="hold 0 and 255 only, and classes.txt names 2"):
        prepare(root)
    problems = examine("label_maps", root).problems
    assert [problem.kind for problem in problems if problem.fatal] == [BINARY]
    (root / "classes.txt").write_text("0: background\n255: object\n")
    prepare(root)
    assert not fatal(root) and not examine("label_maps", root).problems
    assert decoded(root, "labels")["images/0.jpg"] == ["background", "object"]
    (root / "classes.txt").write_text("background\nobject\n")
    assert BINARY in fatal(root)


def test_what_is_left_out_is_told(root):
    maps(root)
    (root / "labels" / "0.png").rename(root / "labels" / "lone.png")
    told = prepare(root)
    assert "note: 1 photo without a label map, left out: images/0.jpg" in told
    assert "note: 1 label map without a photo, left out: labels/lone.png" in told
    assert "--evaluations.0.data.split train" in told, "none of four is held out"
    assert f"--data.root '{root}'" in told


def test_photos_without_a_mask_file(root):
    yolo(root)
    (root / "labels" / "0.txt").unlink()
    photo(root / "apart" / "images" / "x.jpg")
    told = prepare(root)
    assert "1 photo without a file of polygons, kept without objects: images/0.jpg" in told
    assert "1 photo in folders without any file of polygons, left out: apart/images/x.jpg" in told
    assert decoded(root, "masks")["images/0.jpg"] == [] and not fatal(root)
    assert fingerprint(epath.Path(root), "masks")
    shutil.rmtree(root)
    labelme(root)
    (root / "0.json").unlink()
    assert "1 photo without a mask file, left out: 0.jpg" in prepare(root)


def test_a_folder_that_cannot_be_read_is_refused(root, monkeypatch):
    maps(root)
    scan = os.scandir

    def closed(path):
        if str(path).endswith("labels"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(ManualFileError, match="labels: the folder cannot be read .Permission"):
        prepare(root)


def test_links_are_followed_and_do_not_lead_round(root):
    maps(root)
    shutil.move(root / "images", root.parent / "elsewhere")
    (root / "images").symlink_to(root.parent / "elsewhere")
    (root / "labels" / "again").symlink_to(root)
    assert sum(path.suffix == ".jpg" for path in files_below(root)) == 5
    assert "5 photos" in prepare(root)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("names:\n  1: cup\n  2: table\n", "class number 0; data.yaml names 2.*begin at 0"),
        ("names: [cup]\n", "1 mask of the class number 1; data.yaml names 1 classes"),
    ],
)
def test_yolo_numbers_without_a_name_are_refused(root, names, message):
    yolo(root, names)
    with pytest.raises(ManualFileError, match=message):
        prepare(root)


def test_yolo_names_with_gaps_and_commas_keep_their_numbers(root):
    yolo(root, "names:\n  0: cup, mug\n  3: table\n")
    for number in (1, 3):
        path = root / "labels" / f"{number}.txt"
        path.write_text(path.read_text().replace("1 ", "3 ", 1))
    for _ in range(2):
        prepare(root)
        assert (root / "classes.txt").read_text() == "0: cup, mug\n3: table\n"
        assert list(decoded(root, "masks").values())[:2] == [["cup"], ["table"]]
    assert not fatal(root)


def test_coordinates_in_shares_are_refused_and_a_problem(root):
    FAMILIES["coco"](root)
    prepare(root)
    shares = [[0.1, 0.2, 0.5, 0.2, 0.5, 0.6]]
    change(
        root / "export.json", lambda x: [a.update(segmentation=shares) for a in x["annotations"]]
    )
    assert "between 0 and 1" in fatal(root)[NO_PIXEL].advice
    with pytest.raises(ManualFileError, match="all coordinates of outlines lie between 0 and 1"):
        prepare(root)


def test_annotations_twice_and_photos_stored_turned(root):
    FAMILIES["coco"](root)
    change(root / "export.json", lambda x: x["annotations"][0].update(id=2))
    with pytest.raises(ManualFileError, match="annotation 2 stands in 'annotations' more than"):
        prepare(root)
    change(root / "export.json", lambda x: x["annotations"][0].update(id=1))
    prepare(root)
    exif = Image.Exif()
    exif[EXIF] = 6
    Image.open(root / "0.jpg").save(root / "0.jpg", exif=exif)
    with pytest.raises(ManualFileError, match="displayed, by its EXIF orientation 6, in export"):
        prepare(root)
    assert any("EXIF" in problem.advice for problem in fatal(root).values())


def test_undrawn_objects_are_mended_in_their_own_file(root):
    FAMILIES["coco"](root)
    prepare(root)
    spoil_coco(root)
    (problem,) = fatal(root).values()
    assert str(root / "export.json") in problem.advice


def test_a_listed_segment_without_a_pixel_is_refused(root):
    panoptic(root)
    more = {"id": 99, "category_id": 90, "iscrowd": 0}
    change(root / "pan.json", lambda x: x["annotations"][0]["segments_info"].append(more))
    prepare(root)
    assert "listed segments without a pixel" in fatal(root)
    with pytest.raises(ManualFileError, match="1 of 3 listed segments have no pixel"):
        decoded(root, "panoptic")


def test_the_head_of_roboflow_is_no_class_and_a_mark_no_fault(root):
    FAMILIES["coco"](root)
    path = root / "export.json"

    def head(content):
        content["categories"].insert(0, {"id": 0, "name": "things", "supercategory": "none"})
        for entry in content["categories"][1:]:
            entry["supercategory"] = "things"

    change(path, head)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    with pytest.warns(UserWarning, match="things only heads other categories"):
        assert "2 classes: cat, dog" in prepare(root)


def test_splits_of_one_folder_are_told(root):
    maps(root)
    split = "{photos: images, labels: labels}"
    text = f"names: classes.txt\nsplits:\n  train: {split}\n  val: {split}\n"
    (root / "dataset.yaml").write_text(text)
    (told,) = shared_folders(choose(str(root)))
    assert "'train' and of 'val' are those of" in told
    assert "splits that share photos" in {x.kind for x in examine("label_maps", root).problems}
