"""Photos, folders and patterns on one command line, of all commands that take photos."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from ovseg_jax.cli.main import main
from ovseg_jax.inference.output.save import encode_rle
from tests.cli.conftest import SPANS
from tests.inference.tiny_model import rectangles


@pytest.fixture
def command(ovseg, weights, photos, tmp_path, monkeypatch, capsys):
    """Runs a command beside the folder `photos` on names that are given; masks where it has any."""
    monkeypatch.chdir(tmp_path)

    def run(name, *given):
        options = [] if name == "classify-image" else ["--masks", "masks.json", "--out", "out"]
        words = ["--vocab", "ball; cone", "--model", str(weights)]
        status = main([name, *given, *options, *words])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


@pytest.mark.parametrize("name", ["segment", "classify", "classify-image"])
def test_names_folders_and_patterns_each_photo_once(command, name):
    status, out, err = command(name, "photos/photo2.png", "photos", "photos/*1.png")
    assert status == 0
    assert out.count("photo1.png") == out.count("photo2.png") == 1
    assert out.index("photo2.png") < out.index("photo1.png")
    assert err.count("\n") == 1 and "given twice; each photo is handled once" in err


@pytest.mark.parametrize("name", ["segment", "classify", "classify-image"])
def test_subfolders_are_hinted_at_and_taken_on_request(command, photos, name):
    (photos / "sub").mkdir()
    shutil.move(photos / "photo2.png", photos / "sub" / "photo2.png")
    (photos / "._photo1.png").write_bytes(b"\x00\x05\x16\x07")
    status, out, err = command(name, "photos")
    assert status == 0 and "photo2" not in out
    assert "(sub; --recursive looks inside)" in err and "1 hidden file (._photo1.png)" in err
    status, out, err = command(name, "photos", "--recursive")
    assert status == 0 and "photo2" in out and "sub" not in err


@pytest.mark.parametrize("name", ["segment", "classify-image"])
def test_what_is_no_photo_does_not_stop_the_others(command, photos, name):
    (photos / "text.txt").write_text("no picture")
    given = "nowhere.png", "https://example.org/a.jpg", "photos/text.txt", "photos/photo1.png"
    status, out, err = command(name, *given)
    assert status == 2 and "photo1.png" in out
    for part in ("nowhere.png: no such file", "nothing is fetched", "text.txt: not a picture"):
        assert part in err
    assert "3 of 4 photos failed" in err


@pytest.mark.parametrize("given", ["http://example.org/a.jpg", "photos/*.tif", "nowhere.png"])
def test_nothing_at_all_is_one_line(command, given):
    status, out, err = command("segment", given)
    assert (status, out) == (2, "") and err.startswith("ovseg: error: ") and err.count("\n") == 1


def test_masks_follow_their_photos(command, photos, labels, tmp_path):
    other = rectangles(60, 80, (0, 60, 0, 10))[0]
    record = json.loads((tmp_path / "masks.json").read_text())
    record["photo2.png"]["proposals"] = [{"segmentation": encode_rle(other)}]
    (tmp_path / "masks.json").write_text(json.dumps(record))
    given = "photos/photo1.png", "photos/photo2.png", "--background", "none"
    assert command("segment", *given)[0] == 0
    np.testing.assert_array_equal(labels("photo1") > 0, rectangles(60, 80, *SPANS).any(0))
    np.testing.assert_array_equal(labels("photo2") > 0, other)


@pytest.mark.parametrize("task", ["semantic", "panoptic", "instance"])
def test_a_photo_without_annotations_gets_an_empty_answer(command, labels, tmp_path, task):
    record = {
        "images": [{"id": 1, "file_name": "photo1.png", "height": 60, "width": 80}],
        "annotations": [],
        "categories": [],
    }
    (tmp_path / "masks.json").write_text(json.dumps(record))
    status, out, _ = command("segment", "photos/photo1.png", "--task", task)
    assert status == 0 and "nothing labelled" in out
    assert labels("photo1").shape == (60, 80) and not labels("photo1").any()
    assert json.loads((tmp_path / "out" / "photo1.json").read_text())["masks"] == []
    status, out, _ = command("classify", "photos/photo1.png")
    assert status == 0 and "no masks" in out


def test_twelve_bits_are_seen_and_said(command, photos):
    values = np.linspace(0, 4080, 4800).reshape(60, 80).astype(np.uint16)
    Image.fromarray(values).save(photos / "photo1.png")
    status, _, err = command("segment", "photos/photo1.png")
    assert status == 0 and "ovseg: warning: " in err and "read as 12 bits" in err
