"""Prints how large the code is: python -m tools.sizes [FOLDER] [--tests FOLDER] [--check].

Lines are physical. A function is any `def`, methods and inner functions too, each for itself; its
lines include its decorators and docstring. Nesting counts if, for, while, with, try and match
inside each other (`elif` does not), from the function's own body. Arguments leave out self and cls.
A function is annotated if all its arguments and its result are; `__init__` needs no result.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DEEPEST = 3
BLOCKS = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.TryStar, ast.Match)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
FIELDS = ("lines", "nesting", "arguments")


@dataclasses.dataclass(frozen=True)
class Function:
    """Sizes of one function.

    Attributes:
        where: File, line and name.
        lines: From the first decorator to the last line.
        nesting: Blocks inside each other at the deepest place.
        arguments: Without self and cls.
        annotated: Whether all of them and the result are.
    """

    where: str
    lines: int
    nesting: int
    arguments: int
    annotated: bool


def functions(path: Path, name: str = "") -> Iterator[Function]:
    """Measures every function of a file; `name` is what the file is called in `where`."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, FUNCTIONS):
            yield _measured(node, name or str(path))


def nesting(node: ast.AST) -> int:
    """Counts the blocks inside each other below a node; inner functions and classes count not."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (*FUNCTIONS, ast.ClassDef, ast.Lambda)):
            continue
        inner = nesting(child)
        block = isinstance(child, BLOCKS) and not _is_elif(node, child)
        deepest = max(deepest, inner + block)
    return deepest


def _is_elif(parent: ast.AST, child: ast.AST) -> bool:
    """An `elif` is an `if` alone in the other branch, written where its parent's `if` stands."""
    return (
        isinstance(parent, ast.If)
        and isinstance(child, ast.If)
        and parent.orelse == [child]
        and child.col_offset == parent.col_offset
    )


def _measured(node: ast.FunctionDef | ast.AsyncFunctionDef, name: str) -> Function:
    given = node.args
    named = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    named = [item for item in named if item.arg not in ("self", "cls")]
    spread = [item for item in (given.vararg, given.kwarg) if item is not None]
    result = node.returns is not None or node.name == "__init__"
    first = min([node.lineno, *(item.lineno for item in node.decorator_list)])
    return Function(
        where=f"{name}:{node.lineno} {node.name}",
        lines=(node.end_lineno or first) - first + 1,
        nesting=nesting(node),
        arguments=len(named) + len(spread),
        annotated=result and all(item.annotation for item in named + spread),
    )


def count_lines(paths: Sequence[Path]) -> int:
    """Counts the lines of files."""
    return sum(len(path.read_text().splitlines()) for path in paths)


def row(title: str, sizes: Sequence[int], names: Sequence[str]) -> str:
    """Writes a line of the table: median, ninetieth percentile, largest and where that is."""
    ordered = sorted(sizes)
    ninth = ordered[max(0, -(-9 * len(ordered) // 10) - 1)]
    largest = max(range(len(sizes)), key=sizes.__getitem__)
    median = f"{statistics.median(sizes):g}"
    return f"| {title} | {median} | {ninth} | {sizes[largest]} | {names[largest]} |"


def report(files: Sequence[Path], tests: Sequence[Path], found: Sequence[Function]) -> str:
    """Writes the table and the shares below it."""
    lines = [count_lines([path]) for path in files]
    rows = [row("lines per file", lines, [_short(path) for path in files])]
    for field in FIELDS:
        sizes = [getattr(each, field) for each in found]
        rows.append(row(f"{field} per function", sizes, [each.where for each in found]))
    annotated = 100 * sum(each.annotated for each in found) / len(found)
    ratio = 100 * count_lines(tests) / sum(lines)
    return "\n".join(
        [
            "| size | median | nine in ten up to | largest | where |",
            "|---|---|---|---|---|",
            *rows,
            "",
            f"{len(files)} files, {sum(lines)} lines, {len(found)} functions",
            f"annotated functions: {annotated:.0f} %",
            f"test lines per 100 source lines: {ratio:.0f}",
        ]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table; returns 1 where --check finds a function that is nested too deeply."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "ovseg_jax")
    parser.add_argument("--tests", type=Path, default=ROOT / "tests")
    parser.add_argument(
        "--check", action="store_true", help=f"exit with 1 on nesting above {DEEPEST}"
    )
    options = parser.parse_args(arguments)
    files = sorted(options.folder.rglob("*.py"))
    found = [each for path in files for each in functions(path, _short(path))]
    if not found:
        parser.error(f"no functions under {options.folder}")
    print(report(files, sorted(options.tests.rglob("*.py")), found))
    deep = [each for each in found if each.nesting > DEEPEST]
    for each in deep:
        print(f"nested {each.nesting} deep: {each.where}", file=sys.stderr)
    return int(options.check and bool(deep))


def _short(path: Path) -> str:
    path = path.resolve()
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


if __name__ == "__main__":
    sys.exit(main())
