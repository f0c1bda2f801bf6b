"""The flat table laid out for terminals and for Markdown."""

import math

import numpy as np

from ovseg_jax.evaluation.evaluator import class_groups
from ovseg_jax.evaluation.score_table import GROUPS, aligned, blocks, markdown_table, text_table

SCORES = {
    "semantic/mIoU": 0.5,
    "semantic/fwIoU": 0.25,
    "semantic/mIoU/things": math.nan,
    "semantic/mIoU/seen": 0.125,
    "mask_accuracy/masks": 12.0,
}


def test_the_groups_are_those_of_the_evaluators():
    pairs = np.array([[True, True, False, False], [True, False, True, False]])
    assert set(class_groups(*pairs)) == set(GROUPS)


def test_each_evaluator_is_a_block_with_groups_in_order():
    first, second = blocks(SCORES)
    assert first.metrics == ("mIoU", "fwIoU") and list(first.rows) == ["all", "seen", "things"]
    assert first.rows["seen"] == (0.125, None)
    assert second.title == "mask_accuracy" and second.rows == {"all": (12.0,)}


def test_names_without_a_prefix_are_a_block_too():
    (block,) = blocks({"AP": 0.5, "AP/things": 0.5})
    assert block.title == "" and list(block.rows) == ["all", "things"]
    assert blocks({"things": 0.5})[0].metrics == ("things",)


def test_columns_are_aligned():
    assert text_table(SCORES).splitlines() == [
        "  semantic   mIoU  fwIoU",
        "  all       50.00  25.00",
        "  seen      12.50",
        "  things        -",
        "",
        "  mask_accuracy  masks",
        "  all               12",
    ]
    assert text_table({}) == ""
    assert aligned([["a", "b"]]) == "  a  b"


def test_markdown_has_a_rule_and_no_stray_marks():
    lines = markdown_table(SCORES).splitlines()
    assert lines[:3] == [
        "| semantic | mIoU | fwIoU |",
        "| --- | ---: | ---: |",
        "| all | 50.00 | 25.00 |",
    ]
    assert "mask\\_accuracy" in lines[6]
