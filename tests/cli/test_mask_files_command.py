"""Masks in files on the command line: which photo gets which, what is said, and the exit status."""

import json

import numpy as np
import pytest
from PIL import Image

from ovseg_jax.inference.output.save import encode_rle
from tests.cli.conftest import SPANS
from tests.inference.tiny_model import rectangles

MASKS = rectangles(60, 80, *SPANS)
WORDS = "--vocab", "ball; cone", "--background", "none"


@pytest.fixture
def store(photos):
    """Writes a JSON beside the photos."""

    def write(content):
        path = photos.parent / "other.json"
        path.write_text(json.dumps(content))
        return path

    return write


def test_a_folder_of_label_maps_gives_each_photo_its_own(ovseg, photos, labels):
    folder = photos.parent / "seg"
    folder.mkdir()
    Image.fromarray(MASKS[0] + 2 * MASKS[1].astype(np.uint8)).save(folder / "photo1.png")
    Image.fromarray(MASKS[2].astype(np.uint8)).save(folder / "photo2.png")
    assert ovseg("segment", "", *WORDS, masks=folder)[0] == 0
    np.testing.assert_array_equal(labels("photo1") > 0, MASKS[0] | MASKS[1])
    np.testing.assert_array_equal(labels("photo2") > 0, MASKS[2])
    found = json.loads((photos.parent / "out" / "photo1.json").read_text())["masks"]
    assert [entry["source"] for entry in found] == ["photo1.png id 1", "photo1.png id 2"]


def test_a_photo_without_annotations_gets_an_empty_answer(ovseg, photos, labels, store):
    content = {
        "images": [{"id": n, "file_name": f"photo{n}.png"} for n in (1, 2)],
        "annotations": [{"image_id": 1, "segmentation": encode_rle(MASKS[0])}],
    }
    assert ovseg("segment", "", *WORDS, masks=store(content))[0] == 0
    np.testing.assert_array_equal(labels("photo1") > 0, MASKS[0])
    assert not labels("photo2").any()
    assert ovseg("classify", "photo2.png", *WORDS, masks=store(content))[0] == 0


def test_a_photo_that_is_not_listed_fails_alone(ovseg, photos, store):
    content = {"photo1.png": [encode_rle(MASKS[0])]}
    status, out, err = ovseg("segment", "", *WORDS, masks=store(content))
    assert status == 2 and "photo1.png" in out
    assert "no image 'photo2.png' among its 1" in err and "1 of 2 photos failed" in err


def test_masks_without_a_name_do_not_serve_two_photos(ovseg, photos, store):
    path = store([encode_rle(MASKS[0])])
    assert ovseg("classify", "photo1.png", *WORDS, masks=path)[0] == 0
    status, _, err = ovseg("classify", "", *WORDS, masks=path)
    assert status == 2 and "does not say of which, and 2 photos are asked for" in err


def test_what_was_guessed_is_said(ovseg, photos, store):
    path = store({"photo1": [encode_rle(MASKS[0])]})
    status, _, err = ovseg("classify", "photo1.png", *WORDS, masks=path)
    assert status == 0 and "ovseg: warning: " in err and "without its ending" in err
