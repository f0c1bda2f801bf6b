"""What a run may replace: its own files as it left them, and nothing else."""

import json
import os

import pytest

from ovseg_jax.disk import journal
from ovseg_jax.disk.atomic import OutputError
from ovseg_jax.disk.outputs import (
    JOURNAL,
    Entry,
    OutputFolder,
    append_journal,
    is_ours,
    read_journal,
    require_ours,
    written_names,
)


def put(folder, name, content, source="", **options):
    options = {"inputs": (), "overwrite": False} | options
    return OutputFolder(folder, **options).write(name, lambda file: file.write(content), source)


def test_our_own_file_is_replaced_as_long_as_its_source_is_the_same(tmp_path):
    photo = tmp_path / "photos" / "a.jpg"
    put(tmp_path / "out", "a.json", b"1", photo)
    assert put(tmp_path / "out", "a.json", b"2", photo).read_bytes() == b"2"
    assert written_names(tmp_path / "out") == {"a.json"}


def test_source_and_results_may_move_together(tmp_path):
    put(tmp_path / "here" / "out", "a.json", b"1", tmp_path / "here" / "a.jpg")
    (tmp_path / "here").rename(tmp_path / "there")
    put(tmp_path / "there" / "out", "a.json", b"2", tmp_path / "there" / "a.jpg")


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_foreign_file_is_never_replaced(tmp_path, overwrite):
    (tmp_path / "a.json").write_text("mine")
    with pytest.raises(OutputError, match="not written by ovseg"):
        put(tmp_path, "a.json", b"1", overwrite=overwrite)
    assert (tmp_path / "a.json").read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == {"a.json"}


@pytest.mark.parametrize("overwrite", [False, True])
def test_an_input_is_never_replaced_even_if_we_wrote_it(tmp_path, overwrite):
    put(tmp_path, "a.json", b"1")
    alias = tmp_path / "link.json"
    alias.symlink_to(tmp_path / "a.json")
    with pytest.raises(OutputError, match="read by this run"):
        put(tmp_path, "a.json", b"2", inputs=[alias], overwrite=overwrite)


def test_a_file_that_the_user_altered_needs_overwrite(tmp_path):
    put(tmp_path, "a.json", b"1").write_text("corrected by hand")
    with pytest.raises(OutputError, match="altered since"):
        put(tmp_path, "a.json", b"2")
    assert put(tmp_path, "a.json", b"2", overwrite=True).read_bytes() == b"2"


def test_the_answer_of_another_photo_needs_overwrite(tmp_path):
    put(tmp_path / "out", "a.json", b"1", tmp_path / "first" / "a.jpg")
    with pytest.raises(OutputError, match=r"made from \.\./first/a\.jpg"):
        put(tmp_path / "out", "a.json", b"2", tmp_path / "second" / "a.jpg")


@pytest.mark.parametrize("second", ["a.json", "A.json", "e\u0301.json"])
def test_two_results_of_one_run_never_share_a_name(tmp_path, second):
    first = "\u00e9.json" if second.startswith("e") else "a.json"
    folder = OutputFolder(tmp_path)
    folder.claim([first], tmp_path / "a.jpg")
    with pytest.raises(OutputError, match="twice"):
        folder.claim([second], tmp_path / "a.png")


def test_links_and_folders_in_the_way_are_not_followed(tmp_path):
    (tmp_path / "elsewhere").write_text("mine")
    (tmp_path / "a.json").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "b.json").mkdir()
    (tmp_path / "c.json").symlink_to(tmp_path / "nowhere")
    for name in ("a.json", "b.json", "c.json"):
        with pytest.raises(OutputError, match="not written by ovseg"):
            put(tmp_path, name, b"1")
    assert (tmp_path / "elsewhere").read_text() == "mine"


