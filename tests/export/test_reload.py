"""Exports read again by the programs of docs/export.md, where this package cannot be imported."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ovseg_jax.export.writing import UnexportableError, Wish, check_export, export_model
from ovseg_jax.loading.opening import open_model
from tests.export.tiny_exports import (
    MASKS,
    WORDS,
    Answers,
    assert_agree,
    drawn_photos,
    model_of,
    vocabulary,
)

PAGE = Path(__file__).parents[2] / "docs" / "export.md"
REAL = Path(os.environ.get("OVSEG_REAL_PHOTOS", "/nonexistent"))
BEFORE = "import sys\nsys.modules['ovseg_jax'] = None\n"
AFTER = """
import pickle
import numpy as np
asked, found = pickle.loads(Path("asked.pickle").read_bytes()), []
for photo in asked["photos"]:
    seen = dict(parts["image"](photo))
    for words in asked["words"]:
        answer = parts["scorer"]({**seen, **words})
        found.append({name: np.asarray(value) for name, value in answer.items()})
Path("found.pickle").write_bytes(pickle.dumps(found))
"""


def program(name):
    """A program of the page, by the name in its first line."""
    fences = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return next(text for text in fences if text.startswith(f"# {name}\n"))


def run(text, folder):
    done = subprocess.run(
        [sys.executable, "-c", BEFORE + text], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def square(picture):
    """A photo cut to a square, which fills the toy's frame."""
    side = min(picture.size)
    return np.asarray(picture.convert("RGB").crop((0, 0, side, side)).resize((96, 96)))


def photos_of(source):
    if source == "drawn":
        return drawn_photos(10)
    files = sorted(REAL.glob("*.jpg"))[:10]
    if not files:
        pytest.skip("OVSEG_REAL_PHOTOS names no folder with photos")
    return [square(Image.open(file)) for file in files]


def compare(folder, format, photos, words=0):
    """Exports the toy, answers in a fresh process, and compares with the engine."""
    import pickle

    export_model("toy", folder / "exported", Wish(format, words=words))
    model = open_model("toy")
    answers = Answers(model)
    pairs = [vocabulary(model, text) for text in WORDS]
    exact = [filled(each, words) if words else each for _, each in pairs]
    asked = {"photos": [answers.inputs(photo) for photo in photos], "words": exact}
    (folder / "asked.pickle").write_bytes(pickle.dumps(asked))
    run(program(f"read_{format}.py") + AFTER, folder)
    found = iter(pickle.loads((folder / "found.pickle").read_bytes()))
    for photo in photos:
        for (padded, own), outputs in zip(pairs, found, strict=False):
            size = len(own["valid"])
            if words:
                logs = outputs["log_probs"]
                outputs = {"log_probs": np.concatenate([logs[..., :size], logs[..., -1:]], -1)}
            assert_agree(outputs, answers.answer(photo, padded), size)


def filled(words, slots):
    """A vocabulary filled up to a number of slots, as the page says."""
    rows, classes = len(words["classes"]), len(words["valid"])
    more = {"embeddings": (slots - rows, 0), "classes": (slots - rows, slots)}
    more |= {"valid": (slots - classes, False), "seen": (slots - classes, False)}
    return {
        name: np.concatenate(
            [array, np.full((more[name][0], *array.shape[1:]), more[name][1], array.dtype)]
        )
        for name, array in words.items()
    }


@pytest.mark.slow
@pytest.mark.parametrize("source", ["drawn", "real"])
def test_stablehlo_answers_alike_on_ten_photos_and_three_vocabularies(tmp_path, source):
    compare(tmp_path, "stablehlo", photos_of(source))


@pytest.mark.slow
@pytest.mark.parametrize("source", ["drawn", "real"])
def test_a_saved_model_answers_alike(tmp_path, source):
    pytest.importorskip("tensorflow")
    compare(tmp_path, "saved_model", photos_of(source))


