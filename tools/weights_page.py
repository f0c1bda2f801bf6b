"""Writes the tables of docs/weights.md from the table of published files in the package.

python -m tools.weights_page [--check]

Between `<!-- files: GROUP; GROUP -->` and `<!-- end of files -->` stand the files of those groups
and what to type for the first of each kind; all else on the page is written by hand. With --check
nothing is written: the page is compared with what it would be.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ovseg_jax.convert.published import KINDS
from ovseg_jax.fetching.table import PublishedFile, published_files

PAGE = Path(__file__).resolve().parents[1] / "docs" / "weights.md"
BLOCK = re.compile(r"(<!-- files: (.*?) -->\n).*?(<!-- end of files -->)", re.DOTALL)
NOBODY = "first download"
COLUMNS: dict[str, Callable[[PublishedFile], str]] = {
    "`ovseg get`": lambda row: f"`{row.name}`",
    "published as": lambda row: _linked(row),
    "size": lambda row: f"{row.size / 1e9:.2f} GB" if row.size else "",
    "licence": lambda row: row.licence,
    "held to": lambda row: _held(row),
    "`--clip`": lambda row: f"`{row.clip}`" if row.clip else "",
    "`--generator`": lambda row: f"`{row.generator}`" if row.generator else "",
    "gamma": lambda row: _gamma(row),
    "published": lambda row: ", ".join(f"{name} {value:g}" for name, value in row.row.items()),
    "config": lambda row: f"`{row.config.removeprefix('configs/')}`" if row.config else "",
    "`ovseg convert`": lambda row: f"`{row.kind}`",
}


def page(text: str) -> str:
    """Returns the page with the tables of today.

    Raises:
        SystemExit: A block names a group that there is not, or a group has no block.
    """
    named = [group for match in BLOCK.finditer(text) for group in match[2].split("; ")]
    known = {row.group for row in published_files().values()}
    if sorted(named) != sorted(known):
        raise SystemExit(
            f"blocks of the page: {sorted(named)}; groups of the table: {sorted(known)}"
        )
    return BLOCK.sub(lambda match: match[1] + _block(match[2].split("; ")) + match[3], text)


def _block(groups: Sequence[str]) -> str:
    rows = [row for row in published_files().values() if row.group in groups]
    cells = {title: [cell(row) for row in rows] for title, cell in COLUMNS.items()}
    shown = {title: column for title, column in cells.items() if any(column)}
    lines = [
        _line(shown),
        "|---" * len(shown) + "|",
        *map(_line, zip(*shown.values(), strict=True)),
    ]
    return "\n".join(["", *lines, "", "```", *_commands(rows), "```", "", ""])


def _line(cells: Sequence[str] | dict[str, list[str]]) -> str:
    return f"| {' | '.join(cells)} |"


def _linked(row: PublishedFile) -> str:
    title = f"[{row.title}]({row.address})" if row.address else f"{row.title}: {row.source}"
    return f"{title} ([copy]({row.other_address}))" if row.other_address else title


def _held(row: PublishedFile) -> str:
    if row.sha256:
        return f"SHA-256 `{row.sha256[:12]}`"
    if row.md5:
        return f"MD5 `{row.md5}`"
    return "the hub's SHA-256" if "//huggingface.co/" in row.address else NOBODY


def _gamma(row: PublishedFile) -> str:
    """MaskCLIP++'s exponent of the generator for seen words."""
    alpha = row.settings.get("inference", {}).get("ensemble", {}).get("alpha")
    return "" if alpha is None else f"{1 - alpha:.1g}"


def _commands(rows: Sequence[PublishedFile]) -> Iterator[str]:
    """What to type for the first file of each kind, by name and by hand."""
    for kind in dict.fromkeys(row.kind for row in rows):
        row = next(row for row in rows if row.kind == kind)
        options = " --accept-licence" if row.non_commercial else ""
        yield f"ovseg get {row.name}{options}"
        file = "FOLDER" if row.beside else f"FILE{Path(row.file_name).suffix}"
        extra = " --clip FILE" if row.clip else ""
        extra += " --tokenizer FILE.model" if KINDS[kind].has_tokenizer else ""
        yield f"ovseg convert {kind} {file} weights/{row.name}{extra}    # the same by hand"


def main() -> None:
    """Writes or compares the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    check, old = parser.parse_args().check, PAGE.read_text(encoding="utf-8")
    new = page(old)
    if check and new != old:
        raise SystemExit(f"{PAGE.name} is stale: python -m tools.weights_page")
    if not check:
        PAGE.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
