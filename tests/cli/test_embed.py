"""`ovseg embed`: the file it writes and the cache it fills."""

import io

import numpy as np

from ovseg_jax.cli import progress
from ovseg_jax.cli.main import main


def test_the_file_holds_unit_rows_in_the_order_of_the_names(weights, tmp_path, capsys):
    names = tmp_path / "names.txt"
    names.write_text("cat, kitten\nHündchen\n", encoding="utf-8")
    out = tmp_path / "deep" / "bank.npz"
    arguments = ["embed", "--vocab-file", str(names), "--model", str(weights)]
    assert main([*arguments, "--templates", "vild14", "--out", str(out)]) == 0
    assert "2 classes, 3 names, 14 templates" in capsys.readouterr().out
    with np.load(out) as bank:
        assert bank["embeddings"].shape == (3, 14, 96)
        np.testing.assert_allclose(np.linalg.norm(bank["embeddings"], axis=-1), 1, atol=1e-5)
        np.testing.assert_array_equal(bank["names"], ["cat", "kitten", "Hündchen"])
        np.testing.assert_array_equal(bank["classes"], [0, 0, 1])
        assert len(bank["templates"]) == 14


def test_the_cache_serves_the_second_run(weights, text_cache, monkeypatch, capsys):
    arguments = ["embed", "--vocab", "windmill; lighthouse", "--model", str(weights)]
    assert main(arguments) == 0
    filled = sorted(text_cache.rglob("*.safetensors"))
    assert filled

    def refuse(self, tokens):
        raise AssertionError("the text tower ran")

    monkeypatch.setattr("ovseg_jax.inference.engine.Engine.embed", refuse)
    assert main(arguments) == 0
    assert sorted(text_cache.rglob("*.safetensors")) == filled
    assert str(text_cache) in capsys.readouterr().out


def test_a_terminal_sees_how_many_texts_are_embedded(weights, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(progress.Progress.__init__, "__defaults__", (0.0,))
    words = "; ".join(f"thing {index}" for index in range(700))
    assert main(["embed", "--vocab", words, "--model", str(weights)]) == 0
    shown = screen.getvalue()
    assert "embedding words" in shown and "/700" in shown


def test_words_that_are_no_text_are_refused(tmp_path, capsys):
    out = tmp_path / "words.npz"
    assert main(["embed", "--vocab", "caf\udce9; dog", "--out", str(out)]) == 2
    assert "is not UTF-8 text" in capsys.readouterr().err and not out.exists()


def test_a_file_of_another_kind_is_refused_before_the_model_is_loaded(tmp_path, capsys):
    assert main(["embed", "--vocab", "cat", "--out", str(tmp_path / "words.txt")]) == 2
    assert "words.txt: embeddings are written as .npz" in capsys.readouterr().err
