"""Whole runs on unusual data: damaged, mixed, drawn at random, one batch."""

import dataclasses

import numpy as np
import pytest

from ovseg_jax.config import Config, MixedConfig
from ovseg_jax.foundation import trees
from ovseg_jax.foundation.errors import OvsegWarning
from ovseg_jax.inputs import reading
from ovseg_jax.inputs.datasets import DataError, open_split
from ovseg_jax.training import content, integrity, record
from ovseg_jax.training.changes import Change
from ovseg_jax.training.loop import train
from ovseg_jax.training.preflight import check_training
from ovseg_jax.training.problems import PreflightError


class Damaged:
    """A set in which the pictures of some records are cut off."""

    def __init__(self, source, numbers):
        self.source, self.numbers = source, set(numbers)

    def __len__(self):
        return len(self.source)

    def __getitem__(self, number):
        example = self.source[number]
        cut = {"image": example["image"][:90]} if number in self.numbers else {}
        return example | cut


def damage(monkeypatch, numbers):
    monkeypatch.setattr(reading, "open_split", lambda data: Damaged(open_split(data), numbers))


def with_data(config, **fields):
    return dataclasses.replace(config, data=dataclasses.replace(config.data, **fields))


def test_too_much_damage_ends_a_run_saved_and_mended_files_let_it_go_on(
    tiny_config, tmp_path, monkeypatch
):
    config = with_data(dataclasses.replace(tiny_config, num_steps=4), max_unreadable=2)
    with monkeypatch.context() as patch:
        damage(patch, [1, 5, 8])
        with (
            pytest.warns(OvsegWarning, match="cannot be read and is passed over"),
            pytest.raises(DataError, match="3 records cannot be read") as caught,
        ):
            train(config, tmp_path)
    assert str(caught.value).count("train_0") == 3
    assert max(integrity.saved_steps(tmp_path / "checkpoints")) in (1, 2)
    assert int(train(config, tmp_path).step) == 4


def test_little_damage_is_passed_over(tiny_config, tmp_path, monkeypatch):
    damage(monkeypatch, [1, 5])
    with pytest.warns(OvsegWarning, match="cannot be read and is passed over"):
        state = train(dataclasses.replace(tiny_config, num_steps=3), tmp_path)
    assert int(state.step) == 3


def test_a_run_on_random_pictures_reads_nothing(tiny_config, tmp_path, monkeypatch):
    config = with_data(tiny_config, name="synthetic", prepared="/nowhere", root="")
    monkeypatch.setattr(reading, "open_split", None)
    with pytest.warns(OvsegWarning, match="synthetic: the pictures are noise"):
        state = train(dataclasses.replace(config, num_steps=2), tmp_path)
    assert all(np.isfinite(leaf).all() for leaf in trees.flatten(state.trainable).values())
    assert content.content_of(config.data)["records"] == "synthetic"


def test_a_mixture_is_checked_and_remembered_by_all_of_its_sets(tiny_config, prepared, tmp_path):
    other = MixedConfig(
        name="toy_world", config="tiny", split="validation", prepared=prepared, weight=0.5
    )
    config = with_data(tiny_config, mixed_with=(other,))
    check_training(config)
    read = content.content_of(config.data)
    assert read["examples"] == len(open_split(config.data)) + len(
        open_split(dataclasses.replace(config.data, split="validation"))
    )
    assert read["records"].count("toy_world") == 2
    wrong = with_data(config, mixed_with=(dataclasses.replace(other, split="vaildation"),))
    with pytest.raises(PreflightError, match=r"data\.mixed_with\[0\]: data\.split: 'vaildation'"):
        check_training(wrong)
    with pytest.raises(DataError, match=r"data\.weight and those of data\.mixed_with"):
        check_training(with_data(config, weight=0.0))


def test_what_decides_nothing_about_the_stream_may_change():
    for field in ("data/mixed_with/0/root", "data/mixed_with/1/prepared", "data/workers"):
        assert record.reason(Change(field, 1, 2), Config())
    assert not record.reason(Change("data/mixed_with/0/weight", 1, 2), Config())
    assert not record.reason(Change("data/reuse_batch", False, True), Config())
