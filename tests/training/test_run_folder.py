"""One run per work directory, and none in a folder of somebody else."""

import signal
import subprocess
import sys

import pytest

from ovseg_jax.disk.atomic import OutputError
from ovseg_jax.disk.journal import Entry, append_journal
from ovseg_jax.disk.outputs import is_ours
from ovseg_jax.training.run_folder import BusyError, taken

HOLD = """
import sys, time
from pathlib import Path
from ovseg_jax.training.run_folder import taken
with taken(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_second_run_is_refused_and_a_killed_one_blocks_nobody(tmp_path):
    command = [sys.executable, "-c", HOLD, str(tmp_path / "run")]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(BusyError, match=f"process {holder.pid} on "), taken(tmp_path / "run"):
            pass
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with taken(tmp_path / "run"):
        pass


def test_one_process_may_train_twice_one_after_the_other_not_at_once(tmp_path):
    with taken(tmp_path), pytest.raises(BusyError), taken(tmp_path):
        pass
    with taken(tmp_path):
        assert is_ours(tmp_path)


def test_a_folder_with_other_files_is_refused_untouched(tmp_path):
    (tmp_path / "thesis.md").write_text("years of work")
    with pytest.raises(OutputError, match=r"did not write \(thesis.md\)"), taken(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.md"]


def test_a_folder_of_ours_that_is_no_run_is_refused_untouched(tmp_path):
    """Training in a folder of weights replaced their description, and no command opened them."""
    (tmp_path / "config.json").write_text('{"clip": {}}')
    append_journal(tmp_path, [Entry("config.json", "0123", "clip.pt"), Entry("params")])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    message = r"\(config.json, params\), and is no training run"
    with pytest.raises(OutputError, match=message), taken(tmp_path):
        pass
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    message, place = "notes.txt/run cannot be made: Not a directory", tmp_path / "notes.txt/run"
    with pytest.raises(OutputError, match=message), taken(place):
        pass


def test_a_run_of_an_earlier_version_goes_on(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "checkpoints").mkdir()
    with taken(tmp_path):
        assert is_ours(tmp_path)


def test_a_file_system_without_locks_is_warned_about(tmp_path, monkeypatch):
    import errno
    import fcntl

    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.warns(UserWarning, match="No locks available"), taken(tmp_path):
        assert is_ours(tmp_path)
