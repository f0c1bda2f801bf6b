"""Conversion as a table: which tensor of a file becomes which parameter, strict in both directions.

Every tensor must match exactly one row, every parameter must be filled exactly once with the right
shape, and all problems come in one message.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any

import numpy as np

from ovseg_jax.foundation import trees
from ovseg_jax.foundation.errors import OvsegError
from ovseg_jax.foundation.typing import Params

Transform = Callable[[np.ndarray], np.ndarray | tuple[np.ndarray, ...]]
Tensors = Mapping[str, np.ndarray]


class ConversionError(OvsegError, ValueError):
    """A file and a table do not fit each other; the message lists every problem."""


def same(array: np.ndarray) -> np.ndarray:
    """Keeps a tensor as it is."""
    return array


def scalar(array: np.ndarray) -> np.ndarray:
    """Drops the axis of a one-element tensor."""
    return array.reshape(())


def linear(array: np.ndarray) -> np.ndarray:
    """Turns torch's [out, in] into [in, out]; trailing 1 x 1 axes of a convolution are dropped."""
    return array.reshape(array.shape[:2]).T


def conv(array: np.ndarray) -> np.ndarray:
    """Turns torch's [out, in, height, width] into [height, width, in, out].

    A depthwise kernel [channels, 1, height, width] becomes [height, width, 1, channels].
    """
    return array.transpose(2, 3, 1, 0)


def split_linear(array: np.ndarray) -> tuple[np.ndarray, ...]:
    """Splits a fused query-key-value weight [3 * out, in] into three [in, out]."""
    return tuple(part.T for part in _thirds(array))


def split_bias(array: np.ndarray) -> tuple[np.ndarray, ...]:
    """Splits a fused query-key-value bias [3 * out] into three."""
    return _thirds(array)


def _thirds(array: np.ndarray) -> tuple[np.ndarray, ...]:
    return tuple(np.split(array, 3, axis=0))


@dataclasses.dataclass(frozen=True)
class Rule:
    r"""A row that converts.

    Attributes:
        source: Pattern of the tensor's whole name.
        target: Parameter path, or several where the transform splits; `\1` refers to groups.
        transform: What happens to the values.
    """

    source: str
    target: str | tuple[str, ...]
    transform: Transform = same


def layer(source: str, target: str, transform: Transform = linear) -> tuple[Rule, Rule]:
    """Returns the rows of a layer: weight becomes kernel, bias stays bias."""
    return (
        Rule(rf"{source}\.weight", f"{target}/kernel", transform),
        Rule(rf"{source}\.bias", f"{target}/bias"),
    )


def norm(source: str, target: str) -> tuple[Rule, Rule]:
    """Returns the rows of a norm: weight becomes scale, bias stays bias."""
    return (
        Rule(rf"{source}\.weight", f"{target}/scale"),
        Rule(rf"{source}\.bias", f"{target}/bias"),
    )


@dataclasses.dataclass(frozen=True)
class Fill:
    """A row for a parameter that some files lack, and what stands in it then.

    Attributes:
        target: The parameter's whole path.
        value: For every entry.
        because: Why that is right, for the report.
    """

    target: str
    value: float
    because: str


@dataclasses.dataclass(frozen=True)
class Skip:
    """A row for tensors that have no place in the model.

    Attributes:
        source: Pattern of the tensor's whole name.
        because: Why, for the report.
    """

    source: str
    because: str


Table = Sequence[Rule | Skip | Fill]


@dataclasses.dataclass(frozen=True)
class ConversionReport:
    """What happened to every tensor of a file.

    Attributes:
        used: Paths that each tensor filled.
        skipped: Reason for each tensor left out.
        filled: What stands in each parameter that no tensor filled.
    """

    used: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    skipped: dict[str, str] = dataclasses.field(default_factory=dict)
    filled: dict[str, str] = dataclasses.field(default_factory=dict)


def prefixed(table: Table, source: str, target: str) -> tuple[Rule | Skip | Fill, ...]:
    """Returns the table with a prefix in front of all names.

    Args:
        table: Rows to copy.
        source: Prefix of the tensors' names, as plain text.
        target: Prefix of the paths.
    """
    escaped = re.escape(source)

    def renamed(row: Rule | Skip | Fill) -> Rule | Skip | Fill:
        if isinstance(row, Skip):
            return dataclasses.replace(row, source=f"{escaped}(?:{row.source})")
        if isinstance(row, Fill):
            return dataclasses.replace(row, target=target + row.target)
        return Rule(escaped + row.source, tuple(target + t for t in _targets(row)), row.transform)

    return tuple(renamed(row) for row in table)


