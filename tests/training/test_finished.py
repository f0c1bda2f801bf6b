"""A finished run says so from its files alone."""

import json
import subprocess
import sys

import pytest

from ovseg_jax.config import Config, EvaluationConfig
from ovseg_jax.disk.folders import write_folder
from ovseg_jax.training import finished, record

CONFIG = Config(evaluations=(EvaluationConfig(name="val"),), num_steps=40)


@pytest.fixture
def workdir(tmp_path):
    record.write(tmp_path, CONFIG, [], 0)
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "report.json").write_text(json.dumps({finished.STEP: 40}))
    (tmp_path / "evaluations").mkdir()
    (tmp_path / "evaluations" / "val_40.json").write_text("{}")
    return tmp_path


def test_weights_of_the_last_step_and_all_scores_make_a_finished_run(workdir):
    assert "is finished: 40 steps" in finished.summary(workdir, CONFIG)
    (workdir / "evaluations" / "val_40.json").unlink()
    assert not finished.summary(workdir, CONFIG)


def test_weights_of_another_step_do_not(workdir):
    (workdir / "weights" / "report.json").write_text(json.dumps({finished.STEP: 20}))
    assert not finished.summary(workdir, CONFIG)
    (workdir / "weights" / "report.json").write_text("[]")
    assert not finished.summary(workdir, CONFIG)


@pytest.fixture
def weights(workdir):
    """The final weights as a run writes them, with their journal."""
    folder = workdir / "weights"
    (folder / "report.json").unlink()
    contents = {"config.json": "{}", "report.json": json.dumps({finished.STEP: 40}), "a.bin": "ab"}

    def write(new):
        for name, text in contents.items():
            (new / name).write_text(text)

    write_folder(folder, list(contents), "weights", write)
    return folder


@pytest.mark.parametrize("name", ["config.json", "a.bin"])
def test_weights_of_which_a_file_is_gone_are_to_be_written_again(workdir, weights, name):
    assert finished.summary(workdir, CONFIG)
    (weights / name).unlink()
    assert not finished.summary(workdir, CONFIG)


def test_weights_that_were_altered_are_not_called_finished(workdir, weights):
    (weights / "config.json").write_text('{"templates": "vild14"}')  # as the guide to weights says
    assert finished.summary(workdir, CONFIG)
    (weights / "a.bin").write_text("a")
    with pytest.raises(finished.DamagedWeightsError, match=r"a\.bin was altered .*move it away"):
        finished.summary(workdir, CONFIG)


def test_the_command_asks_before_it_imports_anything_heavy(workdir):
    program = f"""
import sys
from pathlib import Path
from argparse import Namespace
from ovseg_jax.cli.train import _train
from ovseg_jax.disk.configs_io import read_json
from ovseg_jax.config import Config
place = Path({str(workdir)!r})
arguments = Namespace(workdir=place, resume_anyway=False)
assert _train(read_json(Config, place / "config.json"), arguments) == 0
assert not {{"jax", "tensorflow", "orbax"}} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert str(workdir / "weights") in done.stdout
