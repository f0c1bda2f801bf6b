"""The five lines of the README, and everything that may stand for a photo or for masks."""

import json

import numpy as np
import pytest
from PIL import Image

from ovseg_jax import api
from ovseg_jax.foundation.errors import MasksError, OvsegError
from ovseg_jax.inference.output.save import describe
from ovseg_jax.inference.results import SegmenterError
from ovseg_jax.inputs.images import read_image
from ovseg_jax.loading import opening
from ovseg_jax.loading.weights import WeightsError
from tests.cli.conftest import SPANS
from tests.inference.tiny_model import rectangles

MASKS = rectangles(60, 80, *SPANS)


@pytest.fixture
def segmenter(weights, load_once):
    segmenter = load_once(str(weights))
    segmenter.set_vocabulary("ball; cone; tent, camp", "none")
    return segmenter


def test_a_photo_and_words_in_named_masks_out(segmenter, photos):
    result = segmenter.segment(photos / "photo1.png", masks=photos.parent / "masks.json")
    files = result.save(photos.parent / "out")
    assert [file.name for file in files] == [
        "photo1_labels.png",
        "photo1_overlay.png",
        "photo1.json",
    ]
    assert set(result.names) <= {"ball", "cone", "tent"}
    np.testing.assert_array_equal(result.prediction.labels >= 0, MASKS.any(0))


def test_files_arrays_and_encoded_photos_give_the_same_answer(segmenter, photos):
    path = photos / "photo1.png"
    expected = segmenter.classify(path, photos.parent / "masks.json").probabilities
    loaded = read_image(path)
    for photo in (str(path), loaded, loaded.pixels, segmenter.encode(path)):
        np.testing.assert_array_equal(segmenter.classify(photo, MASKS).probabilities, expected)


def test_an_encoded_photo_keeps_its_name(segmenter, photos):
    masks = photos.parent / "masks.json"
    for photo in (segmenter.encode(photos / "photo2.png"), Image.open(photos / "photo2.png")):
        result = segmenter.segment(photo, masks)
        assert result.photo == "photo2.png" and len(result.masks) == 3


def test_a_list_of_photos_gives_a_list_of_answers(segmenter, photos):
    given = [photos / "photo1.png", np.asarray(Image.open(photos / "photo2.png"))]
    masks = [photos.parent / "masks.json", list(MASKS)]
    one_by_one = [
        segmenter.classify(*pair).probabilities for pair in zip(given, masks, strict=True)
    ]
    for found in (segmenter.classify(given, masks), segmenter.segment(given, masks)):
        answers = [getattr(each, "classification", each).probabilities for each in found]
        np.testing.assert_array_equal(answers, one_by_one)
    assert [each.name for each in segmenter.encode(given)] == ["photo1.png", ""]
    files = [photos / "photo1.png", photos / "photo2.png"]
    shared = segmenter.segment(files, photos.parent / "masks.json")
    assert [each.photo for each in shared] == ["photo1.png", "photo2.png"]
    assert segmenter.segment([], None) == []


@pytest.mark.parametrize(
    ("masks", "found"), [([MASKS], "1 for 2 photos"), (MASKS, "a ndarray for 2 photos")]
)
def test_masks_of_several_photos_must_be_told_apart(segmenter, photos, masks, found):
    given = [photos / "photo1.png", photos / "photo2.png"]
    with pytest.raises(MasksError, match=f"{found}; pass a list with an entry per photo"):
        segmenter.segment(given, masks)


def test_a_photo_that_is_nothing_of_the_kind_is_refused(segmenter):
    for photo in (None, 7, b"bytes", "https://example.org/a.jpg"):
        with pytest.raises(OvsegError):
            segmenter.segment(photo, MASKS)


def test_an_encoded_photo_is_not_encoded_again(segmenter, photos, monkeypatch):
    encoded = segmenter.encode(photos / "photo1.png")

    def refuse(pixels):
        raise AssertionError("the image tower ran")

    monkeypatch.setattr(segmenter.engine, "encode", refuse)
    assert len(segmenter.segment(encoded, MASKS).classification) == 3


def test_masks_are_needed(segmenter, photos):
    with pytest.raises(MasksError, match="give masks"):
        segmenter.segment(photos / "photo1.png", None)


def test_a_photo_that_is_listed_without_masks_gets_an_empty_answer(segmenter, photos):
    file = photos.parent / "none.json"
    file.write_text(json.dumps({"photo1.png": {"width": 80, "height": 60, "proposals": []}}))
    result = segmenter.segment(photos / "photo1.png", file)
    assert len(result.masks) == 0 and (result.prediction.labels == -1).all()
    with pytest.raises(MasksError, match=r"none\.json.*no image 'photo2\.png'"):
        segmenter.segment(photos / "photo2.png", file)


def test_a_folder_of_pictures_works_as_masks(segmenter, photos):
    folder = photos.parent / "masks" / "photo1"
    folder.mkdir(parents=True)
    for number, mask in enumerate(MASKS):
        Image.fromarray(mask.astype(np.uint8) * 255).save(folder / f"{number}.png")
    result = segmenter.segment(photos / "photo1.png", photos.parent / "masks", "panoptic")
    np.testing.assert_array_equal(result.masks, MASKS)
    sources = [entry["source"] for entry in describe(result)["masks"]]
    assert sources == [f"photo1/{number}.png" for number in range(len(MASKS))]


def test_a_place_without_weights_is_named(tmp_path):
    with pytest.raises(WeightsError, match="nowhere"):
        api.load_segmenter(tmp_path / "nowhere")


def test_the_toy_is_the_adapter_among_the_shipped_models(tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "ASSETS", tmp_path)
    with pytest.raises(SegmenterError, match="no toy weights"):
        opening.resolve("toy")
    for name in ("convnext", "mask_adapter"):
        (tmp_path / "toy" / name).mkdir(parents=True)
        (tmp_path / "toy" / name / "config.json").write_text("{}")
    assert opening.resolve("toy").name == "mask_adapter"
    assert opening.resolve("runs/a") == opening.Path("runs/a")


@pytest.mark.skipif(
    not list((opening.ASSETS / "toy").glob("*/config.json")), reason="no toy weights are shipped"
)
def test_the_shipped_toy_names_masks(photos):
    segmenter = api.load_segmenter("toy")
    segmenter.set_vocabulary("ball; tent; grass; water")
    assert len(segmenter.classify(photos / "photo1.png", MASKS)) == 3
