"""Every suite, typed as the README says, on real photos in the publishers' folders."""

import json

import pytest
import real_sets

pytest.importorskip("tensorflow_datasets")

from ovseg_jax.cli.main import main

pytestmark = [
    real_sets.needs_realset,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*the published set has", "ignore:.*are read"),
]
COUNTS = {"a847": 2, "a150": 2, "pc459": 3, "pc59": 3, "pas20": 5, "pas21": 5}


def evaluate(monkeypatch, folder, suite, roots):
    """Scores the toy model on real photos; returns the suite's table and the folder of results."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(folder / "records"))
    out = folder / "results"
    words = "evaluate", "toy", "--suite", suite, "--roots", str(roots), "--out", str(out)
    assert main(words) == 0
    return json.loads((out / f"{suite}.json").read_text()), out


def check_pages(out, photos, pictures=3):
    """Every evaluation judged all its photos, and its page shows each without any network.

    Three pictures of a photo are itself, its truth and the answer.
    """
    for name, count in photos.items():
        assert json.loads((out / f"{name}.json").read_text())["protocol"]["images"] == count
        page = (out / f"{name}.html").read_text()
        assert page.count("<figure") == pictures * count
        assert "://" not in page  # "http" alone may stand in a picture's base64


@pytest.mark.parametrize("suite", ["open_vocabulary", "mask_accuracy"])
def test_six_sets_below_one_folder(monkeypatch, tmp_path, suite):
    sets = tmp_path / "sets"
    for lay in (real_sets.voc, real_sets.pascal_context, real_sets.ade20k, real_sets.ade20k_full):
        lay(sets)
    table, out = evaluate(monkeypatch, tmp_path, suite, sets)
    assert list(table["scores"]) == ["a847", "a150", "pc459", "pc59", "pas20", "pas21"]
    assert all(0 <= score <= 100 for score in table["scores"].values())
    assert max(table["scores"].values()) > 0
    check_pages(out, COUNTS, pictures=3 if suite == "open_vocabulary" else 0)


def test_panoptic_sets_of_which_a_file_names_two(monkeypatch, tmp_path, capsys):
    real_sets.ade20k(tmp_path)
    real_sets.coco_panoptic(tmp_path)
    roots = tmp_path / "roots.yaml"
    roots.write_text("ade20k: .\ncoco_panoptic: .\n")
    table, out = evaluate(monkeypatch, tmp_path, "panoptic", roots)
    assert (
        "does not say where they lie: cityscapes (cityscapes), mapillary" in capsys.readouterr().err
    )
    assert list(table["scores"]) == ["a150_panoptic", "coco_panoptic"]
    assert min(table["scores"].values()) > 0  # grass and sky are words that the toy world has
    check_pages(out, {"a150_panoptic": 2, "coco_panoptic": 2})


def test_a_set_of_mess(monkeypatch, tmp_path):
    real_sets.mess_dram(tmp_path)
    roots = tmp_path / "roots.yaml"
    roots.write_text("dram: .\n")
    table, out = evaluate(monkeypatch, tmp_path, "mess", roots)
    assert table["scores"]["dram"] > 0 and table["scores"]["mean"] is None
    check_pages(out, {"dram": 5})
