"""CVAT's run lengths: of the pixels of a box alone, row by row, outside first."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
from jaxtyping import Bool

from ovseg_jax.foundation.errors import MasksError
from ovseg_jax.masks.found import Size


@dataclasses.dataclass(frozen=True)
class BoxMask:
    """A mask as CVAT stores it.

    Attributes:
        left: First column of the box.
        top: First row.
        width: Its columns.
        height: Its rows.
        rle: Run lengths as text, "3, 5, 2".
    """

    left: int
    top: int
    width: int
    height: int
    rle: str


def encode_box_rle(mask: Bool[np.ndarray, "H W"]) -> BoxMask:
    """Encodes a mask that covers at least one pixel."""
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    flat = mask[top:bottom, left:right].ravel()
    starts = np.flatnonzero(np.diff(np.r_[False, flat]))
    runs = np.diff(np.r_[0, starts, flat.size])
    return BoxMask(
        left=int(left),
        top=int(top),
        width=int(right - left),
        height=int(bottom - top),
        rle=", ".join(map(str, runs.tolist())),
    )


def decode_box_rle(stored: BoxMask, size: Size) -> Bool[np.ndarray, "H W"]:
    """Draws a mask of CVAT into the photo's frame.

    Raises:
        MasksError: It is malformed or reaches beyond the photo, which is checked before decoding.
    """
    own = stored.left, stored.top, stored.width, stored.height
    right, bottom = stored.left + stored.width, stored.top + stored.height
    if min(own[:2]) < 0 or min(own[2:]) < 1 or right > size[1] or bottom > size[0]:
        raise MasksError(f"a mask's box {own} does not lie in the photo of {size[0]} x {size[1]}")
    if not re.fullmatch(r"\s*\d{1,12}(\s*,\s*\d{1,12})*\s*", stored.rle):
        raise MasksError("'rle' is not a list of run lengths")
    runs = [int(run) for run in stored.rle.split(",")]
    if sum(runs) != stored.width * stored.height:
        raise MasksError(
            f"the runs add up to {sum(runs)} pixels, not {stored.height} x {stored.width}"
        )
    values = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    drawn = np.zeros(size, bool)
    drawn[stored.top : bottom, stored.left : right] = values.reshape(stored.height, stored.width)
    return drawn
