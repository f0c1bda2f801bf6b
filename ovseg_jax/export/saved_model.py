"""Parts as signatures of a TensorFlow SavedModel, around the programs of `jax.export`.

`jax2tf.convert` (and orbax-export, which calls it) writes StableHLO as new as consumers of four
weeks ago read. TensorFlow is released less often: 2.21 reads 1.13, JAX 0.10 writes 1.15. So the
programs are written as of twelve weeks ago, the oldest that StableHLO offers by name, and called
by the operation that jax2tf uses.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ovseg_jax.export import stablehlo
from ovseg_jax.export.formats import SAVED_MODEL
from ovseg_jax.export.named import named_leaves
from ovseg_jax.export.parts import Part, is_fixed
from ovseg_jax.foundation.errors import MissingPackageError
from ovseg_jax.inference.model import Model


def write(model: Model, parts: Sequence[Part], folder: Path) -> tuple[dict[str, str], str]:
    """Writes one SavedModel with a function and a signature per part; weights are its variables.

    Returns:
        As for `stablehlo.write`.

    Raises:
        MissingPackageError: TensorFlow is not installed.
    """
    check_packages()
    import tensorflow as tf

    module, flat = tf.Module(), named_leaves(model.params, "/")
    used = sorted({path for part in parts for path in part.weights})
    module.weights = {  # type: ignore[attr-defined]
        path.replace("/", "."): tf.Variable(tf.constant(np.asarray(flat[path])), trainable=False)
        for path in used
    }
    functions = {}
    for part in parts:
        weights = {p: module.weights[p.replace("/", ".")] for p in part.weights}  # type: ignore[attr-defined]
        functions[part.name] = _function(part, weights)
        setattr(module, part.name, functions[part.name])
    target = str(folder / SAVED_MODEL)
    tf.saved_model.save(module, target, signatures=functions)
    return {name: SAVED_MODEL for name in functions}, SAVED_MODEL


def lower(parts: Sequence[Part]) -> None:
    """Lowers every part, as StableHLO that TensorFlow reads.

    Raises:
        MissingPackageError: As for `write`.
    """
    check_packages()
    for part in parts:
        _older(stablehlo.exported(part))


def check_packages() -> None:
    """Refuses to work without TensorFlow.

    Raises:
        MissingPackageError: Says what to type.
    """
    if importlib.util.find_spec("tensorflow") is None:
        raise MissingPackageError(
            "--format saved_model needs TensorFlow: pip install 'ovseg-jax[train]'"
        )


def _function(part: Part, weights: dict[str, Any]) -> Callable[..., Any]:
    """A part as a `tf.function` of named tensors."""
    import tensorflow as tf
    from tensorflow.compiler.tf2xla.python import xla

    program = stablehlo.exported(part)
    module, results = _older(program), sorted(part.outputs)
    variables = [weights[path] for path in sorted(part.weights)]
    names = {_argument(name): name for name in sorted(part.inputs)}
    signature = {
        argument: tf.TensorSpec(_sides(part.inputs[name].shape), part.inputs[name].dtype, argument)
        for argument, name in names.items()
    }

    def call(**tensors: Any) -> dict[str, Any]:
        by_name = {name: tensors[argument] for argument, name in names.items()}
        flat = [*variables, *(by_name[name] for name in sorted(by_name))]
        found: Any = xla.call_module(
            [flat[index] for index in program.module_kept_var_idx],
            version=program.calling_convention_version,
            module=module,
            Tout=[tf.dtypes.as_dtype(aval.dtype) for aval in program.out_avals],
            Sout=[_sides(aval.shape) for aval in program.out_avals],
            platforms=[name.upper() for name in program.platforms],
            function_list=[],
            has_token_input_output=False,
            disabled_checks=(),
        )
        return dict(zip(results, found, strict=True))

    return tf.function(call, autograph=False).get_concrete_function(**signature)


def _older(program: Any) -> bytes:
    """The program in StableHLO of twelve weeks ago."""
    from jaxlib.mlir.dialects import stablehlo as dialect

    age = dialect.StablehloCompatibilityRequirement.WEEK_12
    version = dialect.get_version_from_compatibility_requirement(age)
    return dialect.serialize_portable_artifact_str(program.mlir_module(), version)


def _argument(name: str) -> str:
    """TensorFlow takes no dots in names of arguments."""
    return name.replace(".", "_")


def _sides(shape: Sequence[Any]) -> list[int | None]:
    return [side if is_fixed(side) else None for side in shape]
