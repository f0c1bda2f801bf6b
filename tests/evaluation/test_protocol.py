"""The protocol card travels with every score."""

import dataclasses
import json
import math

import numpy as np
import pytest

from ovseg_jax.config import InferenceConfig
from ovseg_jax.evaluation.protocol import (
    ProtocolCard,
    describe_resize,
    report,
    to_json,
)
from ovseg_jax.inference.ensemble import MethodAlone
from ovseg_jax.ops.images.network_input import prepare

CARD = ProtocolCard(
    dataset="toy_world/full test",
    images=800,
    resize=describe_resize(InferenceConfig(), 32),
    mask_source="ground truth",
    method="mask_adapter",
    ensemble=MethodAlone().describe(32, 16),
    templates="vild14",
    num_templates=14,
    class_file="toy_world48",
    class_file_hash="0123456789abcdef",
    num_classes=48,
    num_names=60,
    num_seen=32,
    train_vocabulary="toy_world_seen32",
    miou="absent_dropped",
    thresholds="object 0.0, overlap 0.8",
    weights="abc",
    dtype="float32",
    version="0.1",
)
SCORES = {"semantic/mIoU": 0.51234, "semantic/mIoU/unseen": math.nan, "masks/masks": 4321.0}


def test_the_report_shows_scores_in_percent_and_every_field_of_the_card():
    text = report(CARD, SCORES)
    assert "51.23" in text and "4321" in text
    for name, value in dataclasses.asdict(CARD).items():
        assert name.replace("_", " ") in text and str(value) in text


def test_groups_stand_in_rows_and_metrics_in_columns():
    lines = report(CARD, SCORES | {"semantic/pACC": 0.7}).splitlines()
    assert lines[0].split() == ["semantic", "mIoU", "pACC"]
    assert lines[1].split() == ["all", "51.23", "70.00"]
    assert lines[2].split() == ["unseen", "-"]
    assert lines[4].split() == ["masks", "masks"] and lines[5].split() == ["all", "4321"]


def test_the_json_is_valid_and_complete():
    stored = json.loads(to_json(CARD, SCORES))
    assert stored["scores"] == SCORES | {"semantic/mIoU/unseen": None}
    assert stored["protocol"] == dataclasses.asdict(CARD) and "classes" not in stored


def test_the_json_has_the_numbers_of_each_class():
    stored = json.loads(
        to_json(CARD, SCORES, {"dog": {"semantic/IoU": 0.5, "panoptic/PQ": math.nan}})
    )
    assert stored["classes"] == {"dog": {"semantic/IoU": 0.5, "panoptic/PQ": None}}
    assert stored["scores"].keys() == SCORES.keys()


def test_the_resize_rule_is_said_in_words():
    assert "896" in describe_resize(InferenceConfig(), 32)
    assert "not resized" in describe_resize(InferenceConfig(short_side=0), 32)
    assert "96 x 96" in describe_resize(InferenceConfig(), 32, fixed=(96, 96))


@pytest.mark.parametrize("stride", [8, 14, 16, 32])
def test_the_padding_is_that_of_the_frames(stride):
    photo = np.zeros((50, 70, 3), np.uint8)
    height, width = prepare(photo, 0, 0, stride).frame.shape[:2]
    said = int(describe_resize(InferenceConfig(), stride).rsplit(" ", 1)[1])
    assert (height, width) == (-(-50 // said) * said, -(-70 // said) * said)
    assert said == 28 if stride == 14 else said == 32
