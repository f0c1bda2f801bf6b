"""`ovseg data check`: faults planted into dummy data are all found, by name and in one run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

tfds = pytest.importorskip("tensorflow_datasets")

from data import build  # noqa: E402
from data.checks import (  # noqa: E402
    counts,
    describe,
    examine,
    formats,
    names,
    objects,
    panoptic,
    photos,
    root,
    sizes,
    values,
)
from data.checks.layout import LabelMaps, Layout, OtherForm, Part  # noqa: E402
from data.checks.reading import read_all  # noqa: E402
from data.manual_files import ManualFileError  # noqa: E402
from ovseg_jax.cli.main import main  # noqa: E402
from tests.data.photo_folder import DOG, PERSON, Folder, rectangle  # noqa: E402

DATA = Path(build.__file__).parent
STUFF, PANOPTIC = "coco_stuff", "coco_panoptic"


def copy(tmp_path, name):
    return shutil.copytree(DATA / name / "dummy_data", tmp_path / "coco")


def number(index):
    return f"{index:012d}"


def change(path, edit):
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def change_pixels(path, edit):
    pixels = np.asarray(Image.open(path)).copy()
    edit(pixels)
    Image.fromarray(pixels).save(path)


def found(report):
    """Which files have which kinds of problems; only notes where fatal is False."""
    return {(problem.kind, Path(problem.file).name, problem.fatal) for problem in report.problems}


@pytest.mark.parametrize(("name", "segments"), [(STUFF, (28, 13)), (PANOPTIC, (34, 16))])
def test_sound_files_have_notes_only_and_are_counted(name, segments, capsys):
    assert main(["data", "check", name, str(DATA / name / "dummy_data")]) == 0
    out = capsys.readouterr().out
    assert "PROBLEM" not in out and "no problem" in out
    assert f"train: 6 photos, {segments[0]} segments" in out
    assert f"validation: 3 photos, {segments[1]} segments" in out
    assert "grey photos: 2" in out
    assert "6 photos with labels, the published one 118287" in out


def test_all_faults_of_label_maps_are_found_at_once(tmp_path, capsys):
    place = copy(tmp_path, STUFF)
    maps, pictures = place / "stuffthingmaps" / "train2017", place / "train2017"
    held = place / "stuffthingmaps" / "val2017"
    (maps / f"{number(1)}.png").unlink()
    (pictures / f"{number(2)}.jpg").unlink()
    (maps / f"{number(3)}.png").write_bytes((maps / f"{number(3)}.png").read_bytes()[:150])
    (pictures / f"{number(3)}.jpg").write_bytes(b"")
    Image.open(maps / f"{number(4)}.png").convert("RGB").save(maps / f"{number(4)}.png")
    label = Image.open(maps / f"{number(5)}.png")
    label.save(maps / f"{number(5)}.png", format="JPEG")
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = Image.open(pictures / f"{number(6)}.jpg")
    upright.transpose(Image.Transpose.ROTATE_90).save(pictures / f"{number(6)}.jpg", exif=exif)
    change_pixels(held / f"{number(1)}.png", lambda x: x.__setitem__((0, 0), 200))
    indexed = Image.open(held / f"{number(2)}.png").convert("L")
    indexed.putpalette(list(range(256)) * 3)
    indexed.save(held / f"{number(2)}.png")
    Image.open(place / "val2017" / f"{number(3)}.jpg").convert("RGBA").save(
        place / "val2017" / f"{number(3)}.jpg", format="PNG"
    )
    Image.open(place / "val2017" / f"{number(2)}.jpg").resize((40, 30)).save(
        place / "val2017" / f"{number(2)}.jpg"
    )
    report = examine.examine(STUFF, place)
    assert found(report) >= {
        (names.UNLABELLED, f"{number(1)}.jpg", True),
        (names.UNPICTURED, f"{number(2)}.png", True),
        (sizes.DAMAGED_LABEL, f"{number(3)}.png", True),
        (sizes.DAMAGED_PHOTO, f"{number(3)}.jpg", True),
        (formats.COLOURS, f"{number(4)}.png", True),
        (formats.JPEG, f"{number(5)}.png", True),
        (sizes.SIZE, f"{number(6)}.jpg", True),
        (values.RANGE, f"{number(1)}.png", True),
        (formats.PALETTE, f"{number(2)}.png", False),
        (photos.ALPHA, f"{number(3)}.jpg", False),
        (photos.GREY, f"{number(2)}.jpg", False),
        (sizes.SIZE, f"{number(2)}.jpg", True),
        (values.ALL_VOID, f"{number(6)}.png", False),
        (counts.COUNT, "coco", False),
    }
    turned = [x for x in report.problems if x.kind == sizes.SIZE and number(6) in x.file]
    assert "EXIF orientation is 6" in turned[0].text and "turned" in turned[0].advice
    assert main(["data", "check", STUFF, str(place)]) == 1
    out = capsys.readouterr().out
    assert "training or scoring would be wrong" in out and "the file is empty" in out


def test_all_faults_of_panoptic_maps_are_found_at_once(tmp_path):
    place = copy(tmp_path, PANOPTIC)
    annotations = place / "annotations" / "panoptic_train2017.json"

    def plant(content):
        items = [item["segments_info"] for item in content["annotations"]]
        del items[0][0]
        items[1].append({"id": 5, "category_id": 1, "iscrowd": 0})
        items[2].append(dict(items[2][0]))
        items[3].append({"id": 0, "category_id": 1, "iscrowd": 0})
        items[4][0]["category_id"] = 999
        content["annotations"].append({"file_name": "absent.png", "segments_info": []})

    change(annotations, plant)
    (place / "annotations" / "panoptic_val2017.json").write_text('{"annotations": [')
    Image.new("P", (80, 64)).save(place / "panoptic_train2017" / f"{number(6)}.png")
    report = examine.examine(PANOPTIC, place)
    assert found(report) >= {
        (panoptic.UNLISTED, f"{number(1)}.png", True),
        (panoptic.NO_PIXEL, f"{number(2)}.png", True),
        (panoptic.TWICE, f"{number(3)}.png", True),
        (panoptic.ZERO, f"{number(4)}.png", True),
        (panoptic.CATEGORY, f"{number(5)}.png", True),
        (formats.NO_IDS, f"{number(6)}.png", True),
        (names.LISTED_PHOTO, "absent", True),
        (names.LISTED_LABEL, "absent", True),
        (describe.CATEGORIES, annotations.name, True),
        (describe.DAMAGED, "panoptic_val2017.json", True),
    }
    assert not any(p.kind == panoptic.UNLISTED and number(2) in p.file for p in report.problems)


def test_files_of_other_shapes_are_problems_and_no_tracebacks(tmp_path):
    place = copy(tmp_path, PANOPTIC)
    for content in ("[]", "{}", '{"annotations": {}}', '{"annotations": [{"file_name": 7}]}', "7"):
        (place / "annotations" / "panoptic_val2017.json").write_text(content)
        report = examine.examine(PANOPTIC, place, "validation")
        assert describe.DAMAGED in report.kinds


@pytest.mark.parametrize("given", ["..", "train2017", "annotations"])
def test_a_root_one_level_off_is_told_with_the_right_one(tmp_path, given):
    place = copy(tmp_path, PANOPTIC)
    place = place.rename(place.parent / "mscoco")
    report = examine.examine(PANOPTIC, place / given)
    told = [problem for problem in report.problems if problem.kind == root.OFF]
    assert len(told) == 1 and f"give {place.parent / 'mscoco'}" in told[0].advice.replace("/..", "")


def test_the_folder_of_all_sets_will_do_where_coco_has_its_usual_name(tmp_path):
    place = copy(tmp_path, PANOPTIC)
    assert place.name == "coco"
    assert not [p for p in examine.examine(PANOPTIC, place.parent).problems if p.fatal]


def test_folders_in_another_place_are_told_with_a_link(tmp_path):
    place = copy(tmp_path, STUFF)
    (place / "images").mkdir()
    (place / "val2017").rename(place / "images" / "val2017")
    (place / "stuffthingmaps" / "train2017").rename(place / "StuffThingMaps")
    (place / "train2017").rename(place / "photos")
    (place / "train2017.zip").write_bytes(b"")
    told = {p.file: p.advice for p in examine.examine(STUFF, place).problems if p.fatal}
    link = f"ln -s {place / 'images' / 'val2017'} {place / 'val2017'}"
    assert link in told[str(place / "val2017")]
    assert "still packed" in told[str(place / "train2017")]
    assert "get it" in told[str(place / "stuffthingmaps" / "train2017")]
    (place / "stuffthingmaps_trainval2017.zip").write_bytes(b"")
    told = {p.file: p.advice for p in examine.examine(STUFF, place).problems if p.fatal}
    assert "maps_trainval2017.zip is still" in told[str(place / "stuffthingmaps" / "train2017")]


def test_prepared_maps_in_place_of_raw_ones_are_recognised(tmp_path):
    place = copy(tmp_path, STUFF)
    for path in (place / "stuffthingmaps").rglob("*.png"):
        pixels = np.arange(64 * 80, dtype=np.uint8).reshape(64, 80) % 171
        Image.fromarray(pixels.astype(np.uint8)).save(path)
    report = examine.examine(STUFF, place)
    assert "prepared labels where raw ones are expected" in report.kinds and report.is_fatal


def maps_of(folder, labels, maps, mode=None):
    """A layout of one split whose label files hold some values, and what is found in it."""
    pictures, files = {}, {}
    for index, row in enumerate(labels):
        name = f"{index}"
        files[name], pictures[name] = folder / f"{name}.tif", folder / f"{name}.jpg"
        image = Image.fromarray(np.asarray([row]))
        image.save(files[name])
        Image.new("RGB", image.size).save(pictures[name])
    layout = Layout(folder, {"train": Part(pictures, files)}, 5, maps)
    facts = read_all(layout)
    return {p.kind for check in (formats, values) for p in check.find(layout, facts)}


def test_raw_labels_are_recognised_for_all_files(tmp_path):
    raw = OtherForm(150, "raw labels", "give annotations_detectron2")
    maps = LabelMaps(8, highest=149, others=(raw,))
    rows = [np.arange(151, dtype=np.uint8)]
    assert maps_of(tmp_path, rows, maps) == {"raw labels"}
    beyond = [*rows, np.asarray([255] * 150 + [160], np.uint8)]
    assert maps_of(tmp_path, beyond, maps) == {values.RANGE}
    stuff = OtherForm(181, "raw labels", "give stuffthingmaps_detectron2", ignore=255)
    rows = [np.asarray([0, 170, 181, 255], np.uint8)]
    assert maps_of(tmp_path, rows, LabelMaps(8, highest=170, others=(stuff,))) == {"raw labels"}
    rows = [np.zeros(3, np.uint8)] * 20
    assert maps_of(tmp_path, rows, maps) == {values.NO_VOID}


def test_labels_of_16_bits_that_were_8_once_are_recognised(tmp_path):
    maps = LabelMaps(16, highest=846, ignore=frozenset({65535}))
    assert maps_of(tmp_path, [np.asarray([0, 300, 846, 65535], np.uint16)], maps) == set()
    assert maps_of(tmp_path, [np.asarray([0, 3, 255], np.uint8)], maps) == {formats.NARROW}
    assert maps_of(tmp_path, [np.asarray([0, 3, 255], np.uint16)], maps) == {formats.CUT}
    wide = LabelMaps(8, highest=149)
    assert maps_of(tmp_path, [np.asarray([0, 300], np.uint16)], wide) == {formats.WIDE}


def test_photos_with_outlines_are_checked_by_manifest_and_without(tmp_path):
    folder = Folder(tmp_path / "photos")
    faulty = {"category_id": 1, "segmentation": [[1, 2]], "id": 9}
    folder.instances("a.png", [rectangle(PERSON, 0, 0, 10, 20), faulty])
    folder.instances("b.png", [rectangle(DOG, 0, 0, 10, 20) | {"category_id": 500}])
    folder.instances("c.png", [rectangle(DOG, 0, 0, 10, 20)])
    folder.entries[1]["width"] += 1
    folder.entries.append({"set": "coco128_instances", "image": "d.png"})
    folder.write()
    (folder.place / "images" / "c.png").unlink()
    report = examine.examine("photo_set", folder.place, "coco128_instances")
    assert found(report) >= {
        (objects.UNDRAWN, "a.png", True),
        (describe.CATEGORIES, "instances.json", True),
        (sizes.SIZE, "b.png", True),
        (names.LISTED_PHOTO, "c.png", True),
        ("entries of the manifest", "manifest.json", True),
    }
    (folder.place / "manifest.json").unlink()
    (folder.place / "gt" / "instances.json").rename(folder.place / "instances.json")
    report = examine.examine("photo_set", folder.place)
    assert objects.UNDRAWN in report.kinds and names.LISTED_PHOTO in report.kinds
    (folder.place / "instances.json").write_text("[")
    assert examine.examine("photo_set", folder.place).is_fatal


def test_maps_of_a_manifest_are_checked(tmp_path):
    folder = Folder(tmp_path / "photos")
    folder.labels("a.png", "voc", np.full((8, 9), 30, np.uint8))
    folder.labels("b.png", "ade150", np.full((8, 9), 149, np.uint8))
    folder.labels("c.png", "ade150", np.full((8, 9), 255, np.uint8))
    folder.write()
    assert values.RANGE in examine.examine("photo_set", folder.place, "voc").kinds
    assert not examine.examine("photo_set", folder.place, "ade150").is_fatal


def test_a_set_without_a_layout_is_read_as_its_reader_does(tmp_path, monkeypatch):
    module = build.module_of(PANOPTIC)
    monkeypatch.delattr(module, "layout")
    place = copy(tmp_path, PANOPTIC)
    report = examine.examine(PANOPTIC, place)
    assert not report.is_fatal and counts.COUNT in report.kinds and photos.GREY in report.kinds
    assert (report.reads["train"].photos, report.reads["train"].segments) == (6, 34)
    (place / "panoptic_train2017" / f"{number(3)}.png").unlink()
    (place / "val2017" / f"{number(2)}.jpg").unlink()
    told = [p for p in examine.examine(PANOPTIC, place).problems if p.kind == examine.REFUSED]
    assert len(told) == 2 and all("more may follow" in problem.advice for problem in told)


def test_a_module_may_add_checks_of_its_own(tmp_path, monkeypatch):
    def refuse(folder, config):
        raise ManualFileError(f"{folder}: classes in another order")

    monkeypatch.setattr(build.module_of(STUFF), "own_checks", refuse, raising=False)
    report = examine.examine(STUFF, DATA / STUFF / "dummy_data")
    assert any("in another order" in problem.text for problem in report.problems)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["coco", "--config", "full"], "there is no folder"),
        (["coco_", "--config", "full"], "perhaps you meant"),
        (["cocos", "--config", "other"], "has no 'other'; known: full, validation"),
    ],
)
def test_wrong_options_are_refused(tmp_path, capsys, arguments, message):
    (tmp_path / "cocos").mkdir()
    arguments[0] = str(tmp_path / arguments[0])
    with pytest.raises(SystemExit) as stopped:
        main(["data", "check", STUFF, *arguments])
    assert stopped.value.code == 2 and message in capsys.readouterr().err


def test_a_set_that_is_drawn_has_no_files(tmp_path, capsys):
    assert main(["data", "check", "toy_world", str(tmp_path)]) == 0
    assert "no files to check" in capsys.readouterr().out


def test_a_manifest_parts_the_photos_of_a_set_into_its_splits(tmp_path):
    folder = Folder(tmp_path / "photos")
    for name in ("a.png", "b.png", "c.png"):
        folder.instances(name, [rectangle(PERSON, 0, 0, 10, 20)])
    folder.entries[1]["split"] = "validation"
    folder.write()
    (folder.place / "images" / "b.png").unlink()
    report = examine.examine("photo_set", folder.place, "coco128_instances")
    assert {split: read.photos for split, read in report.reads.items()} == {
        "train": 2,
        "validation": 0,
    }
    assert found(report) == {(names.LISTED_PHOTO, "b.png", True)}
