"""How large the numbers of a stored model's description may be.

A weights directory may come from anywhere. Its numbers decide how many layers are built and how far
photos are enlarged, so they are held to what any model of this package could want.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from ovseg_jax.config import ModelConfig
from ovseg_jax.disk.configs_io import ConfigError

LARGEST = {
    **dict.fromkeys(("encoder_layers", "decoder_layers", "num_blocks", "word_blocks"), 64),
    **dict.fromkeys(("adapter_layers", "levels", "prompt_depth", "depth", "relative_blocks"), 64),
    **dict.fromkeys(("short_side", "long_side", "crop_size", "clip_size"), 8192),
    **{"points_per_side": 256, "crop_layers": 3, "crop_points_factor": 64},
}
"""The largest value of a field, by its name; others may reach `ANY`."""
ANY = 65536


def check_limits(config: ModelConfig, where: str) -> None:
    """Refuses a description with numbers that no model has.

    Raises:
        ConfigError: Names the first field that is out of range.
    """
    for path, value in _whole_numbers(config, where):
        field = path.rpartition(".")[2].partition("[")[0]
        largest = LARGEST.get(field, ANY)
        if not 0 <= value <= largest:
            shown = str(value) if abs(value) < 10**20 else "a number of many digits"
            raise ConfigError(f"{path}: expected 0 to {largest}, found {shown}")


def _whole_numbers(value: Any, path: str) -> Iterator[tuple[str, int]]:
    if dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from _whole_numbers(getattr(value, field.name), f"{path}.{field.name}")
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _whole_numbers(item, f"{path}[{index}]")
    elif type(value) is int:
        yield path, value
