"""`ovseg train` and `ovseg evaluate`: config files, overrides, and what they refuse."""

import json

import numpy as np
import pytest

from ovseg_jax import config as schema
from ovseg_jax.cli import evaluate, train
from ovseg_jax.cli.errors import UsageError
from ovseg_jax.cli.experiment import load_config, override
from ovseg_jax.cli.main import main
from ovseg_jax.disk.configs_io import to_dict
from ovseg_jax.evaluation import suite
from ovseg_jax.evaluation.report.files import ENDINGS
from ovseg_jax.evaluation.result import Result
from tests.evaluation.test_protocol import CARD

FILE = """
from configs import shared_by_experiments
from ovseg_jax.config import Config, EvaluationConfig

def get_config():
    return Config(num_steps=shared_by_experiments.STEPS, evaluations=(
        EvaluationConfig(name="first"), EvaluationConfig(name="second")))
"""


@pytest.fixture
def experiment(tmp_path, monkeypatch):
    """A config file in a `configs` folder of its own, which imports a neighbour."""
    folder = tmp_path / "configs" / "family"
    folder.mkdir(parents=True)
    (tmp_path / "configs" / "shared_by_experiments.py").write_text("STEPS = 7")
    (folder / "a.py").write_text(FILE)
    for name in ("configs", "configs.shared_by_experiments"):
        monkeypatch.delitem(__import__("sys").modules, name, raising=False)
    monkeypatch.setattr("sys.path", list(__import__("sys").path))
    return folder / "a.py"


def test_a_config_file_may_import_its_neighbours(experiment):
    assert load_config(experiment).num_steps == 7


def test_single_fields_are_overridden(experiment):
    options = ["--optimizer.peak-lr", "3e-4", "--model.method.num-maps", "2"]
    options += ["--data.image-size", "64", "96"]
    changed = override(load_config(experiment), options, "train")
    assert changed.optimizer.peak_lr == 3e-4 and changed.data.image_size == (64, 96)
    assert changed.model.method.num_maps == 2 and changed.num_steps == 7
    assert [item.name for item in changed.evaluations] == ["first", "second"]


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("--optimizer.peak-rl", "--optimizer.peak-lr"), ("--num-step", "--num-steps")],
)
def test_a_misspelt_field_names_the_right_one(experiment, capsys, wrong, right):
    with pytest.raises(SystemExit) as error:
        override(load_config(experiment), [wrong, "1"], "train")
    assert error.value.code == 2
    assert right in capsys.readouterr().err


def test_a_value_of_the_wrong_type_is_refused(experiment, capsys):
    with pytest.raises(SystemExit) as error:
        override(load_config(experiment), ["--num-steps", "many"], "train")
    assert error.value.code == 2 and "--num-steps" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.py", None, "no such config file"),
        ("a.txt", "", "is no config file"),
        ("a.py", "x = 1", "defines no get_config"),
        ("a.py", "def get_config(): return {}", "returned a dict, not a Config"),
    ],
)
def test_files_that_are_no_config_are_explained(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(UsageError, match=message):
        load_config(tmp_path / name)


def test_train_passes_config_and_workdir_on(experiment, tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(
        "ovseg_jax.training.loop.train", lambda *given, **options: calls.append(given)
    )
    arguments = [str(experiment), "--workdir", str(tmp_path / "run"), "--seed", "5"]
    assert main(["train", *arguments]) == 0
    with pytest.raises(SystemExit) as end:
        train.main(arguments)
    assert end.value.code == 0
    for config, workdir in calls:
        assert (config.seed, config.num_steps) == (5, 7) and workdir == tmp_path / "run"
    assert len(calls) == 2


def test_train_needs_a_workdir(experiment, capsys):
    assert main(["train", str(experiment)]) == 2
    assert "--workdir" in capsys.readouterr().err
    assert main(["train"]) == 2


def test_help_after_a_config_lists_its_fields(experiment, capsys):
    with pytest.raises(SystemExit) as end:
        main(["train", str(experiment), "--help"])
    assert end.value.code == 0
    assert "--optimizer.peak-lr" in capsys.readouterr().out


@pytest.fixture
def fake_suite(monkeypatch):
    """Evaluations without their data."""
    monkeypatch.setattr(suite, "Suite", FakeSuite)
    monkeypatch.setattr("ovseg_jax.training.preflight.check_evaluations", lambda *given: None)


class FakeSuite:
    """Stands in for an evaluation: its data is not needed here."""

    def __init__(self, item, model, method):
        self.item = item

    def score(self, params, name, on_batch=None, *, by_photo=False, journal=None):
        on_batch(800)
        rows = {"semantic/IoU": np.array([0.5, np.nan])}
        return Result(table={"semantic/mIoU": 0.5}, card=CARD, names=("cat", "<dog>"), rows=rows)


def test_evaluate_prints_and_stores_scores_with_their_protocol(
    weights, experiment, tmp_path, fake_suite, capsys
):
    options = ["--config", str(experiment), "--suite", "second", "--out", str(tmp_path / "o")]
    assert main(["evaluate", str(weights), *options]) == 0
    out = capsys.readouterr().out
    assert "50.00" in out and "class file hash" in out
    stored = json.loads((tmp_path / "o" / "second.json").read_text())
    assert stored["scores"] == {"semantic/mIoU": 0.5} and "protocol" in stored
    assert stored["classes"] == {"cat": {"semantic/IoU": 0.5}, "<dog>": {"semantic/IoU": None}}
    names = {path.name for path in (tmp_path / "o").iterdir()} - {".ovseg"}
    assert names == {f"second{ending}" for ending in ENDINGS}


def test_a_run_needs_no_config_file(weights, tmp_path, fake_suite):
    run = tmp_path / "run"
    run.mkdir()
    (run / "weights").symlink_to(weights)
    stored = schema.Config(evaluations=(schema.EvaluationConfig(name="only"),))
    (run / "config.json").write_text(json.dumps(to_dict(stored)))
    with pytest.raises(SystemExit) as end:
        evaluate.main([str(run)])
    assert end.value.code == 0 and (run / "evaluations" / "only.json").exists()


def test_evaluate_refuses_what_says_not_what_to_evaluate(weights, experiment, capsys):
    assert main(["evaluate", str(weights)]) == 2
    assert "add --config" in capsys.readouterr().err
    assert main(["evaluate", str(weights), "--config", str(experiment), "--suite", "x"]) == 2
    assert "first, second" in capsys.readouterr().err


def test_initial_weights_may_be_called_by_the_name_of_a_published_file(
    experiment, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("OVSEG_CACHE", str(tmp_path / "cache"))
    command = ["train", str(experiment), "--workdir", str(tmp_path / "run")]
    assert main([*command, "--init-from", "fcclip_convnext_large"]) == 2
    assert "`ovseg get fcclip_convnext_large`" in capsys.readouterr().err
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert main([*command, "--init-from", "hf:me/mine"]) == 2
    assert "hf:me/mine is not here" in capsys.readouterr().err and not (tmp_path / "run").exists()
