"""What wrappers leave in the names of tensors: compilers, data parallelism, larger models."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import numpy as np

from ovseg_jax.convert.reading.inert import ReadError

_PREFIXES = ("module.", "model.", "clip_model.", "clip.")
_ANYWHERE = re.compile(
    r"(?:^|(?<=\.))(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\."
)
"""torch.compile, FSDP and activation checkpointing wrap a module wherever it stands."""


def plain_names(
    tensors: Mapping[str, np.ndarray],
) -> tuple[dict[str, np.ndarray], str, tuple[str, ...]]:
    """Takes wrappers off the names of tensors.

    Returns:
        Tensors by plain names, the prefix that all had, and wrappers that stood anywhere.

    Raises:
        ReadError: Two names are the same without wrappers.
    """
    plain, wrappers = _without_wrappers(tensors)
    prefix = ""
    while plain and (part := _common_prefix(plain)):
        plain = {name.removeprefix(part): array for name, array in plain.items()}
        prefix += part
    return plain, prefix, wrappers


def _without_wrappers(
    tensors: Mapping[str, np.ndarray],
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    plain, removed = {}, {}
    for name, array in tensors.items():
        short = _ANYWHERE.sub("", name)
        if short in plain:
            raise ReadError(f"{name} stands twice, with and without the name of a wrapper")
        plain[short] = array
        removed |= dict.fromkeys(f"{wrapper}." for wrapper in _ANYWHERE.findall(name))
    return plain, tuple(removed)


def _common_prefix(names: Iterable[str]) -> str:
    """Returns the wrapper's prefix that all names begin with, or nothing."""
    return next((p for p in _PREFIXES if all(name.startswith(p) for name in names)), "")
