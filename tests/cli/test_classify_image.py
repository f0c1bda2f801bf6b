"""`ovseg classify-image`: whole photos, one line each, and a file."""

import json

from ovseg_jax.cli.main import main


def test_each_photo_gets_a_line_and_an_entry(weights, photos, tmp_path, capsys):
    command = ["classify-image", str(photos), "--vocab", "ball; boat, ship; sky"]
    out = tmp_path / "out.json"
    assert main([*command, "--model", str(weights), "--top", "2", "--json", str(out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("photo1.png: ") and lines[1].startswith("photo2.png: ")
    assert len(lines[0].split("  ")) == 2
    records = json.loads(out.read_text())
    assert [record["file"] for record in records] == ["photo1.png", "photo2.png"]
    assert set(records[0]["probabilities"]) == {"ball", "boat", "sky"}
    assert abs(sum(records[0]["probabilities"].values()) - 1) < 1e-4


def test_what_is_missing_is_named(weights, photos, tmp_path, capsys):
    words = ["--vocab", "ball; boat"]
    assert main(["classify-image", str(tmp_path / "none.png"), *words]) == 2
    assert "none.png" in capsys.readouterr().err
    assert main(["classify-image", str(photos), *words, "--model", str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err
