"""Runs the commands of a page and writes what they print below them.

python -m tools.record_commands docs/commands.md [--check]

In a fence of the language "console", lines that begin with "$ " are commands and all others are
their output. The commands of a page run one after the other in one empty folder, with the words
cache and the program of this checkout. Times, the folder's name, and names made of file contents
are replaced by fixed ones; progress bars and notes of libraries are left out. A status other than
0 is written in brackets. With --check nothing is written: the page is compared with what is printed
now. Numbers with a decimal point may differ a little; below the line
`<!-- numbers depend on the machine -->` all numbers may differ freely.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FENCE = re.compile(r"```console\n(.*?)```", re.DOTALL)
FREE = "<!-- numbers depend on the machine -->\n"
NUMBER = re.compile(r"(?<![\w.])\d+\.\d+(?:e[+-]?\d+)?(?![\w.])")
ANY_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w.])")
HOME = "/home/me/toys"
REPLACED = (
    (re.compile(r"(?<=instances-)[0-9a-f]{12}"), "0123456789ab"),
    (re.compile(r"(?<=seconds_per_step )[\d.e+-]+"), "1.0"),
    (re.compile(r"(?<=images_per_second )[\d.e+-]+"), "1.0"),
    (re.compile(r"(?<=input_wait )[\d.e+-]+"), "0.01"),
    (re.compile(r"(?<=tflops_per_device )[\d.e+-]+"), "0.01"),
)
LEFT_OUT = re.compile(r"^(WARNING:absl:|[IWE]\d{4} ).*\n", re.MULTILINE)
PROGRAMS = {"ovseg": "-m ovseg_jax.cli.main", "python": ""}


@dataclasses.dataclass(frozen=True)
class Block:
    """One fence of a page.

    Attributes:
        text: All between the fence's lines.
        free: Whether numbers may differ freely.
    """

    text: str
    free: bool = False

    def commands(self) -> list[str]:
        """Returns the commands; a line that ends with a backslash goes on in the next."""
        lines, found = self.text.splitlines(), []
        for number, line in enumerate(lines):
            if line.startswith("$ "):
                found.append(line[2:])
            elif number and lines[number - 1].endswith("\\") and found:
                found[-1] += f"\n{line}"
        return found


def blocks(page: str) -> list[Block]:
    """Returns the fences of a page in their order."""
    return [Block(match[1], page[: match.start()].endswith(FREE)) for match in FENCE.finditer(page)]


class Shell:
    """A folder in which commands run as they stand on the page."""

    def __init__(self, folder: Path):
        """Puts the programs of this checkout first on the path.

        Args:
            folder: Empty; the commands run in `work` inside it.
        """
        self._work, programs = folder / "work", folder / "bin"
        self._work.mkdir()
        programs.mkdir()
        for name, module in PROGRAMS.items():
            (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {module} "$@"\n')
            (programs / name).chmod(0o755)
        self._environment = os.environ | {
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "OVSEG_CACHE": str(folder / "cache"),
            "COLUMNS": "100",
            "NO_COLOR": "1",
            "PYTHONIOENCODING": "utf-8",
            "TQDM_DISABLE": "1",
            "JAX_PLATFORMS": "cpu",
        }

    def run(self, command: str) -> str:
        """Returns what a command prints to both streams, with its status if that is not 0."""
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=self._work,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
        printed = normalised(done.stdout.decode("utf-8", "replace"), self._work)
        return printed + (f"[status {done.returncode}]\n" if done.returncode else "")

    def answer(self, block: Block) -> Block:
        """Runs the commands of a block and returns it with what they print."""
        parts = [f"$ {command}\n{self.run(command)}" for command in block.commands()]
        return dataclasses.replace(block, text="".join(parts))


def normalised(printed: str, folder: Path) -> str:
    """Replaces what differs from run to run; drops spaces at the ends and repeated empty lines."""
    printed = LEFT_OUT.sub("", printed)
    for place in (folder.resolve(), folder):
        printed = printed.replace(str(place), HOME)
    printed = printed.replace(str(folder.parent / "cache"), "/home/me/.cache")
    for pattern, fixed in REPLACED:
        printed = pattern.sub(fixed, printed)
    text = "\n".join(line.rstrip() for line in printed.splitlines()).strip("\n")
    return re.sub(r"\n{3,}", "\n\n", text) + "\n" * bool(text)


def same(shown: Block, printed: Block) -> bool:
    """Whether two answers agree but for numbers that are near each other, or free."""
    before, now = _spaced(shown.text), _spaced(printed.text)
    if shown.free:
        return ANY_NUMBER.sub("#", before) == ANY_NUMBER.sub("#", now)
    pairs = zip(NUMBER.findall(before), NUMBER.findall(now), strict=False)
    near = (math.isclose(float(a), float(b), rel_tol=0.02, abs_tol=0.02) for a, b in pairs)
    return NUMBER.sub("#", before) == NUMBER.sub("#", now) and all(near)


def _spaced(text: str) -> str:
    """Makes runs of spaces and bars one space: they grow with the numbers beside them."""
    return re.sub("[ ─█▏▎▍▌▋▊▉]+", " ", text)


def recorded(page: str, answers: Sequence[Block]) -> str:
    """Returns the page with other answers in its fences."""
    left: Iterator[Block] = iter(answers)
    return FENCE.sub(lambda _: f"```console\n{next(left).text}```", page)


def main(arguments: Sequence[str] | None = None) -> int:
    """Records or checks a page; returns 1 where a check finds other answers."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("page", type=Path)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    options = parser.parse_args(arguments)
    page = options.page.read_text()
    shown = blocks(page)
    with tempfile.TemporaryDirectory() as folder:
        shell = Shell(Path(folder))
        printed = [shell.answer(block) for block in shown]
    other = [pair for pair in zip(shown, printed, strict=True) if not same(*pair)]
    if options.check:
        for before, now in other:
            print(f"the page shows\n{before.text}\nbut now\n{now.text}")
        return int(bool(other))
    options.page.write_text(recorded(page, printed))
    print(f"{len(shown)} fences, {len(other)} of them new")
    return 0


if __name__ == "__main__":
    sys.exit(main())
