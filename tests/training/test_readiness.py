"""`ovseg check`: what an experiment does and all that stands in its way, without computing."""

import dataclasses

import jax
import pytest

from configs import common
from ovseg_jax.cli import main
from ovseg_jax.config import DataConfig, LrFactor
from ovseg_jax.inputs.builders import DataError, load_builder
from ovseg_jax.inputs.found_files import check_files, split_names
from ovseg_jax.loading import build
from ovseg_jax.training import layout, ranges, shapes
from ovseg_jax.training.readiness import readiness

TOY = "configs/toy/mask_adapter.py"


@pytest.fixture(autouse=True)
def nothing_is_compiled(monkeypatch):
    """A check that computes would take minutes for a large model."""

    def compiled(*_, **__):
        raise AssertionError("something was compiled")

    monkeypatch.setattr("ovseg_jax.training.step.compile_step", compiled)
    monkeypatch.setattr("ovseg_jax.training.state.create", compiled)
    monkeypatch.setattr("ovseg_jax.inputs.datasets.load_builder", compiled)


def test_an_experiment_in_order(capsys):
    assert main.main(["check", TOY, "--devices", "8"]) == 0
    shown = capsys.readouterr().out
    for part in (
        "mask_adapter on convnext_toy",
        "toy_world48: 48 classes",
        "1 template",
        "16 images of 128 x 128, up to 12 segments each; 2 on each of 8 devices",
        "cosine: ",
        "traced; logs finite, gradient_norm, ",
        "nothing stands in the way",
    ):
        assert part in shown, part


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("optimizer.peak-lr", "0", "optimizer.peak_lr is 0.0; give a finite number above 0"),
        ("optimizer.end-lr", "-1", "optimizer.end_lr is -1.0; give 0 or more"),
        ("optimizer.warmup-steps", "-1", "optimizer.warmup_steps is -1"),
        ("optimizer.no-decay", "(", "optimizer.no_decay has '(', which is no regular expression"),
        ("optimizer.trainable", "(", "optimizer.trainable has '('"),
        ("data.fraction", "0", "data.fraction is 0.0; give a share"),
        ("data.pad-value", "999", "data.pad_value is 999; give 0 to 255"),
        ("evaluations.0.data.fraction", "-3", "evaluation 'test': data.fraction is -3.0"),
        ("model.method.num-maps", "0", "model.method.num_maps is 0; give a number above 0"),
        ("model.method.num-truth", "-1", "model.method.num_truth is -1"),
        ("model.method.class-weight", "nan", "model.method.class_weight is nan; give 0 or more"),
    ],
)
def test_values_out_of_range_are_told_by_their_field(capsys, option, value, said):
    assert main.main(["check", TOY, f"--{option}={value}"]) == 1
    shown = capsys.readouterr().out
    assert "1 problem:" in shown and said in shown


def test_scales_and_factors_have_their_ranges_too(tiny_config):
    factors = (LrFactor(pattern="adapter/.*", factor=-1.0), LrFactor(pattern="(", factor=1.0))
    optimizer = dataclasses.replace(tiny_config.optimizer, lr_factors=factors)
    data = dataclasses.replace(tiny_config.data, scale=(2.0, 0.1))
    config = dataclasses.replace(tiny_config, optimizer=optimizer, data=data)
    told = "\n".join(ranges.refusals(config))
    for part in ("data.scale goes from 2 to 0.1", "lr_factors.0.factor is -1", "1.pattern has '('"):
        assert part in told


def test_the_given_devices_decide_not_those_found_here(capsys):
    """Nor do they where a batch is taken in parts, or masks are shared out."""
    options = ["--step.accumulate", "2", "--data.batch-size"]
    assert main.main(["check", TOY, "--devices", "8", *options, "16"]) == 0
    assert main.main(["check", TOY, "--devices", "8", *options, "8"]) == 1
    assert "2 parts over 8 devices; use a multiple of 16" in capsys.readouterr().out
    masks = ["--mesh.masks", "4", "--step.accumulate", "2"]
    assert main.main(["check", TOY, *masks]) == 1
    assert "does not fill" in capsys.readouterr().out
    assert main.main(["check", TOY, "--devices", "8", *masks]) == 1
    shown = capsys.readouterr().out
    assert "8 on each of 2 groups of 4 devices" in shown and "does not encode" in shown