def apply(
    table: Table, tensors: Tensors, expected: Mapping[str, Any], where: str
) -> tuple[Params, ConversionReport]:
    """Converts all tensors of a file.

    Values are views of the source wherever NumPy allows it; nothing is copied up front.

    Args:
        table: Rows; the order does not matter, since exactly one must match each tensor.
        tensors: The file's content by name.
        expected: Parameters, or their shapes, as the model wants them (a nested dict).
        where: Name of the file, for messages.

    Returns:
        The nested parameters and what was used.

    Raises:
        ConversionError: Lists every tensor that no row or several rows match, every parameter
            that is missing, filled twice or unknown, and every wrong shape.
    """
    problems: list[str] = []
    report, flat = ConversionReport(), {}
    for name, array in tensors.items():
        found = _matching_row(table, name, array, problems)
        if found is None:
            continue
        row, match = found
        if isinstance(row, Skip):
            report.skipped[name] = row.because
        else:
            filled = _converted(row, match, array, problems)
            report.used[name] = tuple(path for path, _ in filled)
            problems += _fill(flat, name, filled)
    wanted = trees.flatten(expected)
    for row in _due_fills(table, wanted.keys() - flat.keys()):
        flat[row.target] = np.full(wanted[row.target].shape, row.value, np.float32)
        report.filled[row.target] = f"{row.value:g}, since {row.because}"
    problems += _misfits(flat, wanted)
    if problems:
        raise ConversionError(_message(where, problems))
    return trees.unflatten(flat), report


def _due_fills(table: Table, missing: Set[str]) -> list[Fill]:
    return [row for row in table if isinstance(row, Fill) and row.target in missing]


def _matching_row(
    table: Table, name: str, array: np.ndarray, problems: list[str]
) -> tuple[Rule | Skip, re.Match[str]] | None:
    """Returns the one row whose pattern matches a name, and the match."""
    rows = [row for row in table if not isinstance(row, Fill)]
    found = [(row, match) for row in rows if (match := re.fullmatch(row.source, name))]
    if len(found) == 1:
        return found[0]
    if not found:
        problems.append(f"no rule for the tensor {name} {array.shape}")
    else:
        sources = [row.source for row, _ in found]
        problems.append(f"{len(found)} rules match the tensor {name}: {sources}")
    return None


def _converted(
    rule: Rule, match: re.Match[str], array: np.ndarray, problems: list[str]
) -> list[tuple[str, np.ndarray]]:
    name, paths = match.string, [match.expand(target) for target in _targets(rule)]
    if array.dtype.kind != "f":
        problems.append(f"{name} holds {array.dtype}, but parameters are floats; is it quantised?")
        return []
    try:
        values = rule.transform(array)
    except (ValueError, IndexError) as error:
        action = rule.transform.__name__
        problems.append(f"{name} {array.shape} cannot be converted by {action!r}: {error}")
        return []
    return list(zip(paths, values if isinstance(values, tuple) else (values,), strict=True))


def _fill(
    flat: dict[str, np.ndarray], name: str, filled: Iterable[tuple[str, np.ndarray]]
) -> list[str]:
    """Adds parameters to those that are there; says which were there already."""
    twice = []
    for path, value in filled:
        if path in flat:
            twice.append(f"{name} fills {path} a second time")
        flat[path] = value
    return twice


def _targets(rule: Rule) -> tuple[str, ...]:
    return (rule.target,) if isinstance(rule.target, str) else rule.target


def _misfits(found: Mapping[str, np.ndarray], expected: Mapping[str, Any]) -> list[str]:
    problems = [
        f"no tensor fills the parameter {path} {tuple(expected[path].shape)}"
        for path in sorted(expected.keys() - found.keys())
    ]
    for path, array in found.items():
        if path not in expected:
            problems.append(f"the model has no parameter {path} {array.shape}")
        elif array.shape != tuple(expected[path].shape):
            want = tuple(expected[path].shape)
            problems.append(f"{path} comes out as {array.shape}, the model expects {want}")
    return problems


def _message(where: str, problems: list[str], limit: int = 60) -> str:
    more = [f"... and {len(problems) - limit} more"] if len(problems) > limit else []
    number = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
    title = f"{where} cannot be converted, {number}:"
    return "\n  ".join([title, *problems[:limit], *more])
