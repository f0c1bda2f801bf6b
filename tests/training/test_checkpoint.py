"""Checkpoints of a state of three numbers: written with hashes, checked, and left when damaged."""

import dataclasses
import json
import shutil
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.config import CheckpointConfig
from ovseg_jax.foundation import trees
from ovseg_jax.training import checkpoint, frozen, integrity
from ovseg_jax.training.state import TrainState

CONFIG = CheckpointConfig(every_steps=2, keep=2)


def state(step, width=3, fixed=1.0):
    return TrainState(
        step=jnp.int32(step),
        trainable={"head": {"scale": jnp.full(width, float(step))}},
        frozen={"tower": {"kernel": jnp.full(4, fixed)}},
        optimizer=(jnp.full(width, step / 2),),
    )


def saved(workdir, *steps, config=CONFIG):
    """A run with checkpoints of some steps."""
    run = checkpoint.open_run(workdir, config, {"seed": 0})
    run.restore(state(0))
    for step in steps:
        run.save(state(step), step, position=step)
    run.wait()
    return workdir / "checkpoints"


def reopened(workdir, initial=None):
    return checkpoint.open_run(workdir, CONFIG, {}).restore(initial or state(0))


def same(left, right):
    for a, b in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        np.testing.assert_array_equal(a, b)


def test_each_checkpoint_appears_with_hashes_of_all_its_files(tmp_path):
    folder = saved(tmp_path, 2, 4, 6)
    assert integrity.saved_steps(folder) == [4, 6], "keep"
    assert [integrity.damage(folder / str(step)) for step in (4, 6)] == ["", ""]
    found, position = reopened(tmp_path)
    assert position == 6
    same(found, state(6))


@pytest.mark.parametrize(
    ("moments", "said"),
    [
        ({"mu": jnp.zeros(3), "nu": jnp.zeros(3)}, r"missing moments: 0/mu, 0/nu\n.*asks for: 0\b"),
        (jnp.zeros(4), "moments of another shape: 0"),
        (None, "moments that nothing asks for: 0"),
    ],
)
def test_moments_of_another_optimizer_are_refused_before_they_are_read(tmp_path, moments, said):
    """Orbax gives nothing for those that are missing, and leaves others unread."""
    saved(tmp_path, 2)
    with pytest.raises(checkpoint.CheckpointError, match=said) as caught:
        reopened(tmp_path, state(0).replace(optimizer=(moments,)))
    assert "checkpoint 2 does not fit this config" in str(caught.value)
    assert "`ovseg weights RUN OUT` and --init-from OUT" in str(caught.value)


def test_parameters_of_another_shape_are_refused_by_name(tmp_path):
    saved(tmp_path, 2)
    with pytest.raises(checkpoint.CheckpointError, match="shape of head/scale is "):
        reopened(tmp_path, state(0, width=4))


def test_every_so_many_steps_one_stays_for_ever(tmp_path):
    config = dataclasses.replace(CONFIG, keep=1, keep_every=4)
    assert integrity.saved_steps(saved(tmp_path, *range(1, 11), config=config)) == [4, 8, 10]


def test_the_best_stay_and_a_run_that_goes_on_knows_them(tmp_path):
    (tmp_path / "evaluations").mkdir()
    scores = {1: 0.2, 2: 0.9, 3: None, 4: 0.7, 5: 0.1, 6: 0.7}
    for step, score in scores.items():
        content = json.dumps({"scores": {"semantic/mIoU": score, "semantic/pACC": -step}})
        (tmp_path / "evaluations" / f"val_{step}.json").write_text(content)
    config = dataclasses.replace(CONFIG, keep=1, best="val/semantic/mIoU", keep_best=2)
    folder = saved(tmp_path, 1, 2, 3, 4, config=config)
    assert integrity.saved_steps(folder) == [2, 4]
    run = checkpoint.open_run(tmp_path, config, {})
    run.restore(state(0))
    for step in (5, 6, 7):
        run.save(state(step), step, position=step)
    run.wait()
    assert integrity.saved_steps(folder) == [2, 6, 7], "of equal scores the later"


def test_a_run_is_late_some_minutes_after_its_last_save(tmp_path, monkeypatch):
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    config = dataclasses.replace(CONFIG, every_minutes=10)
    run, never = (checkpoint.open_run(tmp_path, each, {}) for each in (config, CONFIG))
    now += 599
    assert not run.is_late()
    now += 2
    assert run.is_late() and not never.is_late()
    run.restore(state(0))
    run.save(state(3), 3, position=3)
    assert not run.is_late()
    run.wait()


