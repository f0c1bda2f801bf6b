"""Each of the four methods learns on real photos, then segments one of them and is evaluated."""

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ovseg_jax.cli.experiment import load_config
from ovseg_jax.cli.main import main
from ovseg_jax.config import DataConfig, EvaluationConfig, InferenceConfig
from ovseg_jax.masks.read import MaskFiles
from ovseg_jax.training.loop import train
from ovseg_jax.training.report import TrainingReport
from ovseg_jax.vocabulary.classes import load_preset

ROOT = Path(__file__).parents[2]
REALSET = Path(os.environ.get("OVSEG_REALSET", ROOT.parent / "shared" / "realset"))
PROPOSALS, PHOTO = REALSET / "proposals.json", REALSET / "images" / "coco128_000000000009.jpg"
WORDS, STEPS, SIDE = "coco_things80", 12, 96
RATES = {"mask_adapter": 2e-3, "maskclippp": 5e-3, "ovseg": 1e-3, "fisa": 2e-3}
"""Learning rates at which so few steps show."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not PROPOSALS.exists(), reason="the realset folder (OVSEG_REALSET) is not here"
    ),
]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Where the photos are prepared once for all methods."""
    return str(tmp_path_factory.mktemp("prepared"))


def experiment(name, prepared):
    """The method's toy experiment on four real photos instead, all of them in every batch."""
    config = load_config(ROOT / "configs" / "toy" / f"{name}.py")
    data = DataConfig(
        name="photo_set",
        config="coco128_instances",
        split="train[:4]",
        root=str(REALSET),
        prepared=prepared,
        vocabulary=WORDS,
        image_size=(SIDE, SIDE),
        batch_size=4,
        max_segments=16,
        scale=(1.0, 1.0),
        flip=False,
        pad_value=-1,
        min_area=0.01,
        shuffle=False,
    )
    inference = InferenceConfig(short_side=SIDE, long_side=SIDE)
    model = dataclasses.replace(config.model, inference=inference, train_vocabulary=WORDS)
    trainable = config.optimizer.trainable
    if name == "ovseg":  # prompts and tower together
        trainable = (*trainable, r"clip/visual/.*")
    optimizer = dataclasses.replace(
        config.optimizer, peak_lr=RATES[name], warmup_steps=0, trainable=trainable
    )
    metrics = ("mask_accuracy", "semantic", "panoptic")
    return dataclasses.replace(
        config,
        model=model,
        data=data,
        optimizer=optimizer,
        evaluations=(EvaluationConfig(name="photos", data=data, metrics=metrics),),
        num_steps=STEPS,
        log_every=1,
    )


@pytest.fixture(scope="module", params=sorted(RATES))
def run(request, prepared, tmp_path_factory):
    """A trained run and the loss of each of its steps."""
    folder, losses = tmp_path_factory.mktemp(request.param) / "run", []
    scalars = TrainingReport.scalars

    def noting(report, number, metrics):
        losses.append(float(metrics["loss"]))
        return scalars(report, number, metrics)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingReport, "scalars", noting)
        patch.chdir(ROOT)
        train(experiment(request.param, prepared), folder)
    return request.param, folder, losses


def test_the_loss_is_finite_and_falls(run):
    _, _, losses = run
    assert len(losses) == STEPS and np.isfinite(losses).all()
    assert np.mean(losses[-3:]) < 0.97 * np.mean(losses[:3]), losses


def test_evaluate_scores_what_the_run_scored(run):
    name, folder, _ = run
    assert main(["evaluate", str(folder)]) == 0
    report = json.loads((folder / "evaluations" / "photos.json").read_text())
    at_the_end = json.loads((folder / "evaluations" / f"photos_{STEPS}.json").read_text())
    assert report["scores"] == pytest.approx(at_the_end["scores"], abs=1e-6, nan_ok=True)
    assert report["protocol"]["images"] == 4 and report["protocol"]["method"] == name
    assert 0 <= report["scores"]["mask_accuracy/class_accuracy"] <= 1


def test_segment_paints_along_the_proposals(run):
    _, folder, _ = run
    out = folder.parent / "out"
    options = ["--model", str(folder), "--masks", str(PROPOSALS), "--vocab-preset", WORDS]
    assert main(["segment", str(PHOTO), *options, "--out", str(out)]) == 0
    labels = np.asarray(Image.open(out / f"{PHOTO.stem}_labels.png"))
    masks = MaskFiles(PROPOSALS).read(PHOTO.name, *labels.shape).masks
    covered = masks.any(0)
    assert 0.3 < covered.mean() <= 1
    assert ((labels > 0) == covered).mean() > 0.99
    assert labels.max() <= len(load_preset(WORDS))
    found = json.loads((out / f"{PHOTO.stem}.json").read_text())["masks"]
    assert len(found) == len(masks) and all(0 <= entry["score"] <= 1 for entry in found)
    overlay = Image.open(out / f"{PHOTO.stem}_overlay.png")
    assert overlay.size[0] >= labels.shape[1] and overlay.size[1] >= labels.shape[0]
