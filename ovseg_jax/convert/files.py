"""One published file in, one weights directory out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from ovseg_jax.config import ModelConfig
from ovseg_jax.convert.clip import convert_open_clip
from ovseg_jax.convert.mask_adapter import convert_mask_adapter
from ovseg_jax.convert.readers import file_hash, read_tensors
from ovseg_jax.convert.rules import Report, Tensors
from ovseg_jax.typing import Params
from ovseg_jax.weights import save_weights

CONVERTERS: dict[str, Callable[[Tensors, str], tuple[ModelConfig, Params, Report]]] = {
    "open_clip": convert_open_clip,
    "mask_adapter": convert_mask_adapter,
}
"""Kinds of files by the name that `ovseg convert` takes."""


def convert_file(
    kind: str,
    source: Path | str,
    target: Path | str,
    *,
    layout: Literal["safetensors", "orbax"] = "safetensors",
    dtype: Literal["float32", "float16"] = "float32",
) -> tuple[ModelConfig, Report]:
    """Converts a checkpoint; `report.json` beside the weights says what became of each tensor.

    Args:
        kind: A key of `CONVERTERS`.
        source: The published file.
        target: The weights directory to write.
        layout: See `ovseg_jax.weights.save_weights`.
        dtype: Precision of the stored parameters.

    Returns:
        The model found in the file, and what became of its tensors.

    Raises:
        ValueError: No such kind; or the file cannot be read, does not fit, or cannot be written
            (`ReadError`, `ConversionError`, `WeightsError`).
    """
    if kind not in CONVERTERS:
        raise ValueError(f"no converter {kind!r}; known: {', '.join(CONVERTERS)}")
    config, params, report = CONVERTERS[kind](read_tensors(source), str(source))
    origin = {
        "kind": kind,
        "source": Path(source).name,
        "sha256": file_hash(source),
        "used": report.used,
        "skipped": report.skipped,
    }
    save_weights(target, config, params, layout=layout, dtype=dtype, report=origin)
    return config, report
