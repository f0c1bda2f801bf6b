"""What devices send each other in a compiled program, and its loops, read from its text."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable
from typing import NamedTuple

KINDS = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all", "collective-permute")
_KIND = "|".join((*KINDS, "collective-broadcast", "ragged-all-to-all"))
_CALL = re.compile(rf"= (?P<result>.*?) (?P<kind>{_KIND})(?P<start>-start)?\(")
_ARRAY = re.compile(r"\b(pred|[a-z]+\d+\w*)\[([\d,]*)\]")
_COMPUTATION = re.compile(r"^(?:ENTRY )?%?([\w.\-]+) \(.*\{$")
_CALLED = re.compile(r"(?:body|condition|to_apply|calls)=%?([\w.\-]+)")
_BRANCHES = re.compile(r"branch_computations=\{([^}]*)\}")
_TRIPS = re.compile(r'"known_trip_count":\{"n":"(\d+)"')
_NAMED = re.compile(r"replica_groups=mesh\[([^\]]*)\].*? \{([^}]*)\}")
_IOTA = re.compile(r"replica_groups=\[(\d+),(\d+)\]<=")
_LISTED = re.compile(r"replica_groups=\{\{([\d,]*)\}")
_ORIGIN = re.compile(r'op_name="([^"]*)"')


class Collective(NamedTuple):
    """One exchange between devices.

    Attributes:
        kind: Of `KINDS`.
        bytes: Of its result on one device: what an all-reduce sums, what an all-gather has in the
            end, what a reduce-scatter keeps.
        group: Devices that take part in each exchange.
        times: How often it happens in one step, as far as loops tell.
        origin: Where in the program it comes from.
    """

    kind: str
    bytes: int
    group: int
    times: int
    origin: str

    @property
    def sent(self) -> float:
        """Bytes that one device sends for it in one step, in the ring algorithms."""
        share = (self.group - 1) / self.group
        factor = {
            "all-reduce": 2 * share,
            "reduce-scatter": self.group - 1,
            "collective-permute": 1,
        }.get(self.kind, share)
        return self.bytes * factor * self.times


def collectives(text: str, devices: int) -> list[Collective]:
    """Reads the exchanges from a compiled program.

    Args:
        text: The optimised HLO, as `compiled.as_text()` gives it.
        devices: How many run it; the group where the program names none.

    Returns:
        Exchanges among more than one device, in the order of the text.
    """
    calls, edges, entry, inside = [], {}, "", ""
    for line in text.splitlines():
        if header := _COMPUTATION.match(line):
            inside = header[1]
            entry = inside if line.startswith("ENTRY") else entry
        for called in _called(line):
            edges.setdefault(called, []).append((inside, _trips(line)))
        if found := _CALL.search(line):
            calls.append((inside, found, line))
    times = _times(edges, entry)
    read = [_read(found, line, devices, times(inside)) for inside, found, line in calls]
    return [item for item in read if item.group > 1]


def loops(text: str) -> list[int]:
    """Returns how many rounds each loop of a compiled program takes that takes several."""
    return [rounds for rounds in map(_trips, text.splitlines()) if rounds > 1]


def _read(found: re.Match, line: str, devices: int, times: int) -> Collective:
    kind, size = found["kind"], _bytes(found["result"])
    group = 2 if kind == "collective-permute" else _group(line, devices)
    if found["start"] and kind == "all-gather":  # result: what goes in beside what comes out
        size = size * group // (group + 1)
    elif found["start"] and kind == "collective-permute":
        size //= 2
    origin = _ORIGIN.search(line)
    return Collective(kind, size, group, times, origin[1] if origin else "")


def _bytes(result: str) -> int:
    """Size of all arrays of a result; layouts behind them hold no brackets."""
    return sum(
        math.ceil(_width(kind) * math.prod(map(int, filter(None, sizes.split(",")))) / 8)
        for kind, sizes in _ARRAY.findall(result)
    )


def _width(kind: str) -> int:
    digits = re.search(r"\d+", kind)  # "pred" is a byte; f8e4m3 and c64 say theirs first
    return int(digits[0]) if digits else 8


def _group(line: str, devices: int) -> int:
    if named := _NAMED.search(line):
        sizes = dict(re.findall(r"'(\w+)'=(\d+)", named[1]))
        return math.prod(int(sizes[axis]) for axis in re.findall(r"'(\w+)'", named[2]))
    if iota := _IOTA.search(line):
        return int(iota[2])
    listed = _LISTED.search(line)
    return len(listed[1].split(",")) if listed else devices


def _called(line: str) -> list[str]:
    branches = _BRANCHES.search(line)
    names = re.findall(r"[\w.\-]+", branches[1]) if branches else []
    return [*_CALLED.findall(line), *names]


def _trips(line: str) -> int:
    found = _TRIPS.search(line)
    return int(found[1]) if found else 1


def _times(edges: dict[str, list[tuple[str, int]]], entry: str) -> Callable[[str], int]:
    @functools.cache
    def times(name: str) -> int:
        if name == entry:
            return 1
        return sum(times(caller) * trips for caller, trips in edges.get(name, ()))

    return times
