"""Shapes of the parameters of modules whose sizes were read off a file."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from ovseg_jax.convert.rules import ConversionError


def floats(*shape: int) -> jax.ShapeDtypeStruct:
    """Stands for an array of a shape; nothing is allocated, whatever the file says."""
    return jax.ShapeDtypeStruct(shape, jnp.float32)


def expected_of(module: Any, *arguments: Any, **options: Any) -> Mapping[str, Any]:
    """Returns the shapes of a module's parameters, nested.

    Args:
        module: With sizes from a file.
        *arguments: Shapes of what it is called with.
        **options: Passed to `module.init` as they are.

    Raises:
        ConversionError: No module has such sizes.
    """
    try:
        init = functools.partial(module.init, **options)
        return jax.eval_shape(init, jax.random.key(0), *arguments)["params"]
    except Exception as error:  # zero heads, widths that do not divide: modules fail in many ways
        reason = str(error).strip().split("\n")[0][:200]
        raise ConversionError(
            f"the sizes of its tensors fit no {type(module).__name__}: {reason}"
        ) from error
