"""Hashes of checkpoints: every kind of damage is found and named, and nothing is deleted."""

import json

import pytest

from ovseg_jax.disk.run_layout import CHECKPOINTS
from ovseg_jax.foundation.errors import OvsegWarning
from ovseg_jax.training import export, integrity

STATE = "state/d/71fcfe36"


@pytest.fixture
def checkpoints(tmp_path):
    """Three checkpoints as Orbax lays them out, with our hashes."""
    for step in (4, 8, 12):
        folder = tmp_path / str(step)
        (folder / STATE).parent.mkdir(parents=True)
        (folder / STATE).write_bytes(bytes(range(256)) * step)
        (folder / "data").mkdir()
        (folder / "data" / "metadata").write_text(json.dumps({"position": step}))
        integrity.write_hashes(folder)
        (folder / "_CHECKPOINT_METADATA").write_text("{}")  # Orbax writes it behind us
    return tmp_path


def truncate(folder):
    (folder / STATE).write_bytes((folder / STATE).read_bytes()[:-1])
    return f"{STATE} is 3071 bytes long instead of 3072"


def delete(folder):
    (folder / STATE).unlink()
    return f"{STATE} is missing"


def alter(folder):
    content = bytearray((folder / STATE).read_bytes())
    content[100:164] = bytes(64)
    (folder / STATE).write_bytes(content)
    return f"{STATE} is altered"


def empty(folder):
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    return "the folder is empty"


def forget_hashes(folder):
    (folder / integrity.HASHES).unlink()
    return "hashes.json is missing"


def garble_hashes(folder):
    (folder / integrity.HASHES).write_text('{"state": 3}')
    return "hashes.json cannot be read"


def garble_metadata(folder):
    (folder / "_CHECKPOINT_METADATA").write_bytes(b"\x00\x01")
    return "_CHECKPOINT_METADATA is missing or damaged"


DAMAGES = (truncate, delete, alter, empty, forget_hashes, garble_hashes, garble_metadata)


@pytest.mark.parametrize("harm", DAMAGES)
def test_every_damage_is_named_and_the_checkpoint_before_is_used(checkpoints, harm):
    assert integrity.newest_intact(checkpoints) == (12, {})
    what = harm(checkpoints / "12")
    assert integrity.newest_intact(checkpoints) == (8, {12: what})


def test_a_checkpoint_without_hashes_is_taken_on_request_only(checkpoints):
    forget_hashes(checkpoints / "12")
    assert integrity.newest_intact(checkpoints, trust=True) == (12, {})
    alter(checkpoints / "8")
    assert integrity.newest_intact(checkpoints)[0] == 4


def test_where_all_are_damaged_each_is_named_and_nothing_moves(checkpoints):
    whats = [
        harm(checkpoints / step) for harm, step in ((alter, "4"), (empty, "8"), (delete, "12"))
    ]
    before = sorted(checkpoints.rglob("*"))
    with pytest.raises(integrity.IntegrityError) as caught:
        integrity.newest_intact(checkpoints)
    assert all(what in str(caught.value) for what in whats)
    assert sorted(checkpoints.rglob("*")) == before


def test_who_takes_weights_learns_that_the_newest_checkpoint_is_damaged(
    checkpoints, tmp_path_factory
):
    run = tmp_path_factory.mktemp("run")
    checkpoints.rename(run / CHECKPOINTS)
    what = truncate(run / CHECKPOINTS / "12")
    with pytest.warns(OvsegWarning, match=f"checkpoint 12 is damaged: {what}; the one before"):
        assert export.chosen_step(run, None) == 8


def test_a_new_run_has_no_checkpoint_and_no_damage(tmp_path):
    assert integrity.newest_intact(tmp_path / "checkpoints") == (None, {})


def test_what_is_set_aside_keeps_its_content_and_is_no_checkpoint(checkpoints):
    first = integrity.set_aside(checkpoints / "12")
    (checkpoints / "12").mkdir()
    second = integrity.set_aside(checkpoints / "12")
    assert [first.name, second.name] == ["damaged-12", "damaged-12-2"]
    assert (first / STATE).stat().st_size == 3072
    assert integrity.saved_steps(checkpoints) == [4, 8]


def test_unfinished_folders_are_cleared_and_others_stay(checkpoints):
    (checkpoints / "16.orbax-checkpoint-tmp" / "state").mkdir(parents=True)
    (checkpoints / "notes.txt").write_text("mine")
    integrity.clear_unfinished(checkpoints)
    assert sorted(path.name for path in checkpoints.iterdir()) == ["12", "4", "8", "notes.txt"]
