"""Preparation: several cores give the same as one, progress is told, killed runs leave nothing."""

from __future__ import annotations

import os
import threading
import time
import warnings

import pytest

tfds = pytest.importorskip("tensorflow_datasets")

from planted import DATA  # noqa: E402

from data import parallel, preparing  # noqa: E402
from data.build import make_builder  # noqa: E402
from data.manual_files import ManualFileError  # noqa: E402
from ovseg_jax.foundation.errors import OvsegWarning  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:.*the published set has")
STUFF = DATA / "coco_stuff" / "dummy_data"


def test_what_is_made_at_once_comes_in_order_and_not_far_ahead():
    drawn, together, most = [], 0, 0
    lock = threading.Lock()

    def items():
        for number in range(40):
            drawn.append(number)
            yield number

    def make(number):
        nonlocal together, most
        with lock:
            together += 1
            most = max(most, together)
        time.sleep(0.002 * (number % 3))
        with lock:
            together -= 1
        return -number

    found = []
    for made in parallel.in_order(make, items(), "numbers", workers=3):
        found.append(made)
        assert len(drawn) <= len(found) + 3 * parallel.AHEAD + 1
    assert found == [-number for number in range(40)] and 1 < most <= 3


def test_the_first_error_is_that_of_the_first_item():
    def make(number):
        time.sleep(0.02 * (number == 3))
        if number >= 3:
            raise ManualFileError(f"item {number}")
        return number

    found = []
    with pytest.raises(ManualFileError, match="item 3"):
        for made in parallel.in_order(make, range(30), "numbers", workers=4):
            found.append(made)
    assert found == [0, 1, 2]


def test_lines_say_how_far_it_is_where_there_is_no_terminal(monkeypatch, capsys):
    monkeypatch.setattr(parallel, "EVERY", 0.0)
    with parallel.shown():
        assert list(parallel.in_order(str, [1, 2], "toy")) == ["1", "2"]
        assert list(parallel.in_order(str, iter([1]), "other")) == ["1"]
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(" photos")[0] for line in lines] == [
        "toy: 1 of 2",
        "toy: 2 of 2",
        "other: 1",
    ]
    assert parallel.line("x", 1000, 4000, 60.0) == (
        "x: 1,000 of 4,000 photos, 17 a second, about 3 min left"
    )
    assert list(parallel.in_order(str, [1], "unseen")) == ["1"]
    assert not capsys.readouterr().err


def records(place, monkeypatch, workers):
    monkeypatch.setattr(parallel, "cores", lambda: workers)
    builder = make_builder("coco_stuff", "full", place, STUFF)
    preparing.prepare(builder, str(STUFF), "array_record")
    files = sorted(path for path in builder.data_path.iterdir() if "array_record" in path.name)
    assert files
    return builder, {path.name: path.read_bytes() for path in files}


def test_several_threads_write_the_same_bytes_as_one(tmp_path, monkeypatch):
    one = records(tmp_path / "one", monkeypatch, 1)[1]
    assert records(tmp_path / "many", monkeypatch, 5)[1] == one


def test_what_a_killed_run_has_left_is_removed_and_a_running_one_is_let_be(tmp_path, monkeypatch):
    builder = make_builder("coco_stuff", "full", tmp_path, STUFF)
    version = builder.data_path.name
    dead, alive, other = (
        builder.data_path.parent / name
        for name in (f"incomplete.DEAD01_{version}", f"incomplete.LIVE01_{version}", "incomplete.X")
    )
    long_ago = time.time() - 2 * preparing.LEFT_AFTER
    for folder in (dead, alive, other):
        folder.mkdir(parents=True)
        (folder / "part").write_text("x")
        os.utime(folder / "part", (long_ago, long_ago))
        os.utime(folder, (long_ago, long_ago))
    (alive / "part").write_text("more")
    with pytest.warns(OvsegWarning, match="removed what a killed run has left: .*DEAD01"):
        records(tmp_path, monkeypatch, 2)
    assert not dead.exists() and alive.is_dir() and other.is_dir()


def test_records_that_are_there_are_kept(tmp_path, monkeypatch):
    builder, first = records(tmp_path, monkeypatch, 2)
    times = {path: path.stat().mtime for path in builder.data_path.iterdir()}
    with warnings.catch_warnings():
        warnings.simplefilter("error", OvsegWarning)
        assert records(tmp_path, monkeypatch, 2)[1] == first
    assert {path: path.stat().mtime for path in builder.data_path.iterdir()} == times


def test_a_preparation_that_fails_leaves_nothing_behind(tmp_path):
    (tmp_path / "empty" / "other").mkdir(parents=True)
    builder = make_builder("coco_stuff", "validation", tmp_path / "records", tmp_path / "empty")
    with pytest.raises(ManualFileError, match="the photos not found"):
        preparing.prepare(builder, str(tmp_path / "empty"), "array_record")
    left = list((tmp_path / "records").rglob("incomplete*"))
    assert not left and not builder.data_path.exists()
