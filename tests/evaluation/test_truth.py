"""Crowds and overlapping objects, from the files on disk to the score."""

import functools
import importlib
import json
import os
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

pytest.importorskip("tensorflow_datasets")

from ovseg_jax.config import DataConfig, InferenceConfig
from ovseg_jax.evaluation.evaluator import Outcome, evaluate
from ovseg_jax.evaluation.instance import InstanceEvaluator, true_masks
from ovseg_jax.evaluation.panoptic import PanopticEvaluator
from ovseg_jax.evaluation.semantic import SemanticEvaluator
from ovseg_jax.foundation.typing import Batch, Proposals
from ovseg_jax.inference.postprocess.geometry import Frame
from ovseg_jax.inference.postprocess.panoptic import PanopticRules
from ovseg_jax.inputs.batches import frame_views, photo_views

ROOT = Path(__file__).parents[2]
REALSET = Path(os.environ.get("OVSEG_REALSET", ROOT.parent / "shared" / "realset"))
PERSON, CHAIR, FLOOR = 0, 1, 2
IS_THING = np.array([True, True, False])


def box(*corners):
    """A polygon around [top, left, bottom, right]."""
    top, left, bottom, right = corners
    return [[left, top, right, top, right, bottom, left, bottom]]


def instances_folder(folder, objects, size=(60, 80)):
    """A folder of one photo and a COCO instances file."""
    folder.mkdir()
    Image.fromarray(np.full((*size, 3), 90, np.uint8)).save(folder / "a.png")
    annotations = [
        {"id": n, "image_id": 1, "category_id": 7, "iscrowd": 0, **item}
        for n, item in enumerate(objects, start=1)
    ]
    content = {
        "images": [{"id": 1, "file_name": "a.png", "height": size[0], "width": size[1]}],
        "annotations": annotations,
        "categories": [{"id": 7, "name": "cat"}],
    }
    (folder / "instances.json").write_text(json.dumps(content))
    return DataConfig(
        name="photo_set",
        root=str(folder),
        prepared=str(folder / "records"),
        vocabulary="",
        image_size=size,
        batch_size=2,
        max_segments=4,
    )


def outcome_of(view, masks, classes, num_classes, **fields):
    """Predictions of one photo at the size of its truth, all of them certain."""
    sure = jax.nn.one_hot(jnp.asarray(classes, int), num_classes + 1)
    height, width = (int(side) for side in view.truth.sizes[0])
    frame = Frame(masks.shape[1:], masks.shape[1:], (height, width))
    return Outcome(
        batch=view.truth,
        proposals=Proposals(masks=jnp.asarray(masks)[None], valid=jnp.ones((1, len(masks)), bool)),
        log_probs=jnp.log(jnp.clip(sure, 1e-6))[None],
        mask_labels=jnp.full((1, len(masks)), -1),
        overlaps=view.overlaps,
        frame=frame,
        **fields,
    )


def perfect(view, num_classes):
    """The truth itself as predictions, crowds left out."""
    labels, crowds = np.asarray(view.truth.labels[0]), np.asarray(view.truth.crowds[0])
    ids = np.flatnonzero((labels >= 0) & ~crowds) + 1
    masks = true_masks(*jax.tree.map(lambda leaf: leaf[0], (view.truth, view.overlaps)), ids)
    height, width = (int(side) for side in view.truth.sizes[0])
    return outcome_of(view, masks[:, :height, :width], labels[ids - 1], num_classes)


def ap_of(data, predict, num_classes=1, things=None):
    evaluator = InstanceEvaluator(None, np.ones(num_classes, bool) if things is None else things)
    views = photo_views(data, InferenceConfig(short_side=64, long_side=96))
    return evaluate({"": evaluator}, predict, views)[0]["AP"]


def test_perfect_predictions_of_overlapping_objects_score_one(tmp_path):
    plate_on_table = [
        {"segmentation": box(0, 0, 50, 60)},
        {"segmentation": box(10, 10, 30, 40)},
        {"segmentation": box(10, 10, 30, 40)},  # hidden as a whole
    ]
    data = instances_folder(tmp_path / "photos", plate_on_table)
    assert ap_of(data, functools.partial(perfect, num_classes=1)) == pytest.approx(1.0)


def test_a_find_inside_a_crowd_is_no_false_alarm(tmp_path):
    crowd = [
        {"segmentation": box(0, 0, 20, 20)},
        {"segmentation": box(30, 0, 60, 80), "iscrowd": 1},
    ]
    data = instances_folder(tmp_path / "photos", crowd)

    def predict(view):
        masks = np.zeros((2, 60, 80), bool)
        masks[0, 35:45, 5:15], masks[1, :20, :20] = True, True
        return outcome_of(view, masks, [0, 0], 1)

    assert ap_of(data, predict) == pytest.approx(1.0)


