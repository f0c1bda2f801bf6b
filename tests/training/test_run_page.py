"""The page of a run: curves, the same photos over time, throughput, settings and protocol."""

import dataclasses
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ovseg_jax.cli.experiment import load_config
from ovseg_jax.disk.run_layout import NUMBERS, PAGE, SAMPLES
from ovseg_jax.training.curves import curve
from ovseg_jax.training.loop import train
from ovseg_jax.training.numbers import Numbers, noted_in, read_curves
from ovseg_jax.training.page import page
from ovseg_jax.training.samples import GAP, SIDE, read_samples


@pytest.fixture(scope="module")
def config(tiny_config):
    (item,) = load_config(Path("tests/training/tiny.py")).evaluations
    data = dataclasses.replace(item.data, prepared=tiny_config.data.prepared)
    item = dataclasses.replace(item, data=data, every_steps=6, metrics=("semantic",))
    return dataclasses.replace(tiny_config, num_steps=12, log_every=3, evaluations=(item,))


@pytest.fixture(scope="module")
def watched(config, tmp_path_factory):
    """The folder of a run, and what a terminal showed of it."""
    workdir, screen = tmp_path_factory.mktemp("runs") / "a <run>", io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stderr", screen)
        patch.setenv("COLUMNS", "100")
        train(config, workdir, progress="live")
    return workdir, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue())


@pytest.fixture(scope="module")
def run(watched):
    return watched[0]


def test_a_terminal_sees_states_numbers_and_a_table_per_evaluation(watched, config):
    _, shown = watched
    (item,) = config.evaluations
    for state in ("starting", "compiling the step", "training", f"evaluating {item.name}, "):
        assert f"now     {state}" in shown, state
    for number in (6, 12):
        assert len(re.findall(rf"{item.name}, step {number} of 12 *\n", shown)) == 1
    assert re.search(r"semantic mIoU +\d+\.\d\d .* [+-]\d+\.\d\d", shown), "compared with step 6"
    assert re.search(r"train   loss [\d.]+   lr [\d.e-]+   gradient_norm", shown)
    last = shown[shown.rindex("step    ") :]
    assert "12/12  100%" in last and "now" not in last


def test_tensorboard_shows_the_same_photos_over_time(run, config):
    events = EventAccumulator(str(run), size_guidance={"tensors": 0}).Reload()
    name = config.evaluations[0].name
    fixed, _ = read_samples(run, name)
    tags = [tag for tag in events.Tags()["tensors"] if tag.startswith(f"{name}/photos/")]
    assert tags == [f"{name}/photos/{n:02d} {photo['name']}" for n, photo in enumerate(fixed)]
    for tag in tags:
        pictures = [(each.step, each.tensor_proto.string_val) for each in events.Tensors(tag)]
        assert [step for step, _ in pictures] == [6, 12]
        width, height, data = pictures[-1][1]
        picture = Image.open(io.BytesIO(data))
        assert picture.size == (int(width), int(height)) and picture.mode == "RGB"
        photo, *_ = np.split(np.asarray(picture)[:, : -2 * GAP], 3, axis=1)
        assert photo.std() > 0 and max(photo.shape) <= SIDE


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


def test_shares_are_percentages_and_counts_are_not(config, tmp_path):
    name = config.evaluations[0].name
    with noted_in(tmp_path) as numbers:
        numbers.note(6, {f"{name}/mask_accuracy/masks": 4596.0, f"{name}/semantic/mIoU": 0.5})
    text = page(tmp_path, config, 6)
    assert ">4,596<" in text and "459600" not in text and ">50.00<" in text


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