def test_all_problems_are_told_at_once(capsys):
    options = {
        "--devices": "3",
        "--data.vocabulary": "toy_wrld48",
        "--data.name": "toy_worl",
        "--init-from": "nowhere",
        "--optimizer.peak-lr": "-1",
        "--optimizer.clip-norm": "-1",
        "--step.accumulate": "0",
        "--seed": "99999999999999999999",
        "--evaluations.0.data.root": "nowhere_either",
        "--model.templates": "vild15",
    }
    assert main.main(["check", TOY, *(x for pair in options.items() for x in pair)]) == 1
    shown = capsys.readouterr().out
    for part in (
        "problems:",
        "16 images do not divide over 3 devices",
        "toy_wrld48",
        "perhaps you meant 'toy_world'",
        "nowhere does not exist",
        "optimizer.peak_lr",
        "optimizer.clip_norm is -1.0; give a number above 0",
        "step.accumulate is 0",
        "seed is 99999999999999999999; give a number from 0 to 4294967295",
        "nowhere_either; give that of toy_world",
        "vild15",
    ):
        assert part in shown, part


def test_a_split_that_prepared_records_lack_is_told(capsys, prepared):
    """Without records nobody knows the splits of a folder, and nothing is prepared to find out."""
    load_builder(DataConfig(name="toy_world", config="tiny", prepared=prepared))
    options = {
        "--data.config": "tiny",
        "--evaluations.0.data.config": "tiny",
        "--evaluations.0.data.prepared": prepared,
        "--evaluations.0.data.split": "validatoin",
    }
    assert main.main(["check", TOY, *(x for pair in options.items() for x in pair)]) == 1
    shown = capsys.readouterr().out
    assert "'validatoin' of toy_world" in shown and "known: " in shown


def test_options_that_are_no_fields_are_refused(capsys):
    with pytest.raises(SystemExit):
        main.main(["check", TOY, "--optimizer.peak-rl", "1"])
    assert "--optimizer.peak-lr" in capsys.readouterr().err


def test_a_published_set_without_a_folder_or_records(tmp_path):
    data = dataclasses.replace(common.coco_panoptic((64, 64), 8), prepared=str(tmp_path))
    with pytest.raises(DataError, match=r"no prepared records of coco_panoptic in .*--data.root"):
        check_files(data)
    (tmp_path / "coco_panoptic/full-0123/2.0.0").mkdir(parents=True)
    (tmp_path / "coco_panoptic/full-0123/2.0.0/dataset_info.json").touch()
    check_files(data)


def test_a_folder_that_is_no_whole_copy(tmp_path):
    data = DataConfig(name="coco_panoptic", root=str(tmp_path), split="validation[:9]")
    with pytest.raises(DataError, match="missing for validation: the photos .*val2017.*the list"):
        check_files(data)
    for folder in ("val2017", "annotations/panoptic_val2017"):
        (tmp_path / folder).mkdir(parents=True)
    with pytest.raises(DataError, match="the list .*panoptic_val2017.json"):
        check_files(data)
    (tmp_path / "annotations/panoptic_val2017.json").touch()
    check_files(data)
    with pytest.raises(DataError, match="no split 'test'; known: train, validation"):
        check_files(dataclasses.replace(data, split="test"))


def test_splits_of_an_expression():
    assert split_names("train[:9]+validation[5%:10%]") == ["train", "validation"]


def test_the_table_of_parameters_says_what_lies_on_a_device(tiny_config):
    mesh = jax.sharding.AbstractMesh((2, 4), ("data", "fsdp"))
    state, _ = shapes.state_shapes(tiny_config, build.method(tiny_config.model), mesh)
    lines = layout.described({"clip": state.frozen["clip"]}, state.optimizer)
    assert lines[0].split() == ["parameters", "count", "split", "MiB", "MiB", "on", "a", "device"]
    split = next(line.split() for line in lines if line.split()[2] == "fsdp")
    assert float(split[4]) == pytest.approx(float(split[3]) / 4, abs=0.06)


def test_readiness_needs_no_devices(tiny_config):
    facts, problems = readiness(tiny_config, 1)
    assert problems == [] and len(facts) > 8