def test_both_protocols_carry_crowds_and_hidden_objects(tmp_path):
    objects = [
        {"segmentation": box(0, 0, 60, 80), "iscrowd": 1},
        {"segmentation": box(0, 0, 40, 40)},
        {"segmentation": box(0, 0, 20, 20)},
    ]
    data = instances_folder(tmp_path / "photos", objects)
    (photo,) = photo_views(data, InferenceConfig(short_side=64, long_side=96))
    (frame,) = frame_views(data)
    for view in (photo, frame):
        assert view.truth.crowds[0].tolist() == [True, False, False, False]
        assert view.overlaps.ids[0].tolist() == [1, 2]
        assert view.overlaps.masks[0].sum((-2, -1)).tolist() == [60 * 80, 40 * 40]
    assert view.overlaps.masks.shape[0] == 2 and not view.overlaps.ids[1].any()
    ids, labels = frame.truth.truth  # what masks are taken from
    assert labels[0].tolist() == [-1, 0, 0, -1] and set(np.unique(ids)) == {1, 2, 3}


def test_more_segments_than_slots_get_more_slots(tmp_path):
    objects = [{"segmentation": box(5 * n, 0, 5 * n + 4, 9)} for n in range(6)]
    data = instances_folder(tmp_path / "photos", objects)
    (view,) = frame_views(data)
    assert view.truth.labels.shape == (2, 8)
    assert ap_of(data, functools.partial(perfect, num_classes=1)) == pytest.approx(1.0)


def panoptic_outcome(true_ids, labels, crowds, predicted, classes):
    size = true_ids.shape
    batch = Batch(
        images=np.zeros((1, *size, 3), np.uint8),
        sizes=np.array([size]),
        segment_ids=true_ids[None],
        labels=np.array([labels]),
        crowds=np.array([crowds]),
    )
    sure = jax.nn.one_hot(jnp.array(classes), 4) * 0.99 + 0.0025
    masks = predicted[None] == np.arange(1, len(classes) + 1)[:, None, None]
    return Outcome(
        batch=batch,
        proposals=Proposals(masks=jnp.asarray(masks)[None], valid=jnp.ones((1, len(masks)), bool)),
        log_probs=jnp.log(sure)[None],
        mask_labels=jnp.full((1, len(masks)), -1),
    )


@pytest.mark.parametrize(
    "name, quality",
    [
        ("a person and the crowd beside it in one prediction", 0.7632),
        ("a crowd of persons called a chair", 0.5),
        ("a crowd called a person", 1.0),
        ("no crowd", 1.0),
    ],
)
def test_crowds_count_as_panopticapi_counts_them(name, quality):
    true, predicted = np.ones((2, 100, 200), np.int32)
    true[50:], predicted[50:] = 2, 2
    labels, crowds, classes = [PERSON, FLOOR], [True, False], [PERSON, FLOOR]
    if name.startswith("a person"):
        true[:50], true[50:] = 0, 3
        true[:50, :20], true[:50, 20:38] = 1, 2
        predicted[:50, 38:] = 0
        labels, crowds = [PERSON, PERSON, FLOOR], [False, True, False]
    elif "chair" in name:
        classes = [CHAIR, FLOOR]
    elif name == "no crowd":
        crowds = [False, False]
    outcome = panoptic_outcome(true, labels, crowds, predicted, classes)
    evaluator = PanopticEvaluator(None, IS_THING, PanopticRules())
    table = evaluator.result(evaluator.update(evaluator.init(), outcome))
    assert table["PQ"] == pytest.approx(quality, abs=5e-5)
    pixels = SemanticEvaluator(None, IS_THING)
    matrix = pixels.update(pixels.init(), outcome)
    assert (
        matrix[:, PERSON].sum() == (np.isin(true, np.flatnonzero(np.array(labels) == 0) + 1)).sum()
    )


@pytest.mark.skipif(not REALSET.is_dir(), reason="no folder of real photos")
def test_the_truth_of_90_real_photos_scores_one(tmp_path):
    folder = tmp_path / "photos"
    shutil.copytree(REALSET, folder, ignore=shutil.ignore_patterns("proposals*"))
    presets = importlib.import_module("ovseg_jax.vocabulary.classes")
    classes = presets.load_preset("coco_things80")
    data = DataConfig(
        name="photo_set",
        config="coco128_instances",
        root=str(folder),
        prepared=str(tmp_path / "records"),
        vocabulary="coco_things80",
    )
    number = len(classes)
    score = ap_of(data, functools.partial(perfect, num_classes=number), number, classes.thing_mask)
    assert score == pytest.approx(1.0)
