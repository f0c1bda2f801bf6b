"""One table for an evaluation: all metrics down, groups of classes across."""

import io

from rich.console import Console

from ovseg_jax.evaluation.terminal_table import terminal_table

SCORES = {
    "semantic/mIoU": 0.3,
    "semantic/mIoU/seen": 0.4,
    "semantic/mIoU/things_unseen": float("nan"),
    "semantic/pACC": 0.5,
    "mask_accuracy/masks": 30.0,
}


def lines(width=80, before=None):
    console = Console(file=io.StringIO(), width=width)
    console.print(terminal_table("test, step 5", SCORES, before or {}, width))
    return [" ".join(line.split()) for line in console.file.getvalue().splitlines()]


def test_every_metric_has_a_row_and_every_group_a_column():
    assert lines() == [
        "test, step 5",
        "percent all seen things unseen",
        "semantic mIoU 30.00 40.00 -",
        "semantic pACC 50.00",
        "mask_accuracy masks 30",
    ]


def test_scores_are_compared_with_earlier_ones_and_counts_are_not():
    shown = lines(before={"semantic/mIoU": 0.25, "mask_accuracy/masks": 20.0})
    assert shown[1].endswith("change")
    assert shown[2].endswith("+5.00") and shown[3].endswith("50.00") and shown[4].endswith(" 30")


def test_groups_for_which_there_is_no_room_are_left_out_and_nothing_is_cut():
    assert lines(width=40)[1:3] == ["percent all seen", "semantic mIoU 30.00 40.00"]
    assert lines(width=30)[1:3] == ["percent all", "semantic mIoU 30.00"]
