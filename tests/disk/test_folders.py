"""Folders that change as one: whole, together, and nothing of others with them."""

import errno
import os
import subprocess
import sys

import pytest

from ovseg_jax.disk import folders
from ovseg_jax.disk.atomic import OutputError
from ovseg_jax.disk.folders import check_folder, write_folder
from ovseg_jax.disk.journal import JOURNAL, mark_of, read_journal

NAMES = ("config.json", "model.bin", "params")


def save(folder, text, only=NAMES, **options):
    def write(new):
        for name in only:
            target = new / name / "deep" / "0" if name == "params" else new / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)

    write_folder(folder, NAMES, "the weights", write, **options)


def content(folder):
    found = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    return {name: path.read_text() for name, path in found.items() if name != JOURNAL}


def all_of(text):
    return {"config.json": text, "model.bin": text, "params/deep/0": text}


def test_new_entries_replace_the_old_and_the_rest_stays(tmp_path):
    save(tmp_path / "w", "1")
    (tmp_path / "w" / "notes.txt").write_text("mine")
    (tmp_path / "w" / "evaluations").mkdir()
    (tmp_path / "w" / "evaluations" / "a.json").write_text("mine")
    save(tmp_path / "w", "2", only=NAMES[:2])
    expected = {"config.json": "2", "model.bin": "2", "notes.txt": "mine"}
    assert content(tmp_path / "w") == expected | {"evaluations/a.json": "mine"}
    assert [path.name for path in tmp_path.iterdir()] == ["w"]
    assert not list((tmp_path / "w").glob(".ovseg-*"))


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", ["params/notes.txt", "params/deep/1", "params/deep/x/y"])
def test_a_file_of_others_inside_of_our_entries_keeps_them_all(tmp_path, name, overwrite):
    save(tmp_path, "1")
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    with pytest.raises(OutputError, match=f"{name} exists and was not written by ovseg"):
        save(tmp_path, "2", overwrite=overwrite)
    assert content(tmp_path) == all_of("1") | {name: "mine"}


@pytest.mark.parametrize("name", ["params", "params/link", "model.bin"])
def test_links_in_the_place_of_our_entries_are_not_followed(tmp_path, name):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "0").write_text("mine")
    save(tmp_path / "w", "1", only=("config.json", *({"params"} & {name.split("/")[0]} - {name})))
    (tmp_path / "w" / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="not written by ovseg"):
        save(tmp_path / "w", "2", overwrite=True)
    assert content(tmp_path / "elsewhere") == {"0": "mine"}
    assert (tmp_path / "w" / "config.json").read_text() == "1"


@pytest.mark.parametrize("failing", range(6))
@pytest.mark.parametrize("error", [OSError(errno.EIO, "I/O error"), KeyboardInterrupt()])
def test_a_rename_that_fails_puts_everything_back(tmp_path, monkeypatch, failing, error):
    save(tmp_path / "w", "1")
    real, calls = os.rename, []

    def rename(start, end):
        calls.append(start)
        if len(calls) == failing + 1:
            raise error
        real(start, end)

    monkeypatch.setattr(os, "rename", rename)
    with pytest.raises((OutputError, KeyboardInterrupt)):
        save(tmp_path / "w", "2")
    assert content(tmp_path / "w") == all_of("1") and len(calls) > failing
    monkeypatch.undo()
    save(tmp_path / "w", "3")
    assert content(tmp_path / "w") == all_of("3")


def test_old_entries_that_cannot_go_back_are_not_thrown_away(tmp_path, monkeypatch):
    save(tmp_path / "w", "1")
    real, calls = os.rename, []

    def rename(start, end):
        calls.append(start)
        if len(calls) > 3:
            raise OSError(errno.EIO, "I/O error")
        real(start, end)

    monkeypatch.setattr(os, "rename", rename)
    with pytest.raises(OutputError):
        save(tmp_path / "w", "2")
    (kept,) = (tmp_path / "w").glob(".ovseg-*/old")
    assert content(kept) == all_of("1")


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from test_folders import save
real, left = os.rename, [int(sys.argv[2])]
def rename(start, end):
    if not left[0]: os.kill(os.getpid(), signal.SIGKILL)
    left[0] -= 1
    real(start, end)
os.rename = rename
save(Path(sys.argv[1]), "2")
"""


@pytest.mark.parametrize("after", [0, 1, 3, 5])
def test_a_kill_between_two_renames_leaves_no_mixture_that_loads(tmp_path, after):
    save(tmp_path / "w", "1")
    here = os.path.dirname(__file__)
    program = [sys.executable, "-c", KILLED, str(tmp_path / "w"), str(after), here]
    assert subprocess.run(program, env=os.environ | {"PYTHONPATH": here}).returncode < 0
    found = {n: t for n, t in content(tmp_path / "w").items() if not n.startswith(".ovseg-")}
    assert found == all_of("1") or "config.json" not in found
    save(tmp_path / "w", "3")
    assert all_of("3").items() <= content(tmp_path / "w").items()


@pytest.mark.parametrize("place", ["w", "w/c.bin", "w/deep/c.bin"])
@pytest.mark.parametrize("by_link", [False, True])
def test_a_folder_that_holds_an_input_is_refused(tmp_path, place, by_link):
    save(tmp_path / "w", "1")
    source = tmp_path / place
    if place != "w":
        source.parent.mkdir(exist_ok=True)
        source.write_text("mine")
    if by_link:
        (tmp_path / "link").symlink_to(source)
        source = tmp_path / "link"
    with pytest.raises(OutputError, match="which is read here"):
        check_folder(tmp_path / "w", NAMES, "the weights", inputs=[source], overwrite=True)
    check_folder(tmp_path / "other", NAMES, "the weights", inputs=[source])


def test_entries_of_another_source_need_overwrite(tmp_path):
    save(tmp_path / "w", "1", source=tmp_path / "a.bin")
    save(tmp_path / "w", "2", source=tmp_path / "a.bin")
    with pytest.raises(OutputError, match=r"made from \.\./a\.bin"):
        save(tmp_path / "w", "3", source=tmp_path / "b.bin")
    save(tmp_path / "w", "4", source=tmp_path / "b.bin", overwrite=True)
    assert content(tmp_path / "w") == all_of("4")


def test_what_a_killed_run_or_a_file_manager_left_does_not_block(tmp_path):
    (tmp_path / "w" / ".ovseg-abc").mkdir(parents=True)
    (tmp_path / "w" / ".DS_Store").write_text("")
    save(tmp_path / "w", "1")
    assert content(tmp_path / "w") == all_of("1") | {".DS_Store": ""}


def test_large_files_are_told_by_their_size(tmp_path, monkeypatch):
    monkeypatch.setattr("ovseg_jax.disk.journal.LARGE", 3)
    save(tmp_path, "1234")
    assert {entry.content for entry in read_journal(tmp_path)} == {"4 bytes"}
    assert mark_of(tmp_path / "model.bin") == "4 bytes"
    (tmp_path / "model.bin").write_text("12345")
    with pytest.raises(OutputError, match="altered"):
        save(tmp_path, "2")


def test_files_have_the_permissions_that_the_user_wants(tmp_path):
    before = os.umask(0o027)
    try:
        save(tmp_path / "w", "1")
    finally:
        os.umask(before)
    assert (tmp_path / "w").stat().st_mode & 0o777 == 0o750
    assert (tmp_path / "w" / "params/deep/0").stat().st_mode & 0o777 == 0o640
    assert folders.OLD not in os.listdir(tmp_path / "w")
