"""A pickle machine that runs nothing of a file, and takes no more than the file's size allows.

A pickle may name only what its kind of file needs, and each of those names stands for something of
ours. That keeps out code. Some pickles harm by their size alone: a memo index of two thousand
million, keys that take an hour to hash, one text copied a million times. Python's machine in C
follows them; this one, Python's own in Python, refuses them.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

from ovseg_jax.foundation.errors import OvsegError

_SLACK = 2**20
_KEYS = (str, bytes, int, float, bool, type(None))


class ReadError(OvsegError, ValueError):
    """A checkpoint cannot be read; the message names the file, what it is, and what to do."""


def reason(error: Exception) -> str:
    """Says in words what went wrong, also for errors that say nothing themselves."""
    if isinstance(error, EOFError):
        return "it ends too early"
    if isinstance(error, MemoryError):
        return "it asks for more memory than there is"
    return f"its pickle cannot be read: {str(error)[:300] or type(error).__name__}"


class StandIn:
    """What an object of a class that a file names becomes: it keeps its state and does nothing."""

    state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


def ordered(pairs: Iterable[Any] = ()) -> dict[Any, Any]:
    """Stands for `OrderedDict`: Python's dicts keep their order."""
    found = {}
    for key, value in pairs:
        check_keys([key])
        found[key] = value
    return found


def check_keys(keys: Iterable[Any]) -> None:
    """Refuses keys whose hash a crafted file could make slow: tuples in tuples in tuples.

    Raises:
        ReadError: A key is no text and no number, nor a tuple of some.
    """
    for key in keys:
        parts = key if isinstance(key, tuple) else (key,)
        if not all(isinstance(part, _KEYS) for part in parts):
            raise ReadError(f"it has a {type(key).__name__} as a key, which no checkpoint needs")


if TYPE_CHECKING:

    class _Machine(pickle._Unpickler):
        """Python's own machine, with those of its parts of which its public types say nothing."""

        dispatch: ClassVar[dict[int, Callable[[Any], None]]]
        stack: list[Any]
        metastack: list[list[Any]]
        read: Callable[[int], bytes]
        append: Callable[[Any], None]

        def _instantiate(self, klass: Any, args: Any) -> None: ...
        def load_reduce(self) -> None: ...
        def load_newobj(self) -> None: ...
        def load_dict(self) -> None: ...
        def load_setitem(self) -> None: ...
        def load_setitems(self) -> None: ...
        def load_additems(self) -> None: ...
        def load_frozenset(self) -> None: ...
else:
    _Machine = pickle._Unpickler  # the one in Python: that in C cannot be held to bounds


class InertUnpickler(_Machine):
    """Resolves the allowed names to our stand-ins and refuses all others."""

    def __init__(self, stream: BinaryIO, size: int, allowed: Mapping[tuple[str, str], Any]):
        """Prepares to read.

        Args:
            stream: The pickle.
            size: Its length in bytes, to which all work is held.
            allowed: What stands for each module and name.
        """
        super().__init__(stream, encoding="latin1")
        self._allowed = allowed
        self._size = size
        self._allowance = 4 * size + _SLACK

    def find_class(self, module: str, name: str) -> Any:
        """Looks a name up; nothing is imported."""
        if (module, name) not in self._allowed:
            raise ReadError(
                f"it asks for {module}.{name}, which a file of weights does not need; nothing was "
                "executed. If you trust the file, load it with the program that wrote it and save "
                "its tensors alone, best as .safetensors"
            )
        return self._allowed[module, name]

    def _spend(self, arguments: Any) -> None:
        """Counts what a call is given, since it may copy all of it."""
        values = arguments.values() if isinstance(arguments, Mapping) else arguments
        if isinstance(values, str | bytes | bytearray) or not isinstance(values, Iterable):
            values = (values,)
        sized = (str, bytes, bytearray, list, tuple, dict, set)
        self._allowance -= 1 + sum(len(value) for value in values if isinstance(value, sized))
        if self._allowance < 0:
            raise ReadError("it copies its content over and over, which no checkpoint needs")

    def _build(self) -> None:
        """Gives a stand-in its state; nothing else has any that matters here."""
        state = self.stack.pop()
        if isinstance(self.stack[-1], StandIn):
            self._spend(state)
            self.stack[-1].__setstate__(state)

    def _call(self) -> None:
        self._spend(self.stack[-1])
        super().load_reduce()

    def _instantiate(self, klass: Any, args: Any) -> None:
        self._spend(args)
        super()._instantiate(klass, args)

    def _new(self) -> None:
        self._spend(self.stack[-1])
        super().load_newobj()

    def _dict(self) -> None:
        check_keys(self.stack[::2])
        super().load_dict()

    def _set_item(self) -> None:
        check_keys(self.stack[-2:-1])
        self._on(dict, -3)
        super().load_setitem()

    def _set_items(self) -> None:
        check_keys(self.stack[::2])
        self._on(dict, -1, self.metastack[-1])
        super().load_setitems()

    def _add_items(self) -> None:
        check_keys(self.stack)
        self._on(set, -1, self.metastack[-1])
        super().load_additems()

    def _frozen_set(self) -> None:
        check_keys(self.stack)
        super().load_frozenset()

    def _byte_array(self) -> None:
        length = int.from_bytes(self.read(8), "little")
        if length > self._size:
            raise ReadError("it announces more bytes than the file has")
        self.append(bytearray(self.read(length)))

    def _on(self, kind: type, place: int, stack: list | None = None) -> None:
        found = (self.stack if stack is None else stack)[place]
        if not isinstance(found, kind):
            raise ReadError(f"it fills a {type(found).__name__} as if it were a {kind.__name__}")

    def _refuse(self) -> None:
        raise ReadError("it uses a code of pickles that no checkpoint needs; nothing was executed")

    dispatch = {
        **pickle._Unpickler.dispatch,
        pickle.BUILD[0]: _build,
        pickle.REDUCE[0]: _call,
        pickle.NEWOBJ[0]: _new,
        pickle.NEWOBJ_EX[0]: _refuse,
        pickle.DICT[0]: _dict,
        pickle.SETITEM[0]: _set_item,
        pickle.SETITEMS[0]: _set_items,
        pickle.ADDITEMS[0]: _add_items,
        pickle.FROZENSET[0]: _frozen_set,
        pickle.BYTEARRAY8[0]: _byte_array,
        pickle.EXT1[0]: _refuse,
        pickle.EXT2[0]: _refuse,
        pickle.EXT4[0]: _refuse,
    }
