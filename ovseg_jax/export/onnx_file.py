"""Parts as ONNX files, through jax2onnx.

jax2onnx pins much of what it stands on, so it belongs into an environment of its own (`pip install
'ovseg-jax[onnx]'` there). What it cannot convert is refused by the name of the operation. Shapes
that are sums of unknown sides are such: the scorer adds a column to the classes, so words have a
fixed number of slots here, filled up as `docs/export.md` says.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ovseg_jax.export import stablehlo
from ovseg_jax.export.named import named_leaves
from ovseg_jax.export.one_platform import for_platform
from ovseg_jax.export.parts import Part
from ovseg_jax.foundation.errors import MissingPackageError, ModelError
from ovseg_jax.inference.model import Model

OPSET = 21
INSIDE = 2**30
"""Bytes of weights up to which a file holds them itself; protobuf ends at 2 GiB."""


def write(model: Model, parts: Sequence[Part], folder: Path) -> tuple[dict[str, str], str]:
    """Converts the parts; weights are inside, or in a file beside where they are large.

    Returns:
        The file of each part, and "inside".

    Raises:
        MissingPackageError: jax2onnx is not installed.
        ModelError: It cannot convert an operation, or ONNX Runtime cannot run what it wrote.
    """
    check_packages()
    import onnx  # type: ignore[reportMissingImports]

    flat, files = named_leaves(model.params, "/"), {}
    for part in parts:
        files[part.name] = f"{part.name}.onnx"
        weights = {path: np.asarray(flat[path]) for path in part.weights}
        large = sum(array.nbytes for array in weights.values()) > INSIDE
        beside = {"save_as_external_data": True, "location": f"{part.name}.onnx.data"}
        found = _converted(part, weights)
        onnx.save(found, folder / files[part.name], **(beside if large else {}))
        _run_once(part, folder / files[part.name])
    return files, "inside"


def lower(parts: Sequence[Part]) -> None:
    """Traces the parts as the converter sees them; whether it knows all of it shows in `write`.

    Raises:
        MissingPackageError: As for `write`.
    """
    check_packages()
    stablehlo.lower(parts)


def check_packages() -> None:
    """Refuses to work without jax2onnx.

    Raises:
        MissingPackageError: Says what to type.
    """
    if not all(map(importlib.util.find_spec, ("jax2onnx", "onnxruntime"))):
        raise MissingPackageError(
            "--format onnx needs jax2onnx and onnxruntime, in an environment of its own: "
            "pip install 'ovseg-jax[onnx]' there"
        )


def _converted(part: Part, weights: dict[str, np.ndarray]) -> Any:
    from jax2onnx import to_onnx  # type: ignore[reportMissingImports]

    names = sorted(part.inputs)

    def function(*arrays: Any) -> tuple[Any, ...]:
        # No platform has this name, so every operation takes its usual form.
        compute = for_platform(part.function, "onnx")
        found = compute(weights, dict(zip(names, arrays, strict=True)))
        return tuple(found[name] for name in sorted(found))

    try:
        with _quiet():
            return to_onnx(
                function,
                inputs=[part.inputs[name] for name in names],
                input_names=names,
                output_names=sorted(part.outputs),
                model_name=part.name,
                opset=OPSET,
            )
    except Exception as error:  # converters fail in many ways
        reason = str(error).strip().split("\n")[0][:300]
        raise ModelError(f"jax2onnx cannot convert the part {part.name!r}: {reason}") from error


def _run_once(part: Part, file: Path) -> None:
    """Runs a part on zeros: some of what the converter writes is refused only there.

    Raises:
        ModelError: ONNX Runtime refuses it.
    """
    import onnxruntime  # type: ignore[reportMissingImports]

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(file, options)
        zeros = {name: np.zeros(each.shape, each.dtype) for name, each in part.inputs.items()}
        taken = {each.name: zeros[each.name] for each in session.get_inputs()}
        session.run(None, taken)
    except Exception as error:  # its errors share no class
        reason = " ".join(str(error).split())[-300:]
        raise ModelError(f"ONNX Runtime cannot run the part {part.name!r}: {reason}") from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The converter warns of each shape that it does not write down."""
    logger = logging.getLogger("onnx_ir.serde")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
