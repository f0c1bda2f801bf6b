"""An evaluation goes on where it was killed, and never with the counts of another one."""

import signal
import subprocess
import sys
import time

import jax
import pytest

from ovseg_jax.disk.records import JournalError
from ovseg_jax.evaluation import identity, journal
from ovseg_jax.evaluation.predictions.keeping import endings
from ovseg_jax.evaluation.report.files import ENDINGS, contents

CONFIG = """
import dataclasses
from configs.toy.mask_adapter import get_config as toy


def get_config():
    config = toy()
    (item,) = config.evaluations
    data = dataclasses.replace(item.data, config="tiny", split="train", batch_size=1)
    own = {"data": data, "metrics": ("mask_accuracy", "semantic", "panoptic", "instance")}
    items = [dataclasses.replace(item, name=name, protocol=name, **own)
             for name in ("frame", "photo")]
    return dataclasses.replace(config, evaluations=tuple(items))
"""


class Left(Exception):
    """Ends an evaluation in the middle."""


def leave_after(number):
    def on_batch(seen):
        if seen >= number:
            raise Left

    return on_batch


def interrupted(scenes, path, number=2, **changes):
    """Leaves an evaluation; returns one like it."""
    make, params = scenes
    with pytest.raises(Left):
        make(**changes).score(params, "toy", leave_after(number), by_photo=True, journal=path)
    return make(**changes), params


@pytest.mark.parametrize("torn", [b"", b'{"batch":3,"images":1,"ru'])
def test_what_was_counted_is_not_counted_again(scenes, tmp_path, torn):
    path = tmp_path / "a.journal"
    suite, params = interrupted(scenes, path)
    with open(path, "ab") as file:
        file.write(torn)
    before, seen = path.read_bytes().removesuffix(torn), []
    assert len(before.splitlines()) == 3  # what it is of, and two photos
    found = suite.score(params, "toy", seen.append, by_photo=True, journal=path)
    assert seen == [3, 4, 5, 6] and path.read_bytes().startswith(before)
    whole = suite.score(params, "toy", by_photo=True)
    assert contents(found, "a") == contents(whole, "a")
    again = suite.score(params, "toy", seen.clear, by_photo=True, journal=path)
    assert len(seen) == 4 and contents(again, "a") == contents(whole, "a")


def test_counts_of_another_evaluation_are_refused_by_field(scenes, tmp_path, monkeypatch):
    path = tmp_path / "a.journal"
    suite, params = interrupted(scenes, path)
    before = path.read_bytes()
    make, _ = scenes
    with pytest.raises(JournalError, match=r"evaluation\.miou: absent_dropped -> absent_counted"):
        make(miou="absent_counted").score(params, "toy", by_photo=True, journal=path)
    other = jax.tree.map(lambda leaf: leaf + 1, params)
    with pytest.raises(JournalError, match=r"weights: .* -> .*\n(.|\n)*--fresh"):
        suite.score(other, "toy", by_photo=True, journal=path)
    monkeypatch.setattr(identity, "code_hash", lambda: "newer")
    with pytest.raises(JournalError, match="code: .* -> newer"):
        suite.score(params, "toy", by_photo=True, journal=path)
    assert path.read_bytes() == before


def test_a_file_of_others_is_neither_read_nor_removed(scenes, tmp_path):
    make, params = scenes
    path = tmp_path / "a.journal"
    path.write_text("mine")
    with pytest.raises(JournalError, match="not written by ovseg"):
        make().score(params, "toy", journal=path)
    with pytest.raises(JournalError, match="not written by ovseg"):
        journal.discard(path)
    assert path.read_text() == "mine"


def test_hosts_keep_journals_of_their_own(tmp_path, monkeypatch):
    assert journal.journal_path(tmp_path, "a").name == "a.journal"
    monkeypatch.setattr(journal.jax, "process_count", lambda: 2)
    assert journal.journal_path(tmp_path, "a").name == "a.host0.journal"


@pytest.mark.slow
def test_a_killed_command_goes_on_and_ends_with_equal_files(tmp_path):
    config = tmp_path / "config.py"
    config.write_text(CONFIG)
    prepared = []
    for number in range(2):
        prepared += [f"--evaluations.{number}.data.prepared", str(tmp_path / "prepared")]

    def command(out, *more):
        words = ["evaluate.py", "toy", "--config", str(config), "--out", str(out)]
        return [sys.executable, *words, *prepared, "--save-predictions", *more]

    def run(out, *more):
        done = subprocess.run(command(out, *more), capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        files = [path for path in out.rglob("[!.]*") if path.is_file()]
        return done.stderr, {str(path.relative_to(out)): path.read_bytes() for path in files}

    _, whole = run(tmp_path / "whole")
    known = (*ENDINGS, *endings(("semantic", "panoptic", "instance")))
    assert set(whole) > {name + end for name in ("frame", "photo") for end in known}
    out = tmp_path / "killed"
    process = subprocess.Popen(command(out), stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 200
    path = out / "photo.journal"
    while not path.exists() or path.read_bytes().count(b"\n") < 3:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL and path.exists()
    said, resumed = run(out)
    assert said.count("goes on with") == 2 and resumed == whole
    assert not list(out.glob("*.journal"))
