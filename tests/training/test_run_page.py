"""The page of a run: curves, the same photos over time, throughput, settings and protocol."""

import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest

from ovseg_jax.cli.experiment import load_config
from ovseg_jax.disk.run_layout import NUMBERS, PAGE, SAMPLES
from ovseg_jax.training.curves import curve
from ovseg_jax.training.loop import train
from ovseg_jax.training.numbers import Numbers, noted_in, read_curves
from ovseg_jax.training.page import page
from ovseg_jax.training.samples import read_samples


@pytest.fixture(scope="module")
def config(tiny_config):
    (item,) = load_config(Path("tests/training/tiny.py")).evaluations
    data = dataclasses.replace(item.data, prepared=tiny_config.data.prepared)
    item = dataclasses.replace(item, data=data, every_steps=6, metrics=("semantic",))
    return dataclasses.replace(tiny_config, num_steps=12, log_every=3, evaluations=(item,))


@pytest.fixture(scope="module")
def run(config, tmp_path_factory):
    workdir = tmp_path_factory.mktemp("runs") / "a <run>"
    train(config, workdir)
    return workdir


def test_the_page_shows_what_a_run_did_and_needs_nothing_else(run, config):
    text = (run / PAGE).read_text()
    name = config.evaluations[0].name
    for part in (
        "a &lt;run&gt;",
        "<title>loss: ",
        "<title>seconds_per_step: ",
        f"<title>{name}/semantic/mIoU: ",
        "evaluation, s",
        "The same photos over time",
        "optimizer.peak_lr",
        "class file hash",
        "step 6",
        "step 12",
    ):
        assert part in text, part
    assert not re.search(r"https?://|src=\"(?!data:)|<script|<link", text)


def test_the_same_photos_come_back_in_their_order(run, config):
    fixed, answers = read_samples(run, config.evaluations[0].name)
    assert list(answers) == [6, 12] and len(fixed) > 1
    assert len({photo["name"] for photo in fixed}) == len(fixed) <= 10
    for content in answers.values():
        assert len(content["answers"]) == len(fixed)
        assert all(each["picture"].startswith("data:image/jpeg") for each in content["answers"])
    assert {path.suffix for path in (run / SAMPLES).iterdir()} == {".json"}


def test_numbers_are_lines_of_json_and_the_last_of_a_step_counts(run, tmp_path):
    lines = [json.loads(line) for line in (run / NUMBERS).read_text().splitlines()]
    assert [line["step"] for line in lines if "train/loss" in line] == [3, 6, 9, 12]
    curves = read_curves(run)
    assert [step for step, _ in curves["train/loss"]] == [3, 6, 9, 12]

    with noted_in(tmp_path) as numbers:
        for step, value in ((1, 5.0), (2, 4.0), (3, 9.0)):
            numbers.note(step, {"train/loss": value, "train/odd": np.nan})
    with noted_in(tmp_path) as numbers:  # killed behind 3, goes on from 2
        numbers.note(3, {"train/loss": 3.0})
    assert read_curves(tmp_path) == {"train/loss": [(1, 5.0), (2, 4.0), (3, 3.0)]}
    Numbers(None).note(1, {"a": 1.0})


def test_a_page_without_numbers_pictures_or_scores_is_a_page(config, tmp_path):
    text = page(tmp_path, config, 0)
    assert "Settings" in text and "Objective" not in text and "Evaluation" not in text


def test_damaged_pictures_are_left_out(config, tmp_path):
    (tmp_path / SAMPLES).mkdir()
    name = config.evaluations[0].name
    (tmp_path / SAMPLES / f"{name}.json").write_text("{")
    (tmp_path / SAMPLES / f"{name}_2.json").write_text("[]")
    assert read_samples(tmp_path, name)[0] == [] and "samples" in page(tmp_path, config, 2)


@pytest.mark.parametrize(
    "points", [[(0, 1.0)], [(0, 2.0), (5, 2.0)], [(n, n) for n in range(5000)]]
)
def test_any_curve_can_be_drawn(points):
    drawn = curve("x < y", points)
    assert "x &lt; y" in drawn and "nan" not in drawn
    assert drawn.split('points="')[1].split('"')[0].count(",") <= 601
