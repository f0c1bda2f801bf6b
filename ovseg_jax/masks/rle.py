"""COCO's run-length encoding of masks, decoded with every length checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool

from ovseg_jax.foundation.errors import MasksError
from ovseg_jax.masks.found import Size


def decode_rle(rle: Mapping[str, Any]) -> Bool[np.ndarray, "H W"]:
    """Decodes {"size": [height, width], "counts": string, bytes or list of run lengths}.

    Raises:
        MasksError: Says what is wrong with the encoding.
    """
    height, width = rle_size(rle)
    counts = rle.get("counts")
    if isinstance(counts, str | bytes):
        runs = _unpack(counts.encode("utf-8", "replace") if isinstance(counts, str) else counts)
    elif isinstance(counts, list) and all(type(run) is int for run in counts):
        runs = counts
    else:
        raise MasksError(f"'counts' is {type(counts).__name__}, not a string or a list of integers")
    if any(run < 0 for run in runs):
        raise MasksError(f"'counts' holds the run {min(runs)}, and runs are never negative")
    if sum(runs) != height * width:
        raise MasksError(
            f"the runs add up to {sum(runs)} pixels, not {height} x {width} = {height * width}; "
            "run lengths of CVAT (of a box alone) and of Label Studio (of bits) are no COCO RLE: "
            "export COCO from there, or PNG masks"
        )
    values = np.arange(len(runs)) % 2 == 1  # runs alternate, outside first
    return np.repeat(values, runs).reshape(width, height).T  # columns first


def decode_rle_of(rle: Mapping[str, Any], size: Size) -> Bool[np.ndarray, "H W"]:
    """Decodes run lengths of a photo of this height and width.

    Raises:
        MasksError: They are malformed, or of another size, which is checked before decoding.
    """
    found = rle_size(rle)
    if found == size:
        return decode_rle(rle)
    if found == size[::-1]:
        raise MasksError(
            f"'size' is {list(found)}, the photo has [height, width] {list(size)}; if the tool "
            "wrote [width, height], swap them"
        )
    raise MasksError(
        f"is {found[0]} x {found[1]} (height x width), the image {size[0]} x {size[1]}"
    )


def rle_size(rle: Mapping[str, Any]) -> Size:
    """Returns height and width.

    Raises:
        MasksError: They are missing or not two positive integers.
    """
    size = rle.get("size")
    sides = size if isinstance(size, list | tuple) else ()
    if len(sides) != 2 or not all(type(side) is int and side > 0 for side in sides):
        raise MasksError(f"'size' is {size!r:.99}, not [height, width]")
    return sides[0], sides[1]


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
            if shift > 60:
                raise MasksError("'counts' holds a number of more than 60 bits")
            continue
        if bits & 16:  # negative
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value, shift = 0, 0
    if shift:
        raise MasksError("'counts' ends in the middle of a number")
    return runs
