"""Parts as programs of `jax.export`: StableHLO, for CPU, CUDA and TPU in one file.

Weights are arguments and lie beside the programs, in one safetensors file that all parts share. So
a program stays below a megabyte however large the model is (its format ends at 2 GiB), weights can
be sharded or replaced, and nothing is stored twice.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import jax
from jax import export

from ovseg_jax.export.formats import SAFETENSORS
from ovseg_jax.export.parameters import write_safetensors
from ovseg_jax.export.parts import Part
from ovseg_jax.foundation.errors import MissingPackageError
from ovseg_jax.inference.model import Model

PLATFORMS = ("cpu", "cuda", "tpu")


def write(model: Model, parts: Sequence[Part], folder: Path) -> tuple[dict[str, str], str]:
    """Writes the programs and the weights.

    Returns:
        The file of each part, and that of the weights.

    Raises:
        MissingPackageError: flatbuffers is not installed.
    """
    check_packages()
    files = {}
    for part in parts:
        files[part.name] = f"{part.name}.stablehlo"
        (folder / files[part.name]).write_bytes(exported(part).serialize())
    write_safetensors(model.config, model.params, folder)
    return files, SAFETENSORS


def lower(parts: Sequence[Part]) -> None:
    """Lowers every part for every platform; compiles nothing.

    Raises:
        MissingPackageError: As for `write`.
    """
    check_packages()
    for part in parts:
        exported(part)


def exported(part: Part) -> export.Exported:
    """Returns a part lowered for all platforms: `call(weights, inputs)` gives its outputs."""
    return export.export(jax.jit(part.function), platforms=PLATFORMS)(part.weights, part.inputs)


def check_packages() -> None:
    """Refuses to work without what `jax.export` does not declare.

    Raises:
        MissingPackageError: Says what to type.
    """
    if importlib.util.find_spec("flatbuffers") is None:
        raise MissingPackageError(
            "--format stablehlo needs flatbuffers, which jax.export writes with: "
            "pip install flatbuffers"
        )