def test_saving_goes_on_in_the_background_and_copies_first(tmp_path, monkeypatch):
    """What a step donates is gone at once; the checkpoint has it all the same."""
    write = integrity.write_hashes

    def slowly(folder):
        time.sleep(2)
        write(folder)

    monkeypatch.setattr(integrity, "write_hashes", slowly)
    run = checkpoint.open_run(tmp_path, CONFIG, {})
    current, _ = run.restore(state(0))
    step = jax.jit(lambda s: jax.tree.map(lambda x: x + 1, s), donate_argnums=0)
    current = step(current)
    began = time.monotonic()
    run.save(current, 2, position=2)
    current = step(current)
    assert time.monotonic() - began < 1.9
    assert integrity.saved_steps(tmp_path / "checkpoints") == [], "not before it is whole"
    run.wait()
    assert time.monotonic() - began > 2
    found, _ = reopened(tmp_path)
    np.testing.assert_array_equal(found.trainable["head"]["scale"], np.full(3, 1.0))


def test_what_fails_in_the_background_is_told_at_the_next_save(tmp_path, monkeypatch):
    def refuse(folder):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(integrity, "write_hashes", refuse)
    run = checkpoint.open_run(tmp_path, CONFIG, {})
    run.restore(state(0))
    run.save(state(2), 2, position=2)
    with pytest.raises(checkpoint.CheckpointError, match="No space left"):
        run.save(state(4), 4, position=4)


def test_only_what_moves_is_written_and_the_rest_is_named_by_its_hash(tmp_path):
    folder = saved(tmp_path, 2)
    names = {path.name for path in (folder / "2" / "state").iterdir()}
    stored = json.loads((folder / "2" / "data" / "metadata").read_text())
    assert stored["frozen"] == frozen.value_hash(state(0).frozen) != ""
    manifest = (folder / "2" / "state" / "_METADATA").read_text()
    assert "head" in manifest and "tower" not in manifest, names
    assert "tower" in (tmp_path / "frozen" / "_METADATA").read_text()


def test_altered_bytes_send_the_run_one_checkpoint_back_and_it_says_so(tmp_path, capsys):
    folder = saved(tmp_path, 2, 4)
    files = [path for path in (folder / "4" / "state").rglob("*") if path.is_file()]
    largest = max(files, key=lambda path: path.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[-64:] = bytes(64)
    largest.write_bytes(content)
    found, position = reopened(tmp_path)
    assert position == 2
    same(found, state(2))
    said = capsys.readouterr().err
    assert "checkpoint 4 is damaged" in said and "2 steps are lost" in said
    assert sorted(path.name for path in folder.iterdir()) == ["2", "damaged-4"]


def test_a_step_that_was_lost_can_be_saved_again(tmp_path):
    folder = saved(tmp_path, 2, 4)
    (folder / "4" / "commit_success.txt").unlink(
        missing_ok=True
    )  # Orbax 0.12 writes it, 0.11 does not
    shutil.rmtree(folder / "4" / "data")
    run = checkpoint.open_run(tmp_path, CONFIG, {})
    run.restore(state(0))
    run.save(state(4), 4, position=4)
    run.wait()
    assert integrity.newest_intact(folder) == (4, {})


def test_an_unfinished_save_is_cleared(tmp_path):
    folder = saved(tmp_path, 2)
    (folder / f"4{integrity.UNFINISHED}" / "state").mkdir(parents=True)
    assert reopened(tmp_path)[1] == 2
    assert [path.name for path in folder.iterdir()] == ["2"]


def test_parameters_of_another_shape_or_name_are_refused_by_name(tmp_path):
    saved(tmp_path, 2)
    with pytest.raises(checkpoint.CheckpointError, match=r"head/scale is \(3,\).* expects \(5,\)"):
        reopened(tmp_path, state(0, width=5))
    other = state(0).replace(trainable={"neck": {"scale": jnp.zeros(3)}})
    with pytest.raises(checkpoint.CheckpointError, match="missing neck/scale"):
        reopened(tmp_path, other)


def harm_frozen(workdir, how):
    files = [p for p in (workdir / "frozen").rglob("*") if p.is_file() and "/d/" in str(p)]
    if how == "emptied":
        shutil.rmtree(workdir / "frozen")
        (workdir / "frozen").mkdir()
        return
    for path in files:
        content = bytearray(path.read_bytes())
        content[len(content) // 2 :] = content[len(content) // 2 :][::-1]
        path.write_bytes(content)


@pytest.mark.parametrize("how", ["emptied", "altered"])
def test_a_damaged_frozen_part_is_written_again_where_it_can_be(tmp_path, capsys, how):
    saved(tmp_path, 2)
    harm_frozen(tmp_path, how)
    found, _ = reopened(tmp_path)
    same(found, state(2))
    assert "damaged-frozen" in capsys.readouterr().err
    assert trees.flatten(frozen.read(tmp_path, state(0).frozen)).keys() == {"tower/kernel"}


def test_other_initial_weights_do_not_stand_in_for_it(tmp_path):
    saved(tmp_path, 2)
    same(reopened(tmp_path, state(0, fixed=7.0))[0], state(2))  # what is stored counts
    harm_frozen(tmp_path, "emptied")
    with pytest.raises(frozen.FrozenError, match="not those that the run started from"):
        reopened(tmp_path, state(0, fixed=7.0))
    assert (tmp_path / "frozen").is_dir()
