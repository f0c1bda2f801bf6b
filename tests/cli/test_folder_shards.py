"""`ovseg segment --shard`: every photo once, side by side, again after a stop, all alike."""

import argparse
import json
import shutil
import threading
from collections import Counter

import pytest

from ovseg_jax.cli import photos as loop
from ovseg_jax.cli.main import main
from ovseg_jax.cli.shards import JOB, Shard, begin_job, read_shard
from ovseg_jax.disk.journal import Entry, append_journal, read_journal

WORDS = "--vocab", "ball; cone", "--background", "none"


@pytest.fixture
def folder(photos):
    """Seven photos."""
    for number in range(3, 8):
        shutil.copy(photos / "photo1.png", photos / f"photo{number}.png")
    return photos


@pytest.fixture
def segment(weights, folder, capsys):
    """Runs `ovseg segment` on the folder; returns status, what was printed, and the photos done."""

    def run(shard, *options):
        out, masks = folder.parent / "out", folder.parent / "masks.json"
        names = [str(folder), "--model", str(weights), "--out", str(out), "--masks", str(masks)]
        record = json.loads(masks.read_text())
        record |= {f"photo{number}.png": record["photo1.png"] for number in range(3, 8)}
        masks.write_text(json.dumps(record))
        status = main(["segment", *names, *WORDS, "--shard", shard, *options])
        printed = capsys.readouterr()
        lines = [line for line in printed.out.splitlines() if "->" in line]
        done = [line.split(":")[0] for line in lines if not line.startswith("all photos")]
        return status, printed.out + printed.err, done

    return run


def test_shards_share_the_photos_by_their_names():
    stems = [f"photo{number}" for number in range(4000)]
    parts = [[stem for stem in stems if Shard(n, 8).holds(stem)] for n in range(1, 9)]
    assert Counter(stem for part in parts for stem in part) == Counter(stems)
    assert all(400 < len(part) < 600 for part in parts)
    assert [stem for stem in stems[:20] if Shard(3, 8).holds(stem)] == ["photo6"]


@pytest.mark.parametrize("text", ["0/8", "9/8", "3", "3/8/2", "-1/8", "a/b", ""])
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="give 1/8 to 8/8"):
        read_shard(text)


def test_shards_do_every_photo_once_and_the_same_command_does_none_again(segment, folder):
    done = [photo for n in (1, 2, 3) for photo in segment(f"{n}/3")[2]]
    assert sorted(done) == [f"photo{number}.png" for number in range(1, 8)]
    status, text, again = segment("1/1")
    assert status == 0 and not again and "shard 1/1: 0 photos, 7 done before" in text
    (folder.parent / "out" / "photo4.json").unlink()
    assert segment("1/1")[2] == ["photo4.png"]


def test_the_last_shard_leaves_the_files_about_all_photos_complete(segment, folder):
    path = folder.parent / "out" / "coco" / "annotations.json"

    def images():
        return [image["file_name"] for image in json.loads(path.read_text())["images"]]

    first = segment("1/2", "--format", "coco")[2]
    assert images() == sorted(first)
    segment("2/2", "--format", "coco,labelme")
    assert images() == [f"photo{number}.png" for number in range(1, 8)]
    path.unlink()
    status, text, again = segment("2/2", "--format", "coco,labelme")
    assert status == 0 and not again and len(images()) == 7 and "all photos ->" in text
    done = segment("1/2", "--format", "coco,labelme")[2]
    assert sorted(done) == sorted(first), "their LabelMe files are missing"


def test_a_stopped_shard_goes_on_where_it_was(segment, folder, monkeypatch):
    real = loop.go_through

    def two_only(photos, *others):
        return real(photos[:2], *others)

    monkeypatch.setattr(loop, "go_through", two_only)
    first = segment("1/1")[2]
    monkeypatch.setattr(loop, "go_through", real)
    status, text, second = segment("1/1")
    assert len(first) == 2 and not set(first) & set(second) and len(second) == 5
    assert status == 0 and "shard 1/1: 5 photos, 2 done before" in text


def test_another_vocabulary_or_task_in_the_same_folder_is_refused(segment):
    assert segment("1/3")[0] == 0
    status, text, done = segment("2/3", "--task", "panoptic")
    assert status == 2 and not done
    assert f"{JOB} says that this folder's results were made with another task" in text


def test_only_one_of_many_shards_notes_the_job(tmp_path):
    barrier, refused = threading.Barrier(8), []

    def begin(number):
        barrier.wait()
        try:
            begin_job(tmp_path, {"task": "semantic" if number % 2 else "panoptic"})
        except Exception as error:
            refused.append(str(error))

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 4 and all("another task" in text for text in refused)
    assert [path.name for path in tmp_path.iterdir() if path.name != ".ovseg"] == [JOB]


def test_lines_of_many_writers_do_not_mix(tmp_path):
    def add(writer):
        for number in range(40):
            append_journal(tmp_path, [Entry(f"{writer}_{number}", "x" * 500)])

    threads = [threading.Thread(target=add, args=(writer,)) for writer in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {entry.file for entry in read_journal(tmp_path)} == {
        f"{writer}_{number}" for writer in range(6) for number in range(40)
    }
