"""The files of one photo: labels, overlay, JSON, maps; whole or not at all."""

import dataclasses
import errno
import json
import os

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

from ovseg_jax.config import InferenceConfig
from ovseg_jax.disk.atomic import OutputError, write_atomically
from ovseg_jax.disk.outputs import OutputFolder
from ovseg_jax.inference.output import drawing
from ovseg_jax.inference.output.save import encode_labels, encode_rle
from ovseg_jax.inference.postprocess.from_hard_masks import predict
from ovseg_jax.inference.results import Classification, SegmenterError, Settings
from ovseg_jax.inference.segmentation import Segmentation
from ovseg_jax.inference.words import Words
from ovseg_jax.masks.read import MaskFiles
from ovseg_jax.vocabulary.classes import parse_vocabulary
from tests.inference.tiny_model import photo, rectangles

MASKS = rectangles(60, 80, (0, 20, 0, 20), (20, 40, 30, 80), (50, 60, 0, 80))
ROWS = [(0.9, 0.05, 0.03, 0.02), (0.2, 0.7, 0.05, 0.05), (0.1, 0.2, 0.6, 0.1)]


@pytest.fixture
def result():
    words = Words(parse_vocabulary("cat, kitten; Hündchen"), parse_vocabulary("wall").classes)
    maps = np.random.default_rng(0).normal(size=(3, 4, 12, 12)).astype(np.float32)
    found = Classification(
        words, np.array(ROWS, np.float32), MASKS.sum((1, 2)), maps, extent=(0.75, 1.0)
    )
    things = np.array([True, True, False])
    settings = Settings.of(InferenceConfig(), "semantic", None)
    return Segmentation(
        prediction=predict(found, MASKS, things, settings),
        pixels=photo(),
        masks=MASKS,
        classification=found,
        is_thing=things,
        settings=settings,
        model="tiny",
        photo="holiday.jpg",
    )


def test_the_label_picture_holds_class_index_plus_one(result, tmp_path):
    labels, overlay, *_ = result.save(tmp_path)
    assert labels.name == "holiday_labels.png" and overlay.name == "holiday_overlay.png"
    pixels = np.asarray(Image.open(labels))
    expected = np.zeros((60, 80), np.uint8)
    expected[MASKS[0]], expected[MASKS[1]] = 1, 2
    np.testing.assert_array_equal(pixels, expected)
    assert pixels.dtype == np.uint8


def test_more_than_255_classes_take_sixteen_bits(tmp_path):
    labels = np.arange(-1, 299).reshape(15, 20)
    encode_labels(labels, 299).save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.mode.startswith("I")
        np.testing.assert_array_equal(np.asarray(picture), labels + 1)
    assert encode_labels(labels[:5], 255).mode == "L"


def test_the_json_says_everything_but_the_pixels(result, tmp_path):
    result.save(tmp_path, "x")
    record = json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))
    assert record["image"] == {"file": "holiday.jpg", "height": 60, "width": 80}
    assert record["vocabulary"] == [["cat", "kitten"], ["Hündchen"]]
    assert record["background"] == [["wall"]]
    assert record["settings"]["task"] == "semantic"
    first, second = record["segments"]
    assert (first["name"], first["class"], first["area"]) == ("cat", 0, 400)
    assert second["name"] == "Hündchen" and second["score"] == pytest.approx(0.7, abs=1e-5)
    np.testing.assert_array_equal(coco.decode(first["segmentation"]).astype(bool), MASKS[0])
    third = record["masks"][2]
    assert third["is_background"] and third["name"] == "wall" and third["class"] == -1
    assert third["none_of_these"] == pytest.approx(0.1, abs=1e-5)
    assert [entry["name"] for entry in third["top"]] == ["wall", "Hündchen", "cat"]


