"""Lists what there is: towers, mask generators, methods, published files, and what is here.

  ovseg models                    everything
  ovseg models weights --here     only what is converted: in the cache and below a folder
  ovseg models --json             the same for programs

`ovseg get NAME` downloads and converts a published file; `--model NAME` then finds it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ovseg_jax.cli.options import given_path
from ovseg_jax.foundation.errors import printable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this subcommand."""
    parser.add_argument(
        "folder", nargs="?", type=given_path, help="also look for weights below this folder"
    )
    parser.add_argument("--here", action="store_true", help="only what is converted here")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Prints the lists; returns the exit status."""
    here = list(_here(arguments.folder))
    found = {"here": here} if arguments.here else {**_everything(), "here": here}
    if arguments.json:
        print(json.dumps(found, indent=1, ensure_ascii=False))
    else:
        print(printable("\n".join(_lines(found))))
    return 0


def _everything() -> dict[str, Any]:
    import dataclasses
    import typing

    from ovseg_jax.config import MethodConfig
    from ovseg_jax.convert.published import KINDS
    from ovseg_jax.fetching.table import published_files
    from ovseg_jax.models.clip.rows import ROWS
    from ovseg_jax.models.generators.variants import BACKBONES
    from ovseg_jax.models.sam.sam import SIZES as SAM

    methods = {
        each.kind: (each.__doc__ or "").split("\n")[0] for each in typing.get_args(MethodConfig)
    }
    return {
        "towers": list(ROWS),
        "generators": {"query": ["clip", *BACKBONES], "sam": list(SAM)},
        "methods": methods,
        "kinds": {name: kind.description for name, kind in KINDS.items()},
        "files": [dataclasses.asdict(each) for each in published_files().values()],
    }


def _here(folder: Path | None) -> Iterator[dict[str, Any]]:
    """Describes every weights directory of the cache and below a folder."""
    from ovseg_jax.fetching.cache import all_converted, read_record

    places = [(name, path) for name, path in all_converted().items()]
    if folder is not None:
        below = sorted(path.parent for path in folder.rglob("config.json"))
        places += [(str(path), path) for path in below]
    for name, path in places:
        config = read_record(path / "config.json")
        if not {"clip", "method"} <= set(config):
            continue
        report = read_record(path / "report.json")
        yield {
            "name": name,
            "path": str(path),
            "method": config["method"].get("kind", ""),
            "tower": config["clip"].get("variant", ""),
            "generator": config.get("generator", {}).get("kind", "none"),
            "licence": report.get("licence", "not stated"),
            "source": report.get("source", ""),
            "sha256": report.get("sha256", ""),
        }


def _lines(found: dict[str, Any]) -> Iterator[str]:
    if "towers" in found:
        yield from _section("Towers", _wrapped(found["towers"]))
        generators = found["generators"]
        trunks = f"query: on the trunk of {', '.join(generators['query'])}"
        yield from _section("Mask generators", [trunks, f"sam: {', '.join(generators['sam'])}"])
        methods = [(name, text) for name, text in found["methods"].items()]
        yield from _section("Methods", _table(methods))
        yield from _section("Published files (ovseg get NAME)", _table(map(_row, found["files"])))
    empty = ["nothing yet"]
    here = [
        (each["name"], each["method"], each["tower"], each["generator"], each["licence"])
        for each in found["here"]
    ]
    yield from _section("Converted here", _table(here) if here else empty)


def _row(each: dict[str, Any]) -> tuple[str, ...]:
    size = f"{each['size'] / 1e9:.2f} GB" if each["size"] else ""
    licence = each["licence"] + (" (not commercial)" if each["non_commercial"] else "")
    return each["name"], each["group"], size, licence, each["kind"]


def _section(title: str, lines: Any) -> Iterator[str]:
    yield title
    yield from (f"  {line}" for line in lines)
    yield ""


def _table(rows: Any) -> list[str]:
    """Sets cells of rows below each other."""
    cells: Sequence[tuple[str, ...]] = list(rows)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def _wrapped(names: Sequence[str], width: int = 96) -> list[str]:
    import textwrap

    return textwrap.wrap(", ".join(names), width)
