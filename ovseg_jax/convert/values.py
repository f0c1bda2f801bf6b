"""Values of a checkpoint before they become weights: numbers, and of a fitting size."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import ml_dtypes
import numpy as np

from ovseg_jax.convert.rules import ConversionError, ConversionReport
from ovseg_jax.foundation import trees
from ovseg_jax.foundation.errors import first_few
from ovseg_jax.foundation.typing import Params
from ovseg_jax.loading.finite import Nonfinite, find_nonfinite, find_overflow


def check_values(
    params: Params,
    report: ConversionReport,
    where: str,
    *,
    dtype: str = "float32",
    allow: bool = False,
) -> dict[str, str]:
    """Refuses parameters that are not finite, or would not be in the type that they are stored in.

    Tensors that are left out do not count: a causal mask is infinite.

    Args:
        params: Converted parameters, nested.
        report: What filled them, so that the file's own names can be told.
        where: Name of the file, for messages.
        dtype: The type that they are stored in.
        allow: Accept them.

    Returns:
        What is not finite in each parameter that was accepted.

    Raises:
        ConversionError: Names the tensors, how many of their values are no numbers, and which
            values are too large.
    """
    flat = trees.flatten(params)
    found, large = find_nonfinite(flat), find_overflow(flat, dtype)
    if allow:
        accepted = {path: str(what) for path, what in found.items()}
        return accepted | {path: f"{value:g} in {dtype}" for path, value in large.items()}
    if found:
        raise ConversionError(
            f"{where} holds values that are not finite: {_by_tensor(found, report)}. The training "
            "went bad, or the file is damaged; --allow-nonfinite converts it as it is"
        )
    if large:
        limit = ml_dtypes.finfo(np.dtype(getattr(ml_dtypes, dtype, dtype))).max
        values = (f"{_tensor(path, report)} reaches {value:g}" for path, value in large.items())
        raise ConversionError(
            f"{where} does not fit {dtype}, which ends at {float(limit):g}: "
            f"{first_few(values, 10)}. Store it as bfloat16 or float32 (--dtype); "
            "--allow-nonfinite makes such values infinite"
        )
    return {}


def _by_tensor(found: Mapping[str, Nonfinite], report: ConversionReport) -> str:
    """Counts by the file's tensors: one of queries, keys and values fills three parameters."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for path, what in found.items():
        both = counts[_tensor(path, report)]
        both[0] += what.nan
        both[1] += what.infinite
    return first_few((f"{name} ({Nonfinite(*both)})" for name, both in counts.items()), 10)


def _tensor(path: str, report: ConversionReport) -> str:
    return next((name for name, paths in report.used.items() if path in paths), path)
