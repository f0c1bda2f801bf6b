"""`ovseg classify-image`: a table per photo, a file, and everything that can be wrong."""

import json
import os

import numpy as np
import pytest
from PIL import Image

from data.toy_world.splits import draw_example
from ovseg_jax import api
from ovseg_jax.cli.classify_image import table
from ovseg_jax.cli.main import main
from ovseg_jax.inference.image_classifier import Guess
from ovseg_jax.inputs.images import read_image

WORDS = "ball; boat, ship; sky"


@pytest.fixture
def classify(weights, photos, tmp_path, capsys):
    """Runs the command; returns status, stdout and stderr."""

    def run(*options, words=("--vocab", WORDS)):
        arguments = ["classify-image", *options, *words, "--model", weights]
        status = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def test_a_photo_gets_a_table_of_its_best_names(classify, photos, weights):
    status, out, err = classify(photos / "photo1.png", "--top", 2)
    assert (status, err) == (0, "")
    classifier = api.load_image_classifier(weights)
    classifier.set_vocabulary(WORDS)
    best = classifier.classify(read_image(photos / "photo1.png").pixels)
    rows = [line.split()[:2] for line in out.splitlines()[-2:]]
    assert rows == [[guess.name, f"{guess.probability:.4f}"] for guess in best[:2]]
    assert "photo1.png" in "".join(out.split()) and best[2].name not in out.split()


def test_the_file_holds_all_classes_in_the_order_of_the_vocabulary(classify, photos, tmp_path):
    target = tmp_path / "deep" / "out.json"
    (photos / "photo3.png").write_bytes((photos / "photo2.png").read_bytes())
    # A folder, and a photo of it once more; published lists hold names twice.
    given = photos, photos / "photo2.png"
    status, out, _ = classify(*given, "--json", target, words=("--vocab-preset", "ade847"))
    record = json.loads(target.read_text())
    assert status == 0 and len(record["vocabulary"]) == 847
    files = [os.path.basename(photo["file"]) for photo in record["photos"]]
    assert files == ["photo1.png", "photo2.png", "photo3.png"]
    first, second, again = (np.array(photo["probabilities"]) for photo in record["photos"])
    assert first.shape == (847,) and first.sum() == pytest.approx(1, abs=1e-4)
    assert (second == again).all() and not np.allclose(first, second, rtol=1e-3)
    best = record["vocabulary"][first.argmax()][0]
    assert best in out and (record["photos"][0]["height"], record["photos"][0]["width"]) == (60, 80)


def test_words_are_not_markup(capsys):
    from rich.console import Console

    guesses = [Guess(0, "[red] 日本", 0.75), Guess(1, "word " * 30, 0.25)]
    Console(width=60).print(table("[bold].png", guesses))
    out = capsys.readouterr().out
    assert out.startswith("[bold].png") and "[red] 日本" in out and "0.7500" in out
    assert out.count("word") == 30  # long names take several lines


def test_the_shipped_model_names_what_is_in_drawn_scenes(tmp_path):
    scenes = [draw_example("test", index) for index in range(30)]
    for index, scene in enumerate(scenes):
        Image.fromarray(scene.image).save(tmp_path / f"{index:02}.png")
    target = tmp_path / "out.json"
    command = ["classify-image", str(tmp_path), "--vocab-preset", "toy_world48"]
    assert main([*command, "--json", str(target)]) == 0
    found = json.loads(target.read_text())["photos"]
    best = [np.argmax(entry["probabilities"]) for entry in found]
    right = [b in scene.categories for b, scene in zip(best, scenes, strict=True)]
    chance = np.mean([len(set(scene.categories)) / 48 for scene in scenes])
    assert np.mean(right) > 0.3 > 2 * chance


def test_one_bad_photo_does_not_stop_the_others(classify, photos, tmp_path):
    (photos / "a_text.png").write_text("no picture")
    target = tmp_path / "out.json"
    status, out, err = classify(photos, "--json", target)
    assert status == 2 and "a_text.png: not a picture" in err and "1 of 3 photos failed" in err
    assert "photo1.png" in "".join(out.split())
    assert len(json.loads(target.read_text())["photos"]) == 2


@pytest.mark.parametrize(
    ("options", "words", "message"),
    [
        (["none.png"], ["--vocab", WORDS], "none.png: no such file"),
        (["."], ["--vocab", " ; ,"], "the vocabulary is empty"),
        (["."], ["--vocab-preset", "ade15"], "ade150"),
        ([".", "--top", "0"], ["--vocab", WORDS], "--top 0: give at least 1"),
        ([".", "--model", "nowhere"], ["--vocab", WORDS], "nowhere"),
    ],
)
def test_what_is_wrong_is_one_line(options, words, message, photos, monkeypatch, capsys):
    monkeypatch.chdir(photos)
    assert main(["classify-image", *options, *words]) == 2
    err = capsys.readouterr().err
    assert err.startswith("ovseg: error: ") and message in err and err.count("\n") == 1


def test_a_photo_turned_by_its_camera_is_seen_upright(classify, photos):
    upright = classify(photos / "photo1.png")[1].splitlines()[-3:]
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = np.rot90(np.asarray(Image.open(photos / "photo1.png")), 1)
    Image.fromarray(np.ascontiguousarray(stored)).save(photos / "photo1.png", exif=exif)
    assert classify(photos / "photo1.png")[1].splitlines()[-3:] == upright
