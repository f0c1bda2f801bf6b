"""`ovseg data check` finds each fault of each set in each of its trees, by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

tfds = pytest.importorskip("tensorflow_datasets")

from planted import (  # noqa: E402
    DETECTRON2,
    FAULTS,
    Case,
    one_pixel,
    victim,
)

from data.ade20k import trees as ade20k  # noqa: E402
from data.ade20k_full import trees as ade20k_full  # noqa: E402
from data.checks import root  # noqa: E402
from data.checks.examine import examine  # noqa: E402
from data.cityscapes import trees as cityscapes  # noqa: E402
from data.coco_stuff.coco_stuff_dataset_builder import PREPARED  # noqa: E402
from data.mapillary import trees as mapillary  # noqa: E402
from data.pascal_voc import trees as pascal_voc  # noqa: E402

RAW = "raw labels where prepared ones are expected"
EIGHT, SIXTEEN, IDS, OBJECTS, COLOURS, MATLAB, CAPTIONS = FORMS = (
    "8 bits",
    "16 bits",
    "ids",
    "objects",
    "colours",
    "MATLAB",
    "captions",
)


def in_turn(labels: np.ndarray) -> np.ndarray:
    """Labels of all 171 prepared classes, so that those occur which no raw map has."""
    return (np.arange(labels.size) % 171).astype(np.uint8).reshape(labels.shape)


def raw(highest: int):
    """Labels that count from 1, with 0 for void, of which one is the highest."""
    return lambda labels: one_pixel(highest)(labels + 1)


def train_ids(labels: np.ndarray) -> np.ndarray:
    return np.where(labels == 1, 255, labels % 19).astype(np.uint8)


def label_ids(labels: np.ndarray) -> np.ndarray:
    return one_pixel(26)(np.where(labels == 255, 1, labels + 7).astype(np.uint8))


CASES = (
    Case("coco_panoptic", "full", IDS),
    Case("coco_stuff", "full", EIGHT, (in_turn, PREPARED.kind)),
    Case("coco_stuff", "full", EIGHT, (one_pixel(181), RAW), DETECTRON2),
    Case("coco_instances", "full", OBJECTS),
    Case("coco_captions", "full", CAPTIONS),
    Case("coco_captions", "with_objects", OBJECTS),
    Case("lvis", "full", OBJECTS),
    Case("ade20k", "semantic_train", EIGHT, (lambda x: x - 1, ade20k.FROM_0.kind)),
    Case("ade20k", "semantic", EIGHT, (raw(150), ade20k.FROM_1.kind), DETECTRON2),
    Case("ade20k", "panoptic", EIGHT, (lambda x: x - 1, ade20k.FROM_0.kind)),
    Case("ade20k", "panoptic", COLOURS, split="validation, instances"),
    Case("ade20k", "panoptic", IDS, folder=DETECTRON2),
    Case("ade20k", "instance", COLOURS, split="validation, instances"),
    Case("ade20k", "instance_train", OBJECTS, folder=DETECTRON2),
    Case("ade20k_full", "published", COLOURS),
    Case("ade20k_full", "original_train", COLOURS),
    Case("ade20k_full", "published", SIXTEEN, (raw(3000), ade20k_full.RAW.kind), DETECTRON2),
    Case("pascal_context", "context59", OBJECTS),
    Case("pascal_context", "context59", EIGHT, (raw(59), RAW), DETECTRON2),
    Case("pascal_context", "context59_mat", MATLAB),
    Case("pascal_context", "context459", MATLAB),
    Case("pascal_context", "context459_train", SIXTEEN, (raw(459), RAW), DETECTRON2),
    Case("pascal_voc", "pas20", EIGHT, (one_pixel(58), pascal_voc.CONTEXT.kind)),
    Case("pascal_voc", "pas21", EIGHT, (one_pixel(58), pascal_voc.CONTEXT.kind)),
    Case("pascal_voc", "pas20_train", EIGHT, (one_pixel(20), RAW), DETECTRON2),
    Case("pascal_voc", "pas21", EIGHT, (one_pixel(58), pascal_voc.CONTEXT.kind), DETECTRON2),
    Case(
        "cityscapes",
        "semantic",
        EIGHT,
        (lambda x: np.where(x == 1, 255, x % 19).astype(np.uint8), cityscapes.GIVEN_TRAIN_IDS.kind),
    ),
    Case("cityscapes", "panoptic_train", SIXTEEN),
    Case(
        "cityscapes",
        "semantic_train",
        EIGHT,
        (label_ids, cityscapes.GIVEN_LABEL_IDS.kind),
        DETECTRON2,
    ),
    Case("cityscapes", "panoptic", IDS, folder=DETECTRON2),
    Case("mapillary", "semantic", EIGHT, (one_pixel(100), mapillary.V2.kind)),
    Case("mapillary", "panoptic_train", IDS),
)
NO_LABEL_FILES = dict.fromkeys(
    ("missing_label", "in_colour", "as_jpeg", "out_of_range", "other_form"),
    "objects are outlines in a JSON file",
)
NO_LIST = dict.fromkeys(
    ("unlisted_id", "segment_without_pixel", "id_twice", "id_zero", "wrong_category"),
    "no list gives numbers a class",
)
NARROW = dict.fromkeys(("eight_bits", "cut_to_eight_bits"), "labels fit into what they are kept in")
CANNOT_BE = {
    EIGHT: NO_LIST | NARROW,
    SIXTEEN: NO_LIST,
    MATLAB: NO_LIST | NARROW | dict.fromkeys(("in_colour", "as_jpeg"), "no pictures"),
    COLOURS: NO_LIST | NARROW | {"other_form": "nobody writes another form"},
    IDS: NARROW | dict.fromkeys(("out_of_range", "other_form"), "any id may be a segment's"),
    OBJECTS: NO_LABEL_FILES
    | NARROW
    | dict.fromkeys(("unlisted_id", "segment_without_pixel", "id_twice", "id_zero"), "has no ids"),
    CAPTIONS: NO_LABEL_FILES
    | NARROW
    | NO_LIST
    | dict.fromkeys(("other_size", "stored_turned"), "nothing lies on the pixels of the photo"),
}
"""What cannot go wrong with such labels, and why."""
NOT_IN = {
    ("ade20k_full", COLOURS, "out_of_range"): "any number of the release is legal, most are void",
    ("pascal_context", MATLAB, "other_form"): "nobody writes another form",
    ("cityscapes", SIXTEEN, "other_form"): "nobody writes another form",
    ("cityscapes", SIXTEEN, "cut_to_eight_bits"): "255 is no class there, so it is out of range",
}
"""What cannot go wrong in one set alone. Made by a program and not checked: toy_world. Checked by
its reader, as its masks are run lengths in a list of ours: mined_pairs. With lists of their own,
in other tests: photo_set (`test_check.py`) and label_maps (below)."""


def possible():
    for case in CASES:
        for fault in FAULTS:
            reason = CANNOT_BE[case.form].get(fault.__name__) or NOT_IN.get(
                (case.name, case.form, fault.__name__)
            )
            if not reason:
                yield pytest.param(case, fault, id=f"{case}-{fault.__name__}")


@pytest.mark.parametrize(("case", "fault"), list(possible()))
def test_a_planted_fault_is_found_by_name(tmp_path, case, fault):
    place = case.copy(tmp_path / "above" / "set")
    kind, file = fault(victim(case, place))
    given = tmp_path if kind == root.OFF else place
    report = examine(case.name, given, case.config)
    found = [problem for problem in report.problems if problem.kind == kind]
    assert found and (file is None or file in {Path(problem.file).name for problem in found})
    if kind == root.OFF:
        assert f"give {place}" in found[0].advice
    if fault.__name__ == "stored_turned":
        assert "EXIF orientation is 6" in found[0].text
    notes = {"another_count", "segment_without_pixel"}
    if case.name == "coco_stuff" and case.folder == DETECTRON2:
        notes.add("missing_label")  # scripts leave out maps without a class
    if fault.__name__ not in notes:
        assert all(problem.fatal for problem in found)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_dummy_data_has_no_problem(tmp_path, case):
    report = examine(case.name, case.copy(tmp_path / "set"), case.config)
    assert not [problem for problem in report.problems if problem.fatal]
    assert all(read.photos for read in report.reads.values())
