"""A step of answering that need not be traced again at the next start.

Tracing a model is Python's work: one to some seconds for each start, where compiled programs are
kept. So the traced program is kept too, as StableHLO by `jax.export`, which holds no Python.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
from jax.core import Tracer

from ovseg_jax.disk.programs import is_keeping, keep_traced, read_traced, traced_file
from ovseg_jax.foundation.errors import ModelError
from ovseg_jax.foundation.typing import Opinion, Struct
from ovseg_jax.ops.compiler import compiler_options


class KeptStep:
    """A jitted function of arrays whose traced form outlives the process, where that is wanted.

    Where nothing is kept (`ovseg_jax.disk.programs`) and on several devices, it is `jax.jit` of the
    function and no more.
    """

    def __init__(self, function: Callable[..., Any], *about: object, static: tuple[str, ...] = ()):
        """Traces nothing yet.

        Args:
            function: Takes and returns trees of arrays; `static` arguments by name.
            about: What the function depends on beside its arguments, for `traced_file`.
            static: Names of arguments that are no arrays.
        """
        self._function, self._about = function, (getattr(function, "__name__", ""), *about)
        self.jitted = jax.jit(function, static_argnames=static, compiler_options=compiler_options())
        self._made: dict[Any, Callable[..., Any]] = {}

    def __call__(self, *inputs: Any, **static: Any) -> Any:
        """Computes the function."""
        if not is_keeping():
            return self.jitted(*inputs, **static)
        leaves, tree = jax.tree.flatten(inputs)
        if not _on_one_device(leaves):
            return self.jitted(*inputs, **static)
        shapes = tuple((leaf.shape, leaf.dtype) for leaf in leaves)
        key = (tree, shapes, tuple(static.items()))
        if key not in self._made:
            file = traced_file(*self._about, *key)
            plain = functools.partial(self.jitted, **static)
            self._made[key] = plain if file is None else self._kept(file, inputs, static) or plain
        return self._made[key](*inputs)

    def _kept(
        self, file: Path, inputs: tuple[Any, ...], static: dict[str, Any]
    ) -> Callable[..., Any] | None:
        """Returns the program that is kept, or traces and keeps it; None if neither works."""
        try:
            from jax import export

            _name_structs()
            program = _read(read_traced(file))
            if program is None:
                function = jax.jit(functools.partial(self._function, **static))
                program = export.export(function)(*inputs)
                keep_traced(file, lambda: bytes(program.serialize()))
        except (ImportError, ValueError, TypeError, KeyError, NotImplementedError):
            return None  # what no file can hold; errors of the function itself come again
        return jax.jit(program.call, compiler_options=compiler_options())


def _on_one_device(leaves: list[Any]) -> bool:
    for leaf in leaves:
        if isinstance(leaf, Tracer) or not hasattr(leaf, "dtype"):
            return False
        if isinstance(leaf, jax.Array) and len(leaf.sharding.device_set) > 1:
            return False
    return True


def _read(content: bytes | None) -> Any:
    """Returns a kept program; None for none, and for a file that is damaged."""
    from jax import export

    try:
        return None if content is None else export.deserialize(bytearray(content))
    except Exception:  # flatbuffers and MLIR complain in ways of their own
        return None


@functools.cache
def _name_structs() -> None:
    """Tells `jax.export` how our structs are called and what their fixed fields are."""
    from jax import export

    for each in _below(Struct):
        export.register_pytree_node_serialization(
            each,
            serialized_name=f"{each.__module__}.{each.__qualname__}",
            serialize_auxdata=_write_fixed,
            deserialize_auxdata=_read_fixed,
        )


def _below(kind: type) -> list[type]:
    return [each for one in kind.__subclasses__() for each in (one, *_below(one))]


def _write_fixed(fields: tuple[Any, ...]) -> bytes:
    values = [{"opinion": each.value} if isinstance(each, Opinion) else each for each in fields]
    if json.loads(json.dumps(values)) != values:
        raise ModelError(f"{fields} cannot be written as JSON, so the program is not kept")
    return json.dumps(values).encode()


def _read_fixed(content: bytes) -> tuple[Any, ...]:
    values = json.loads(content)
    return tuple(Opinion(each["opinion"]) if isinstance(each, dict) else each for each in values)