def test_a_crash_between_journal_and_rename_leaves_the_older_file_ours(tmp_path):
    put(tmp_path, "a.json", b"1")
    append_journal(tmp_path, [Entry("a.json", "0" * 64)])
    assert put(tmp_path, "a.json", b"2").read_bytes() == b"2"


def test_damaged_lines_of_a_journal_own_nothing(tmp_path):
    put(tmp_path, "a.json", b"1")
    lines = (tmp_path / JOURNAL).read_text().splitlines()
    broken = ["{", "[]", '"a.json"', json.dumps({"file": 3}), json.dumps({"other": "x"})]
    (tmp_path / JOURNAL).write_text("\n".join(broken + lines[:1]))
    assert read_journal(tmp_path) == [] and not is_ours(tmp_path)
    with pytest.raises(OutputError):
        put(tmp_path, "a.json", b"2")


def test_a_folder_with_other_files_is_no_place_for_a_run(tmp_path):
    require_ours(tmp_path / "new", "a run")
    require_ours(tmp_path, "a run")
    (tmp_path / "thesis").mkdir()
    with pytest.raises(OutputError, match="thesis"):
        require_ours(tmp_path, "a run")
    append_journal(tmp_path, [Entry("config.json")])
    require_ours(tmp_path, "a run")


def test_files_have_the_permissions_that_the_user_wants(tmp_path):
    before = os.umask(0o027)
    try:
        assert put(tmp_path, "a.json", b"1").stat().st_mode & 0o777 == 0o640
    finally:
        os.umask(before)


def test_a_journal_is_read_once_however_many_files_are_written(tmp_path, monkeypatch):
    read, real = [], journal._read_from
    monkeypatch.setattr(journal, "_read_from", lambda *a: read.append(real(*a)) or read[-1])
    folder = OutputFolder(tmp_path)
    for number in range(200):
        folder.write(f"{number}.json", lambda file: file.write(b"1"))
    assert sum(map(len, read)) <= (tmp_path / JOURNAL).stat().st_size


def test_a_journal_does_not_grow_when_nothing_changes(tmp_path):
    for _ in range(3):
        put(tmp_path, "a.json", b"1", "x")
    assert len(read_journal(tmp_path)) == 1


def test_runs_side_by_side_see_what_the_other_wrote(tmp_path):
    first, second = OutputFolder(tmp_path), OutputFolder(tmp_path)
    first.claim(["a.json"], "x")
    second.write("a.json", lambda file: file.write(b"1"), "y")
    with pytest.raises(OutputError, match="made from y"):
        first.write("a.json", lambda file: file.write(b"2"), "x")


def test_a_line_that_a_crash_left_half_written_takes_none_with_it(tmp_path):
    put(tmp_path, "a.json", b"1")
    with (tmp_path / JOURNAL).open("ab") as file:
        file.write(b'{"file": "b.js')
    put(tmp_path, "c.json", b"1")
    assert [entry.file for entry in read_journal(tmp_path)] == ["a.json", "c.json"]


@pytest.mark.parametrize(
    "name", ["../a.json", "deep/../../a.json", "", ".", "/tmp/a.json", JOURNAL, f"deep/{JOURNAL}"]
)
def test_names_that_leave_the_folder_or_hide_the_journal_are_refused(tmp_path, name):
    with pytest.raises(OutputError):
        put(tmp_path / "out", name, b"1", overwrite=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("overwrite", [False, True])
def test_files_below_a_folder_of_inputs_are_inputs(tmp_path, overwrite):
    put(tmp_path, "model/config.json", b"1")
    with pytest.raises(OutputError, match="read by this run"):
        put(tmp_path, "model/config.json", b"2", inputs=[tmp_path / "model"], overwrite=overwrite)
    put(tmp_path, "model/a.json", b"2", inputs=[tmp_path / "model"])


def test_one_result_twice_in_one_list_is_refused(tmp_path):
    with pytest.raises(OutputError, match="twice"):
        OutputFolder(tmp_path).claim(["test.json", "Test.json"], "run")
