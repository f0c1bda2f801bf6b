"""`ovseg segment` and `ovseg classify` from files to files, and everything that can be wrong."""

import errno
import json
import os

import numpy as np
import pytest
from PIL import Image

from ovseg_jax.cli.main import main
from ovseg_jax.foundation.errors import MissingPackageError
from tests.inference.tiny_model import photo, rectangles

SPANS = (0, 30, 0, 30), (30, 60, 20, 80), (0, 20, 50, 80)
COVERED = rectangles(60, 80, *SPANS).any(0)


def record(photos, stem):
    return json.loads((photos.parent / "out" / f"{stem}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("task", ["semantic", "panoptic", "instance"])
def test_a_photo_gets_labels_overlay_and_json(ovseg, photos, labels, task):
    options = "--vocab", "ball; cone, pylon; ティーポット", "--task", task, "--background", "none"
    status, out, err = ovseg("segment", "photo1.png", *options)
    legend_lines = [line for line in err.splitlines() if "legend" in line]  # a font may lack kana
    assert status == 0 and err.splitlines() == legend_lines and "photo1.png:" in out
    np.testing.assert_array_equal(labels("photo1") > 0, COVERED)
    found = record(photos, "photo1")
    assert found["vocabulary"] == [["ball"], ["cone", "pylon"], ["ティーポット"]]
    assert {entry["name"] for entry in found["segments"]} <= {"ball", "cone", "ティーポット"}
    for mask, span in zip(found["masks"], SPANS, strict=True):
        region = labels("photo1")[span[0] : span[1], span[2] : span[3]]
        assert (region == mask["class"] + 1).all()  # these masks do not overlap
    with Image.open(photos.parent / "out" / "photo1_overlay.png") as overlay:
        assert overlay.height >= 60 and overlay.width > 80


def test_a_folder_of_photos_is_done_photo_by_photo(ovseg, photos):
    status, out, _ = ovseg("segment", "", "--vocab", "ball; cone", "--background", "none")
    assert status == 0 and out.count("_overlay.png") == 2
    assert record(photos, "photo2")["image"]["file"] == "photo2.png"


def test_few_words_leave_room_for_background_and_say_so(ovseg, photos):
    ovseg("segment", "photo1.png", "--vocab", "ball; cone")
    found = record(photos, "photo1")
    assert found["background_is_default"] and ["grass", "lawn"] in found["background"]


def test_background_words_and_min_score_leave_pixels_unlabelled(ovseg, labels):
    words = "--vocab", "ball", "--background", "cone; tent; gem; rug; oven; harp; kite"
    ovseg("segment", "photo1.png", *words)
    competing = (labels("photo1") > 0).mean()
    ovseg("segment", "photo1.png", "--vocab", "ball", "--background", "none")
    assert competing <= (labels("photo1") > 0).mean()
    options = "--vocab", "ball; cone", "--background", "none", "--min-score", "1"
    status, out, _ = ovseg("segment", "photo1.png", *options)
    assert status == 0 and "nothing labelled" in out and not labels("photo1").any()


def test_more_than_255_classes_take_sixteen_bits(ovseg, photos, labels):
    names = photos.parent / "names.txt"
    names.write_text("\n".join(f"word{n}" for n in range(300)), encoding="utf-8")
    assert ovseg("segment", "photo1.png", "--vocab-file", names)[0] == 0
    with Image.open(photos.parent / "out" / "photo1_labels.png") as picture:
        assert picture.mode.startswith("I")
    np.testing.assert_array_equal(labels("photo1") > 0, COVERED)


def test_maps_are_saved_on_request(ovseg, photos):
    assert ovseg("segment", "photo1.png", "--vocab", "ball", "--save-maps")[0] == 0
    out = photos.parent / "out"
    assert len(list((out / "photo1_maps").glob("mask_*.png"))) == 3
    with np.load(out / "photo1_maps.npz") as stored:
        assert stored["maps"].shape[:2] == (3, 4)


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_masks_follow_the_photo_as_displayed(ovseg, photos, labels, orientation):
    turns = {3: 2, 6: 1, 8: 3}[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(np.rot90(photo(seed=1), turns))
    Image.fromarray(stored).save(photos / "photo1.png", exif=exif)
    words = "--vocab", "ball; cone", "--background", "none"
    assert ovseg("segment", "photo1.png", *words)[0] == 0
    np.testing.assert_array_equal(labels("photo1") > 0, COVERED)


def test_classify_prints_a_table_and_writes_json(ovseg, photos):
    options = "--vocab-preset", "toy_world48", "--top", "2"
    status, out, _ = ovseg("classify", "photo1.png", *options)
    assert status == 0 and out.count(" px  ") == 3
    found = json.loads((photos.parent / "out" / "photo1_masks.json").read_text())
    assert [entry["area"] for entry in found["masks"]] == [900, 1800, 600]
    assert len(found["masks"][0]["top"]) == 2 and len(found["vocabulary"]) == 48


# ---- what can be wrong ---------------------------------------------------------------------


def fails(ovseg, *arguments, **options):
    """Runs a command that must fail; returns its one line of error."""
    status, _, err = ovseg(*arguments, **options)
    assert status == 2 and err.startswith("ovseg: error: ") and err.count("\n") == 1
    return err


def test_masks_are_needed(ovseg):
    err = fails(ovseg, "segment", "photo1.png", "--vocab", "ball", masks=None)
    assert "give masks (--masks)" in err and "(--generator)" in err


def test_another_model_makes_the_masks(ovseg, labels):
    options = "--vocab", "ball; cone", "--background", "none", "--generator", "toy"
    status, out, _ = ovseg("segment", "photo1.png", *options, masks=None)
    assert status == 0 and "photo1.png" in out
    assert labels("photo1").shape == (60, 80) and labels("photo1").max() <= 2


def test_a_model_without_generator_is_refused_as_one(ovseg, weights):
    options = "--vocab", "ball", "--generator", weights
    err = fails(ovseg, "segment", "photo1.png", *options, masks=None)
    assert "has no mask generator" in err


def test_masks_of_another_size_are_refused(ovseg, photos):
    Image.fromarray(photo(61, 80)).save(photos / "photo1.png")
    err = fails(ovseg, "segment", "photo1.png", "--vocab", "ball")
    assert "masks.json" in err and "61" in err


def test_masks_of_the_stored_size_of_a_turned_photo_are_refused_with_the_reason(ovseg, photos):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(photo()).save(photos / "photo1.png", exif=exif)
    err = fails(ovseg, "segment", "photo1.png", "--vocab", "ball")
    assert "EXIF rotation" in err


def test_a_photo_without_masks_in_the_file_is_named(ovseg, photos):
    Image.fromarray(photo()).save(photos / "photo9.png")
    assert "photo9" in fails(ovseg, "segment", "photo9.png", "--vocab", "ball")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--vocab", " ; ,"), "the vocabulary is empty"),
        (("--vocab", "cat; dog, cat"), "'cat' stands in class 1"),
        (("--vocab-preset", "ade15"), "ade150"),
        (("--vocab-file", "missing.txt"), "missing.txt: no such class file"),
        (("--vocab", "cat", "--background", ";"), "background: the vocabulary is empty"),
        (("--vocab", "cat", "--min-score", "7"), "probability from 0 to 1"),
    ],
)
def test_words_that_cannot_be_used_are_explained(ovseg, words, message):
    assert message in fails(ovseg, "segment", "photo1.png", *words)


def test_a_missing_photo_and_an_empty_folder_are_named(ovseg, photos):
    assert "nowhere.png" in fails(ovseg, "segment", "nowhere.png", "--vocab", "ball")
    (photos / "empty").mkdir()
    assert "holds no picture" in fails(ovseg, "segment", "empty", "--vocab", "ball")


def test_a_missing_model_is_named(photos, capsys):
    arguments = ["segment", str(photos / "photo1.png"), "--vocab", "a", "--model", "nowhere"]
    assert main(arguments) == 2
    assert "nowhere" in capsys.readouterr().err


def test_one_damaged_photo_does_not_stop_the_others(ovseg, photos):
    (photos / "photo1.png").write_bytes(b"no picture")
    status, out, err = ovseg("segment", "", "--vocab", "ball")
    assert status == 2 and "photo2.png:" in out
    assert "photo1.png" in err and "1 of 2 photos failed" in err


def test_a_full_disk_stops_with_one_line_and_no_half_file(ovseg, photos, monkeypatch):
    def refuse(source, target):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    ovseg("segment", "photo1.png", "--vocab", "ball")  # fills the text cache
    for path in (photos.parent / "out").iterdir():
        path.unlink()
    monkeypatch.setattr(os, "replace", refuse)
    err = fails(ovseg, "segment", "", "--vocab", "ball")
    assert "No space left on device" in err and "MiB free" in err
    assert [path.name for path in (photos.parent / "out").iterdir()] == [".ovseg"]


@pytest.mark.parametrize("name", ["nosuch.mp4", "nos*.mp4"])
def test_a_video_that_is_not_there_is_said_before_what_videos_need(
    name, tmp_path, monkeypatch, capsys
):
    def missing():
        raise MissingPackageError("videos and cameras need PyAV")

    monkeypatch.setattr("ovseg_jax.inputs.containers.pyav", missing)
    monkeypatch.chdir(tmp_path)
    assert main(["segment", name, "--vocab", "cat"]) == 2
    said = capsys.readouterr().err
    assert name in said and "PyAV" not in said
    (tmp_path / "nosuch.mp4").touch()
    assert main(["segment", name, "--vocab", "cat"]) == 2
    assert "need PyAV" in capsys.readouterr().err
