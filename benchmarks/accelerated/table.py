"""The table that is printed: one line per case."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

HEAD = "case | shape | ours ms | other forms ms | PyTorch ms | ours / theirs | MFU | roofline | GiB"


def format_table(rows: Sequence[dict[str, Any]]) -> str:
    """Formats rows as a Markdown table; what failed or was skipped comes after it."""
    good = [row for row in rows if row["status"] == "ok"]
    lines = [HEAD, " | ".join(["---"] * (HEAD.count("|") + 1)), *map(_format_row, good)]
    table = "\n".join(f"| {line} |" for line in lines)
    rest = [_format_rest(row) for row in rows if row["status"] != "ok"]
    errors = [
        f"{row['case']}, {row['shape']}: {name}: {text}"
        for row in good
        for name, text in row.get("errors", {}).items()
    ]
    return "\n".join([table, *rest, *errors])


def _format_row(row: dict[str, Any]) -> str:
    times = row.get("times", {})
    others = {name: run for name, run in times.items() if name != "ours"}
    theirs = {name: run for name, run in others.items() if name.startswith("torch")}
    forms = {name: run for name, run in others.items() if name not in theirs}
    peak = row.get("memory", {}).get("ours", {}).get("peak")
    cells = (
        row["case"],
        row["shape"],
        _milliseconds(times["ours"]["ms"]) if "ours" in times else row.get("said", ""),
        _all(forms),
        _all(theirs) + (" DISAGREES" if row.get("disagrees") else ""),
        f"{row['ratio']:.2f}" if row.get("ratio") else "",
        f"{row['mfu']:.0%}" if row.get("mfu") is not None else "",
        f"{row['roofline']:.0%} of {row['bound']}" if row.get("bound") else "",
        f"{peak / 2**30:.2f}" if peak else "",
    )
    return " | ".join(cells)


def _all(runs: dict[str, dict[str, float]]) -> str:
    names = {name: name.removeprefix("torch ") for name in runs}
    return ", ".join(f"{names[name]} {_milliseconds(run['ms'])}" for name, run in runs.items())


def _milliseconds(value: float) -> str:
    return f"{value:.3g}"


def _format_rest(row: dict[str, Any]) -> str:
    return f"{row['status']}: {row['case']}, {row['shape']} {row.get('reason', '')}".rstrip()
