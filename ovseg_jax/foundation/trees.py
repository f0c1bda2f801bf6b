"""Parameters as flat paths: match, split, merge and compare them by regular expressions.

A path joins the keys of a nested dict with slashes: `clip/visual/stage2/block5/expand/kernel`.
Freezing, sharding, weight decay, learning-rate factors and weight loading all point at parameters
with patterns that must match the whole path; the first match wins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from ovseg_jax.foundation.errors import OvsegError

T = TypeVar("T")
_DEEPEST = 100


class TreeError(OvsegError, ValueError):
    """Parameters or patterns do not fit each other; the message lists every problem."""


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns {path: leaf} in the order of the sorted keys."""
    flat: dict[str, Any] = {}
    for key in sorted(tree):
        path, value = f"{prefix}{key}", tree[key]
        flat.update(flatten(value, f"{path}/") if isinstance(value, Mapping) else {path: value})
    return flat


def unflatten(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the nested dict of a {path: leaf}; the inverse of `flatten`.

    Raises:
        TreeError: A path continues another one, or has more than a hundred parts.
    """
    tree: dict[str, Any] = {}
    for path, value in flat.items():
        *parents, last = path.split("/")
        node = tree if len(parents) < _DEEPEST else None
        for key in parents:
            node = node.setdefault(key, {}) if isinstance(node, dict) else None
        if not isinstance(node, dict) or last in node:
            raise TreeError(f"{path[:200]} is no path of a parameter: it continues another one")
        node[last] = value
    return tree


def first_match(path: str, patterns: Iterable[str]) -> str | None:
    """Returns the first pattern that matches the whole path, or None."""
    return next((pattern for pattern in patterns if re.fullmatch(pattern, path)), None)


def match(tree: Mapping[str, Any], rules: Sequence[tuple[str, T]]) -> dict[str, T]:
    """Gives every path the value of the first rule whose pattern matches it.

    Raises:
        TreeError: A path matches no rule, or a rule decides no path.
    """
    paths, patterns = list(flatten(tree)), [pattern for pattern, _ in rules]
    firsts = ((path, first_match(path, patterns)) for path in paths)
    chosen = {path: pattern for path, pattern in firsts if pattern is not None}
    problems = [f"no rule covers the parameter {path}" for path in paths if path not in chosen]
    idle = [p for p in dict.fromkeys(patterns) if p not in chosen.values()]
    problems += [f"the rule {pattern!r} decides no parameter" for pattern in idle]
    if problems:
        raise TreeError(listing("path rules do not fit the parameters", problems))
    values = dict(reversed(rules))  # the earlier of two equal patterns wins
    return {path: values[chosen[path]] for path in paths}


def split(tree: Mapping[str, Any], patterns: Sequence[str]) -> tuple[dict, dict]:
    """Splits parameters into those that match a pattern and the rest.

    Raises:
        TreeError: A pattern matches no parameter.
    """
    flat = flatten(tree)
    idle = [p for p in patterns if not any(re.fullmatch(p, path) for path in flat)]
    if idle:
        raise TreeError(
            listing(
                "patterns match no parameter",
                [f"{p!r}; parameters look like {sorted(flat)[0]!r}" for p in idle],
            )
        )
    picked = {path: leaf for path, leaf in flat.items() if first_match(path, patterns)}
    rest = {path: leaf for path, leaf in flat.items() if path not in picked}
    return unflatten(picked), unflatten(rest)


def merge(*trees: Mapping[str, Any]) -> dict[str, Any]:
    """Unites trees that share no path; the inverse of `split`.

    Raises:
        TreeError: Two trees hold the same path.
    """
    flat: dict[str, Any] = {}
    for tree in trees:
        part = flatten(tree)
        if twice := sorted(flat.keys() & part.keys()):
            raise TreeError(listing("trees share parameters", twice))
        flat.update(part)
    return unflatten(flat)


def compare(found: Mapping[str, Any], expected: Mapping[str, Any], where: str) -> None:
    """Checks that two trees hold the same paths with the same shapes.

    Args:
        found: Parameters as loaded.
        expected: Parameters, or their shapes, as the model wants them.
        where: The file or directory of `found`, for the message.

    Raises:
        TreeError: Lists every missing, unexpected and misshapen parameter at once.
    """
    have, want = flatten(found), flatten(expected)
    missing, unexpected, misshapen = mismatches(have, want)
    problems = [f"missing {path} {tuple(want[path].shape)}" for path in missing]
    problems += [f"unexpected {path} {tuple(have[path].shape)}" for path in unexpected]
    problems += [
        f"shape of {path} is {tuple(have[path].shape)}, the model expects {tuple(want[path].shape)}"
        for path in misshapen
    ]
    if problems:
        raise TreeError(listing(f"{where} does not fit the model", sorted(problems)))


def mismatches(
    have: Mapping[str, Any], want: Mapping[str, Any]
) -> tuple[list[str], list[str], list[str]]:
    """Returns the paths that are missing, that nobody wants, and that have another shape, sorted.

    Args:
        have: Arrays by path.
        want: Arrays or shapes by path.
    """
    both = want.keys() & have.keys()
    misshapen = [path for path in both if tuple(have[path].shape) != tuple(want[path].shape)]
    return sorted(want.keys() - have.keys()), sorted(have.keys() - want.keys()), sorted(misshapen)


def count(tree: Mapping[str, Any]) -> int:
    """Returns the number of scalars in a tree of arrays."""
    return sum(int(leaf.size) for leaf in flatten(tree).values())


def listing(title: str, lines: Sequence[str], limit: int = 40) -> str:
    """Renders problems below a title, the first `limit` of them."""
    more = [f"... and {len(lines) - limit} more"] if len(lines) > limit else []
    return "\n  ".join([f"{title}:", *lines[:limit], *more])
