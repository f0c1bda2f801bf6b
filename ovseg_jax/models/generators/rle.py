"""COCO's run-length encoding of masks, decoded with every length checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool

from ovseg_jax.errors import MasksError


def decode_rle(rle: Mapping[str, Any]) -> Bool[np.ndarray, "H W"]:
    """Decodes {"size": [height, width], "counts": string, bytes or list of run lengths}.

    Raises:
        MasksError: Says what is wrong with the encoding.
    """
    height, width = rle_size(rle)
    counts = rle.get("counts")
    if isinstance(counts, str | bytes):
        runs = _unpack(counts.encode() if isinstance(counts, str) else counts)
    elif isinstance(counts, list) and all(type(run) is int for run in counts):
        runs = counts
    else:
        raise MasksError(f"'counts' is {type(counts).__name__}, not a string or a list of integers")
    if any(run < 0 for run in runs) or sum(runs) != height * width:
        raise MasksError(f"the runs add up to {sum(runs)} pixels, not {height} x {width}")
    values = np.arange(len(runs)) % 2 == 1  # runs alternate, outside first
    return np.repeat(values, runs).reshape(width, height).T  # columns first


def rle_size(rle: Mapping[str, Any]) -> tuple[int, int]:
    """Returns height and width.

    Raises:
        MasksError: They are missing or not two positive integers.
    """
    size = rle.get("size")
    right = isinstance(size, list | tuple) and len(size) == 2
    if not right or not all(type(side) is int and side > 0 for side in size):
        raise MasksError(f"'size' is {size!r}, not [height, width]")
    return size[0], size[1]


def _unpack(packed: bytes) -> list[int]:
    """Undoes COCO's text packing: five bits a character, from the third run on as differences."""
    runs: list[int] = []
    value, shift = 0, 0
    for character in packed:
        bits = character - 48
        if not 0 <= bits < 64:
            raise MasksError(f"'counts' holds the character {chr(character)!r}")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:  # more characters follow
            continue
        if bits & 16:  # negative
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value, shift = 0, 0
    if shift:
        raise MasksError("'counts' ends in the middle of a number")
    return runs
