"""`ovseg data show`: a contact sheet, and counts of segments and photos by class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

tfds = pytest.importorskip("tensorflow_datasets")

from data import build, sheet  # noqa: E402
from ovseg_jax.cli.main import main  # noqa: E402
from ovseg_jax.vocabulary.classes import load_preset  # noqa: E402
from tests.data.photo_folder import DOG, PERSON, Folder, rectangle  # noqa: E402

CLASSES = load_preset("coco_things80")


def record(ids, categories, crowds=()):
    ids = np.asarray(ids, np.int32)
    return {
        "image": np.zeros((*ids.shape, 3), np.uint8),
        "segment_ids": ids,
        "categories": np.asarray(categories, np.int32),
        "crowds": np.asarray(crowds or [False] * len(categories), np.bool_),
        "whole": [b""] * len(categories),
        "file_name": "folder/photo.jpg",
    }


def test_counts_are_of_the_whole_split_and_the_sheet_of_some_photos(tmp_path, capsys):
    folder = Folder(tmp_path / "photos")
    person, dog = rectangle(PERSON, 0, 0, 10, 20), rectangle(DOG, 20, 20, 40, 50)
    folder.instances("a.png", [person, dog, rectangle(DOG, 12, 0, 18, 20)])
    folder.instances("b.png", [dog])
    folder.instances("c.png", [])
    folder.write()
    out = tmp_path / "sheet.png"
    options = ["--config", "coco128_instances", "--data-dir", str(tmp_path / "records")]
    arguments = ["photo_set", str(folder.place), *options, "--out", str(out), "--count", "2"]
    assert main(["data", "show", *arguments]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["3", "2", "dog"] in lines and ["1", "1", "person"] in lines
    assert ["train:", "3", "photos,", "4", "segments"] in lines
    assert "2 photos of 3" in " ".join(lines[-1])
    assert min(Image.open(out).size) > 300


def test_a_split_is_chosen_where_none_is_named(tmp_path, capsys):
    place = Path(build.__file__).parent / "coco_stuff" / "dummy_data"
    options = ["--config", "validation", "--data-dir", str(tmp_path / "records")]
    arguments = ["coco_stuff", str(place), *options, "--out", str(tmp_path / "sheet.jpg")]
    assert main(["data", "show", *arguments]) == 0
    assert "validation: 3 photos, 13 segments" in capsys.readouterr().out
    assert Image.open(tmp_path / "sheet.jpg").format == "JPEG"


def test_crowds_are_hatched_and_void_is_grey():
    ids = np.zeros((60, 90), int)
    ids[:, :30], ids[:, 30:60] = 1, 2
    painted = sheet._painted(record(ids, [0, 1], [False, True]), CLASSES)
    height, width = painted.shape[:2]
    assert (height, width) == (sheet.HEIGHT, 450)
    single, crowd, void = painted[:, 5:140], painted[:, 160:290], painted[:, 310:]
    assert len(np.unique(single.reshape(-1, 3), axis=0)) == 1
    assert len(np.unique(crowd.reshape(-1, 3), axis=0)) == 2
    assert np.ptp(void[5, 5]) == 0 and void.min() > 0


def test_rows_of_the_legend_count_segments_and_notes_say_what_is_void():
    found = record([[0, 1, 2, 2, 3, 3, 3, 3]], [0, 16, 0])
    rows = sheet._rows(found, CLASSES)
    assert [(row.name, row.score) for row in rows] == [("person", "x 2"), ("dog", "")]
    assert sheet._notes(found) == ["void: 12 %"]


def test_a_sheet_of_one_tiny_photo_without_segments():
    assert sheet.contact_sheet([record([[0]], [])], CLASSES).width > 1
