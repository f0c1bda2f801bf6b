"""A run notices that photos or words changed behind the names that its config holds."""

import dataclasses
import json
from pathlib import Path

import pytest

pytest.importorskip("tensorflow_datasets")

from ovseg_jax.config import Config, DataConfig
from ovseg_jax.disk.run_layout import CONTENT
from ovseg_jax.training import content
from ovseg_jax.training.changes import Change
from ovseg_jax.training.record import RecordError, reason
from tests.data.photo_folder import DOG, PERSON, Folder, rectangle


@pytest.fixture
def folder(tmp_path):
    folder = Folder(tmp_path / "photos")
    for name in ("a.png", "b.png"):
        folder.instances(name, [rectangle(PERSON, 0, 0, 10, 20)])
    return folder.write()


@pytest.fixture
def run(tmp_path):
    """A run that has a checkpoint, so that its records bind."""
    (tmp_path / "run" / "checkpoints" / "4").mkdir(parents=True)
    return tmp_path / "run"


def config(folder) -> DataConfig:
    return folder.config("coco128_instances")


def test_the_same_folder_goes_on_and_is_noted_once(folder, run):
    read = content.content_of(config(folder))
    content.write(run, read, 0)
    content.write(run, content.content_of(config(folder)), 4)
    assert content.check(run, content.content_of(config(folder))) == []
    (line,) = (run / CONTENT).read_text().splitlines()
    assert json.loads(line) == {"step": 0, **read} and read["examples"] == 2


def test_photos_that_were_added_and_labels_that_were_altered_are_refused(folder, run):
    content.write(run, content.content_of(config(folder)), 0)
    folder.instances("c.png", [rectangle(DOG, 0, 0, 10, 20)])
    more = content.content_of(config(folder.write()))
    with pytest.raises(RecordError, match=r"records: photo_set/.*\n  examples: 2 -> 3\n"):
        content.check(run, more)
    assert "examples: 2 -> 3" in content.check(run, more, anyway=True)
    content.write(run, more, 4)
    lines = (run / CONTENT).read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [0, 4]
    assert content.check(run, more) == []


def test_a_class_file_that_was_altered_is_refused(folder, run, tmp_path):
    words = tmp_path / "words.txt"
    names = [*content.class_list(config(folder)).names]
    words.write_text("\n".join(names))
    data = dataclasses.replace(config(folder), vocabulary=str(words))
    content.write(run, content.content_of(data), 0)
    words.write_text("\n".join(names[::-1]))
    with pytest.raises(RecordError, match="was trained on other data .*\n  classes: "):
        content.check(run, content.content_of(data))


def test_before_the_first_checkpoint_and_without_a_note_nothing_binds(tmp_path, run):
    read = {"records": "toy_world/tiny/1.0.0", "examples": 5, "classes": "0"}
    assert content.check(run, read) == []  # a run of an earlier version
    content.write(tmp_path, read, 0)
    assert content.check(tmp_path, {**read, "examples": 6}) == []
    content.write(tmp_path, {**read, "examples": 6}, 0)
    assert len((tmp_path / CONTENT).read_text().splitlines()) == 1


def test_a_torn_line_is_passed_over(run):
    read = {"records": "toy_world/tiny/1.0.0", "examples": 5, "classes": "0"}
    content.write(run, read, 0)
    with (run / CONTENT).open("a") as file:
        file.write('{"step": 4, "rec\n')
    assert content.check(run, read) == []


def test_a_folder_that_moved_is_the_same_data(folder, run):
    data = config(folder)
    content.write(run, content.content_of(data), 0)
    moved = Path(data.root).rename(run.parent / "elsewhere")
    assert content.check(run, content.content_of(dataclasses.replace(data, root=str(moved)))) == []
    assert reason(Change("data/root", data.root, str(moved)), Config())