def test_the_json_can_be_read_back_as_masks(result, tmp_path):
    result.save(tmp_path, "x")
    back = MaskFiles(tmp_path / "x.json").read("holiday.jpg", 60, 80)
    np.testing.assert_array_equal(back.masks, MASKS[:2])


def test_run_lengths_are_cocos():
    mask = np.random.default_rng(0).random((13, 7)) > 0.5
    encoded = encode_rle(mask)
    assert encoded["size"] == [13, 7] and isinstance(encoded["counts"], str)
    np.testing.assert_array_equal(coco.decode(encoded).astype(bool), mask)


def test_maps_are_written_as_numbers_and_pictures(result, tmp_path):
    files = result.save(tmp_path, "x")
    assert sum(file.name.startswith("mask_") for file in files) == 3
    with np.load(tmp_path / "x_maps.npz") as stored:
        assert stored["maps"].shape == (3, 4, 12, 12)
        np.testing.assert_allclose(stored["extent"], [0.75, 1.0])


def test_a_map_lies_on_the_photo_without_the_padding(result):
    maps = np.full((1, 8, 8), -9.0, np.float32)
    maps[:, :2] = 9.0  # the upper quarter of the frame is the upper half of the photo
    everywhere = np.ones((64, 128), bool)
    grid = np.asarray(drawing.draw_maps(photo(64, 128), everywhere, maps, (0.5, 1.0), "t"))
    light = grid[20:84, 130:258, 0]
    assert light[:24].min() > 240 and light[40:].max() < 15


def test_the_overlay_keeps_the_photo_at_its_left(result):
    canvas = np.asarray(drawing.draw_overlay(result))
    assert canvas.shape[0] >= 60 and canvas.shape[1] > 100
    colour = np.array(result.words.classes.classes[0].color)
    expected = 0.45 * result.pixels[5, 5] + 0.55 * colour
    assert np.abs(canvas[5, 5] - expected).max() <= 1


def fill_the_disk(monkeypatch):
    """The third file from now on finds no space left."""
    real, calls = os.replace, []

    def replace(source, target):
        calls.append(target)
        if len(calls) >= 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)


def test_a_full_disk_leaves_no_half_written_file(result, tmp_path, monkeypatch):
    OutputFolder(tmp_path).write("x.json", lambda file: file.write(b"older"), result.source)
    fill_the_disk(monkeypatch)
    with pytest.raises(OutputError, match=r"x\.json could not be written: No space left .* MiB"):
        result.save(tmp_path, "x")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        ".ovseg",
        "x.json",
        "x_labels.png",
        "x_overlay.png",
    ]
    assert (tmp_path / "x.json").read_text() == "older"


def test_a_write_that_fails_midway_leaves_nothing(tmp_path):
    def write(file):
        file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OutputError, match=r"deep/a\.bin could not be written"):
        write_atomically(tmp_path / "deep" / "a.bin", write)
    assert not list((tmp_path / "deep").iterdir())


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="could not be written"):
        write_atomically(tmp_path / "file" / "a.bin", lambda file: None)


def test_bytes_of_names_that_are_no_text_do_not_stop_the_json(result, tmp_path):
    words = dataclasses.replace(result.words, classes=parse_vocabulary("cat; Hündchen"))
    found = dataclasses.replace(result.classification, words=words)
    odd = dataclasses.replace(result, photo="odd\udcff.jpg", classification=found)
    written = odd.save(tmp_path, stem="odd")
    record = json.loads(written[2].read_text(encoding="utf-8"))
    assert record["image"]["file"] == "odd\udcff.jpg"
    assert record["vocabulary"] == [["cat"], ["Hündchen"]]
    assert "Hündchen" in written[2].read_text(encoding="utf-8")


@pytest.mark.parametrize("score", [-0.1, 1.5, float("nan")])
def test_a_lowest_score_that_is_no_probability_is_refused(score):
    with pytest.raises(SegmenterError, match="min_score is .*from 0 to 1"):
        Settings.of(InferenceConfig(), "semantic", score)
