"""Compares two results of `ovseg evaluate`: scores, classes, and the protocols behind them.

  ovseg compare runs/a runs/b
  ovseg compare runs/a/evaluations/test.json other/test.json --classes 20
  ovseg compare runs/a runs/b --metric panoptic/PQ

The first line warns where the protocols differ, for then so may the scores. Differences are second
less first, in points. Where both results have .photos.npz beside them, mIoU and PQ come with a 95 %
interval over photos: 1000 draws, the same for both. One that holds 0 may be chance. Results of
different photos get no interval and end with status 1.
"""

from __future__ import annotations

import argparse
from typing import Any

from ovseg_jax.cli.errors import UsageError
from ovseg_jax.cli.options import given_path
from ovseg_jax.foundation.errors import first_few, one_line, printable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this subcommand."""
    for name in ("first", "second"):
        parser.add_argument(
            name,
            type=given_path,
            metavar=name.upper(),
            help="JSON file of `ovseg evaluate`, or a run with one evaluation",
        )
    parser.add_argument(
        "--metric", help="number of classes that is compared (default: semantic/IoU or the next)"
    )
    parser.add_argument(
        "--classes", type=int, default=10, metavar="N", help="classes shown; 0 for all (default 10)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Compares; returns the exit status: 1 if the photos differ."""
    from ovseg_jax.evaluation import comparison
    from ovseg_jax.evaluation.stored_result import read_result

    if arguments.classes < 0:
        raise UsageError(f"--classes {arguments.classes}: give 0 for all, or how many")
    first, second = read_result(arguments.first), read_result(arguments.second)
    metrics = comparison.class_metrics(first, second)
    metric = _metric(arguments.metric, metrics)
    status, remark, bounds = 0, "", {}
    try:
        bounds = comparison.intervals(first, second)
    except comparison.PhotosDiffer as error:
        status, remark = 1, f"no intervals: {error}"
    lacking = [str(one.path) for one in (first, second) if one.photos is None]
    if lacking:
        remark = f"no intervals: no sums of photos beside {' and '.join(lacking)}"
    lines = _protocol(comparison.protocol_differences(first.protocol, second.protocol))
    lines += [f"first   {first.path}", f"second  {second.path}", ""]
    lines += _table("score", comparison.score_differences(first, second, bounds))
    lines += ["", remark] if remark else []
    if metric:
        lines += [
            "",
            *_classes(comparison.class_differences(first, second, metric), metric, arguments),
        ]
    print(printable("\n".join(lines)))
    return status


def _metric(wanted: str | None, known: list[str]) -> str:
    """The number of classes that is compared; empty where there is none."""
    from ovseg_jax.evaluation.report.page import PLOTTED

    if wanted is not None and wanted not in known:
        has = f"they share {first_few(known)}" if known else "they share no numbers of classes"
        raise UsageError(f"--metric {wanted}: not in both results; {has}")
    favourite = next((name for name in (*PLOTTED, *known) if name in known), "")
    return wanted or favourite


def _protocol(different: list[tuple[str, Any, Any]]) -> list[str]:
    """The warning, its first line naming all fields, and what each result says."""
    if not different:
        return ["the protocols are equal"]
    fields = ", ".join(name.replace("_", " ") for name, _, _ in different)
    lines = [f"warning: the protocols differ, and scores with them: {fields}"]
    for name, one, two in different:
        lines += [f"  {name.replace('_', ' ')}", f"    first   {one}", f"    second  {two}"]
    return [*lines, ""]


def _table(title: str, differences: list[Any]) -> list[str]:
    from ovseg_jax.evaluation.score_table import COUNTS, aligned, number

    cells = [[title, "first", "second", "change", "95 % interval"]]
    for item in differences:
        is_count = item.name.rsplit("/", 1)[-1] in COUNTS
        change = f"{item.change:+.0f}" if is_count else f"{100 * item.change:+.2f}"
        low, high = item.interval or (0.0, 0.0)
        bounds = f"{100 * low:+.2f} to {100 * high:+.2f}" if item.interval else ""
        values = [number(item.name, value) for value in (item.first, item.second)]
        cells.append([one_line(item.name), *values, change.replace("+nan", "-"), bounds])
    if not any(line[-1] for line in cells[1:]):
        cells = [line[:-1] for line in cells]
    return aligned(cells).splitlines()


def _classes(differences: list[Any], metric: str, arguments: argparse.Namespace) -> list[str]:
    shown = differences[: arguments.classes or None]
    better = sum(item.change > 0 for item in differences)
    worse = sum(item.change < 0 for item in differences)
    rest = len(differences) - len(shown)
    head = f"{metric} of {len(differences)} classes: {better} better, {worse} worse"
    more = [f"  and {rest} more; --classes 0 shows all"] if rest else []
    return [head, *_table("class", shown), *more] if differences else [head]
