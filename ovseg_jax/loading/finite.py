"""Values that are no numbers: found in arrays at the speed of reading, named with their counts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import ml_dtypes
import numpy as np


@dataclasses.dataclass(frozen=True)
class Nonfinite:
    """What an array holds besides numbers.

    Attributes:
        nan: How many entries are NaN.
        infinite: How many are infinite.
    """

    nan: int
    infinite: int

    def __str__(self) -> str:
        parts = {"NaN": self.nan, "infinite": self.infinite}
        return " and ".join(f"{count:,} {name}" for name, count in parts.items() if count)


def find_nonfinite(arrays: Mapping[str, np.ndarray]) -> dict[str, Nonfinite]:
    """Returns what arrays hold besides numbers, for those that hold any.

    Args:
        arrays: By name; arrays of integers are never listed.
    """
    return {
        name: Nonfinite(int(np.isnan(array).sum()), int(np.isinf(array).sum()))
        for name, array in arrays.items()
        if not np.isfinite(_extreme(array))
    }


def find_overflow(arrays: Mapping[str, np.ndarray], dtype: str) -> dict[str, float]:
    """Returns the largest magnitude of each array that another type would make infinite.

    Args:
        arrays: By name, as floats; those that are not finite to begin with are left out.
        dtype: The other type, such as "float16".
    """
    extremes = {name: _extreme(array) for name, array in arrays.items()}
    kind = np.dtype(getattr(ml_dtypes, dtype, dtype))
    with np.errstate(over="ignore"):
        return {
            name: float(extreme)
            for name, extreme in extremes.items()
            if np.isfinite(extreme) and not np.isfinite(np.asarray(extreme).astype(kind))
        }


def _extreme(array: np.ndarray) -> np.floating:
    """Returns the largest magnitude; NaN if there is any. No array of the same size is made."""
    if array.size == 0 or array.dtype.kind in "iub":
        return np.float32(0)
    return np.maximum(np.abs(array.max()), np.abs(array.min()))
