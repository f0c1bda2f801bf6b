"""Writes docs/datasets.md: each set's own README, and what `ovseg data check` says of it.

python -m tools.datasets_page [--check]

Checked are the drawn photos that the tests of each set read, in its publisher's tree; sets of the
user's own have none. With --check nothing is written: the page is compared with what it would be.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "datasets.md"
LINK = re.compile(r"\]\((?!https?:|#)([^)\s]+)\)")
HEAD = """# Data sets

One section for each set that is read: where to get it, its licence, what to type, how many photos
it should have, and what `ovseg data check` says. Written by `python -m tools.datasets_page` from
the README beside each reader in `data/`; [the table of all](../data/README.md) stands there, with
what a record holds.

`ovseg data check NAME DIR` reads every file once, writes nothing, and tells all problems together;
status 1 means that training or scores would fail or be wrong. `ovseg data show NAME DIR` draws the
labels. Records are prepared by `ovseg data build`, or by the first training or evaluation that
needs them; they belong to the state of the folder, so that half a download never stands for the
whole.
"""


def page() -> str:
    """Returns the whole page."""
    folders = sorted(path.parent for path in (ROOT / "data").glob("*/README.md"))
    return HEAD + "".join(map(_section, folders))


def _section(folder: Path) -> str:
    text = (folder / "README.md").read_text().strip()
    body = LINK.sub(lambda match: f"]({_from_docs(folder / match[1])})", text)
    return f"\n## {folder.name}\n\n{body}\n{_checked(folder)}"


def _from_docs(path: Path) -> str:
    return Path(os.path.relpath(path, PAGE.parent)).as_posix()


def _checked(folder: Path) -> str:
    """What the check prints of the drawn photos of a set; nothing where there are none."""
    drawn = folder / "dummy_data"
    if not drawn.is_dir():
        return ""
    place = drawn.relative_to(ROOT).as_posix()
    command = ["data", "check", folder.name, place]
    done = subprocess.run(
        [sys.executable, "-m", "ovseg_jax.cli.main", *command],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{place}: the check ends with {done.returncode}: {done.stdout}")
    said = f"$ ovseg {' '.join(command)}\n{done.stdout.strip()}"
    return f"\nOf a few drawn photos, which the tests read:\n\n```\n{said}\n```\n"


def main() -> None:
    """Writes or compares the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    check = parser.parse_args().check
    text = page()
    if not check:
        PAGE.write_text(text)
    elif not PAGE.is_file() or PAGE.read_text() != text:
        raise SystemExit(f"{PAGE.relative_to(ROOT)} is stale: python -m tools.datasets_page")


if __name__ == "__main__":
    main()
