"""`ovseg evaluate --dense`: scores of pixels that towers name without masks."""

import json

import pytest

from ovseg_jax.cli.main import main

TOWERS = "ovseg_jax/assets/toy/clip_vit_seed0"


def evaluate(folder, *options):
    place = {"data.config": "tiny", "data.prepared": str(folder / "prepared")}
    place |= {"data.batch-size": "4"}
    changes = [part for n, v in place.items() for part in (f"--evaluations.0.{n}", v)]
    command = ["evaluate", TOWERS, "--config", "configs/toy/maskclippp.py"]
    return main([*command, "--out", str(folder / "out"), *options, *changes])


def test_pixels_are_scored_and_the_protocol_says_how(tmp_path, capsys):
    assert evaluate(tmp_path, "--dense", "values") == 0, capsys.readouterr().err
    (file,) = (tmp_path / "out").glob("*.json")
    stored = json.loads(file.read_text())
    assert file.stem.endswith("_dense_values")
    assert 0.02 < stored["scores"]["semantic/mIoU"] < 1
    protocol = stored["protocol"]
    assert protocol["method"] == "dense_pixels" and "none" in protocol["mask_source"]
    assert protocol["ensemble"].startswith("none")


@pytest.mark.parametrize("options", [("--dense", "values", "--generator", "toy")])
def test_masks_and_no_masks_exclude_each_other(tmp_path, capsys, options):
    assert evaluate(tmp_path, *options) == 2
    assert "leave out --generator" in capsys.readouterr().err
