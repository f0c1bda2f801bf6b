"""Calls of modules outside of their scope, for transformations that a scope cannot pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn


def call(
    module: nn.Module, variables: Mapping[str, Any], *args: Any, method: str | Callable[..., Any]
) -> Any:
    """Returns what a method of a module answers, given all variables.

    Flax's `apply` answers with a pair where some variables may change. None may here, and so the
    answer comes alone; flax's types do not tell.

    Args:
        module: Without a scope of its own.
        variables: By collection.
        args: Of the method.
        method: Its name, or itself.
    """
    return module.apply(variables, *args, method=method)