@pytest.mark.slow
def test_what_onnx_cannot_do_is_refused_by_name(tmp_path):
    pytest.importorskip("jax2onnx", reason="jax2onnx stands in an environment of its own")
    from ovseg_jax.loading.weights import save_weights

    for name, reason in (("maskclip", "cannot run the part 'scorer'"), ("ovseg", "'image'")):
        model = model_of(name)
        save_weights(tmp_path / name, model.config, model.params)
        with pytest.raises(UnexportableError, match=f"cannot be written as onnx.*{reason}"):
            wish = Wish("onnx", frame=(96, 96), masks=MASKS, words=16)
            export_model(tmp_path / name, tmp_path / "out", wish)
        assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize("source", ["drawn", "real"])
def test_onnx_answers_alike(tmp_path, source):
    pytest.importorskip("jax2onnx", reason="jax2onnx stands in an environment of its own")
    compare(tmp_path, "onnx", photos_of(source), words=64)


def test_orbax_and_flax_read_the_parameters(tmp_path):
    manifest = export_model("toy", tmp_path / "exported", Wish("orbax"))
    printed = run(program("read_orbax.py"), tmp_path).splitlines()
    size = sum(np.asarray(leaf).size for leaf in leaves())
    assert f"{size} parameters" in printed and len(printed) == 7
    assert manifest["sha256"]["config.json"] and float(printed[-1]) > 0
    assert open_model(tmp_path / "exported").weights_key == open_model("toy").weights_key


def test_safetensors_hold_parameters_and_config(tmp_path):
    export_model("toy", tmp_path / "exported", Wish("safetensors", dtype="bfloat16"))
    size = sum(np.asarray(leaf).size for leaf in leaves())
    text = program("read_safetensors.py").replace('"numpy"', '"flax"')  # NumPy has no bfloat16
    assert run(text, tmp_path) == f"mask_adapter {size} parameters\n"
    manifest = json.loads((tmp_path / "exported" / "manifest.json").read_text())
    assert manifest["format"] == "safetensors" and "parts" not in manifest


def leaves():
    import jax

    return jax.tree.leaves(open_model("toy").params)


def test_what_is_missing_is_named(monkeypatch, tmp_path):
    model = open_model("toy")
    real = importlib.util.find_spec
    gone = ("flatbuffers", "jax2onnx", "tensorflow")
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda n, *a: None if n in gone else real(n, *a)
    )
    for format, package in zip(("stablehlo", "onnx", "saved_model"), gone, strict=True):
        with pytest.raises(ImportError, match=f"(?i){format} needs {package}"):
            export_model("toy", tmp_path / format, Wish(format))
        with pytest.raises(ImportError, match=f"(?i){package}"):
            check_export(model.config, model.method, Wish(format))
    assert not any(tmp_path.iterdir())


def test_a_wrong_size_names_method_and_format(tmp_path):
    model = open_model("toy")
    with pytest.raises(
        UnexportableError, match="mask_adapter cannot be written as stablehlo: size"
    ):
        export_model("toy", tmp_path / "out", Wish("stablehlo", frame=(90, 90)))
    assert not any(tmp_path.iterdir())
    with pytest.raises(
        UnexportableError, match="mask_adapter cannot be written as stablehlo: size"
    ):
        check_export(model.config, model.method, Wish("stablehlo", frame=(90, 90)))


def test_training_refuses_at_once_what_could_not_be_exported(monkeypatch, tmp_path, capsys):
    from ovseg_jax.cli.main import main

    real = importlib.util.find_spec
    hidden = "flatbuffers"
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda n, *a: None if n == hidden else real(n, *a)
    )
    command = ["train", "configs/toy/mask_adapter.py", "--workdir", str(tmp_path / "run")]
    assert main([*command, "--check-export", "stablehlo"]) == 2
    assert "pip install flatbuffers" in capsys.readouterr().err and not (tmp_path / "run").exists()
