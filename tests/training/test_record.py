"""A run's record: written once, later changes with their step, other runs refused by field."""

import dataclasses
import json

import pytest

from ovseg_jax.config import (
    CheckpointConfig,
    Config,
    DataConfig,
    EvaluationConfig,
    LrFactor,
    MaskAdapterConfig,
    ModelConfig,
    OptimizerConfig,
)
from ovseg_jax.training import record
from ovseg_jax.training.changes import Change, fields_of

BASE = Config(
    model=ModelConfig(method=MaskAdapterConfig(width=64)),
    data=DataConfig(name="toy_world"),
    optimizer=OptimizerConfig(peak_lr=1e-3),
    evaluations=(EvaluationConfig(name="val"),),
    num_steps=100,
)


@pytest.fixture
def workdir(tmp_path):
    """A run that was stopped behind step 20."""
    record.write(tmp_path, BASE, [], 0)
    (tmp_path / "checkpoints" / "20").mkdir(parents=True)
    return tmp_path


def changed(path, value, config=BASE):
    """The config with one field replaced, named as options name it."""
    head, _, rest = path.partition(".")
    if not rest:
        return dataclasses.replace(config, **{head: value})
    return dataclasses.replace(config, **{head: changed(rest, value, getattr(config, head))})


REFUSED = {
    "model.method.width": 32,
    "model.clip.variant": "vit_toy",
    "data.name": "toy_wrold",
    "data.batch_size": 3,
    "optimizer.peak_lr": 5e-3,
    "optimizer.no_decay": (".*",),
    "seed": 3,
    "num_steps": 200,
}
TAKEN = {
    "log_every": 7,
    "checkpoint": CheckpointConfig(every_steps=3, keep=9),
    "evaluations": (),
    "mesh.fsdp": 2,
    "step.accumulate": 4,
    "step.remat": "full",
    "data.prepared": "/scratch",
    "data.root": "/moved",
    "init_from": "weights/moved",
    "model.inference.short_side": 77,
}


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("field", REFUSED)
def test_what_changes_the_model_or_the_stream_is_refused_by_name(workdir, field):
    before = files(workdir)
    asked = changed(field, REFUSED[field])
    with pytest.raises(record.RecordError) as caught:
        record.accepted_changes(workdir, asked)
    assert f"{field}: " in str(caught.value) and "--resume-anyway" in str(caught.value)
    assert files(workdir) == before
    taken = record.accepted_changes(workdir, asked, anyway=True)
    assert [item.field.replace("/", ".") for item in taken] == [field]


@pytest.mark.parametrize("field", TAKEN)
def test_harmless_fields_are_taken_with_a_reason_and_noted_once(workdir, field):
    asked, written = changed(field, TAKEN[field]), (workdir / "config.json").read_bytes()
    changes = record.accepted_changes(workdir, asked)
    assert changes and all(record.reason(item, asked) for item in changes)
    record.write(workdir, asked, changes, 20)
    assert (workdir / "config.json").read_bytes() == written, "a record is written once"
    lines = [json.loads(line) for line in (workdir / "changes.jsonl").read_text().splitlines()]
    assert {line["step"] for line in lines} == {20}
    assert record.read_config(workdir) == asked
    assert record.accepted_changes(workdir, asked) == [], "known by now"
    back = record.accepted_changes(workdir, BASE)
    assert {item.field for item in back} == {item.field for item in changes}


def test_every_field_outside_of_the_table_is_refused(workdir):
    """A field that somebody adds to the schema binds a run until the table says otherwise."""
    fields = fields_of(record.to_dict(BASE))
    harmless = [f for f in fields if record.reason(Change(f, 0, 1), BASE)]
    sections = {field.partition("/")[0] for field in harmless}
    known = {"log_every", "checkpoint", "evaluations", "mesh", "step", "data"}
    assert sections <= known | {"init_from", "init_parts", "init_missing", "model"}
    assert all(f.startswith("model/inference/") for f in harmless if f.startswith("model/"))


def test_a_longer_run_is_harmless_where_the_schedule_has_no_end(tmp_path):
    steady = changed("optimizer.schedule", "constant")
    record.write(tmp_path, steady, [], 0)
    (tmp_path / "checkpoints" / "20").mkdir(parents=True)
    longer = changed("num_steps", 200, steady)
    assert [str(c) for c in record.accepted_changes(tmp_path, longer)] == ["num_steps: 100 -> 200"]
    with pytest.raises(record.RecordError, match="has done 20"):
        record.check_length(changed("num_steps", 10), 20)


def test_before_the_first_checkpoint_no_record_binds(tmp_path):
    record.write(tmp_path, BASE, [], 0)
    corrected = changed("data.name", "photo_set")
    assert record.accepted_changes(tmp_path, corrected) == []
    record.write(tmp_path, corrected, [], 0)
    assert record.read_config(tmp_path) == corrected


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("optimizer.rule", "muon", 'optimizer.rule: "adamw" -> "muon"'),
        ("optimizer.trainable", (".*",), 'optimizer.trainable: ["adapter/'),
        (
            "optimizer.lr_factors",
            (LrFactor(pattern="adapter/.*", factor=0.1),),
            "optimizer.lr_factors.0.factor",
        ),
    ],
)
def test_moments_of_another_optimizer_are_refused_even_then(workdir, field, value, said):
    with pytest.raises(record.RecordError) as caught:
        record.accepted_changes(workdir, changed(field, value), anyway=True)
    assert said in str(caught.value) and "--init-from OUT" in str(caught.value)
    assert "--resume-anyway" not in str(caught.value) and "[]" not in str(caught.value)


def test_muon_tells_its_matrices_by_what_does_not_decay(tmp_path):
    by_muon = changed("optimizer.rule", "muon")
    record.write(tmp_path, by_muon, [], 0)
    (tmp_path / "checkpoints" / "20").mkdir(parents=True)
    with pytest.raises(record.RecordError, match="moments of another optimizer"):
        asked = changed("optimizer.no_decay", (), by_muon)
        record.accepted_changes(tmp_path, asked, anyway=True)


def test_another_factor_keeps_the_moments(tmp_path):
    record.write(
        tmp_path, changed("optimizer.lr_factors", (LrFactor(pattern="a", factor=0.1),)), [], 0
    )
    (tmp_path / "checkpoints" / "20").mkdir(parents=True)
    asked = changed(
        "optimizer.lr_factors",
        (LrFactor(pattern="a", factor=0.2), LrFactor(pattern="b", factor=0.1)),
    )
    assert len(record.accepted_changes(tmp_path, asked, anyway=True)) == 3


def test_several_fields_are_listed_together(workdir):
    asked = changed("seed", 5, changed("optimizer.peak_lr", 1.0, changed("log_every", 3)))
    with pytest.raises(record.RecordError) as caught:
        record.accepted_changes(workdir, asked)
    assert "seed: 0 -> 5" in str(caught.value)
    assert "optimizer.peak_lr: 0.001 -> 1.0" in str(caught.value)
    assert "log_every" not in str(caught.value), "harmless ones need no decision"
