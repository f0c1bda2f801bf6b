"""The arrays of a weights directory: read from disk, held to its size, checked to be numbers."""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import ml_dtypes
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file

from ovseg_jax.disk.json_text import JsonError, parse_json
from ovseg_jax.foundation import trees
from ovseg_jax.foundation.errors import OvsegError, first_few, warn
from ovseg_jax.foundation.typing import Params
from ovseg_jax.loading.finite import Nonfinite, find_nonfinite

SAFETENSORS, ORBAX, REPORT = "model.safetensors", "params", "report.json"
NONFINITE = "nonfinite"
"""Entry of the report: parameters whose values were accepted though they are not finite."""
_TIMES, _SLACK = 1000, 2**29
"""Orbax compresses; constant arrays shrink a thousandfold."""
_LARGEST_REPORT = 2**26
_ARRAY_HEADERS = {".zarray": "zarr", "zarr.json": "zarr3"}
"""What describes an array, and the driver that reads it."""


class WeightsError(OvsegError, ValueError):
    """A weights directory cannot be read or written; the message says which file and why."""


class StoredArray(NamedTuple):
    """One array of a weights directory that is read when it is wanted.

    Attributes:
        shape: Its sides.
        read: Returns it, as float32.
    """

    shape: tuple[int, ...]
    read: Callable[[], np.ndarray]


def open_arrays(folder: Path) -> dict[str, StoredArray]:
    """Opens the parameters of a weights directory by path, so that each can be read by itself.

    Args:
        folder: The directory.

    Raises:
        WeightsError: See `read_arrays`; what is damaged inside an array is told when that is read.
    """
    path = folder / SAFETENSORS
    if path.exists():
        shapes = trees.flatten(read_shapes(folder))
        reads = {name: functools.partial(_read_tensor, path, name) for name in shapes}
        return {name: StoredArray(leaf.shape, reads[name]) for name, leaf in shapes.items()}
    with _explained(folder / ORBAX):
        arrays = _open_arrays(folder / ORBAX)
    return {
        name: StoredArray(tuple(array.shape), functools.partial(_read_stored, folder, name, array))
        for name, array in arrays.items()
    }


def _read_tensor(path: Path, name: str) -> np.ndarray:
    try:
        with safe_open(path, framework="numpy") as file:
            return _as_floats(file.get_tensor(name), path.parent, name)
    except (SafetensorError, OSError, LookupError, ValueError, TypeError, AttributeError) as error:
        if isinstance(error, OvsegError):
            raise
        raise WeightsError(f"{path} cannot be read: {error}") from error


def _read_stored(folder: Path, name: str, array: Any) -> np.ndarray:
    with _explained(folder / ORBAX):
        return _as_floats(np.asarray(array.read().result()), folder, name)


def _as_floats(array: np.ndarray, folder: Path, name: str) -> np.ndarray:
    if array.dtype.kind != "f" and array.dtype != ml_dtypes.bfloat16:
        raise WeightsError(f"{folder}: {name} holds {array.dtype}, but parameters are floats")
    return np.asarray(array, np.float32)


def read_arrays(folder: Path) -> Params:
    """Reads the parameters of a weights directory.

    Returns:
        Nested float32 arrays.

    Raises:
        WeightsError: A file is missing or damaged, describes more than it can hold, or holds what
            no parameters are.
    """
    params = _read_safetensors(folder) if (folder / SAFETENSORS).exists() else _read_orbax(folder)
    flat = trees.flatten(params)
    return trees.unflatten({path: _as_floats(array, folder, path) for path, array in flat.items()})


def read_shapes(folder: Path) -> Params:
    """Reads the shapes of the parameters of a weights directory, and nothing else.

    Raises:
        WeightsError: See `read_arrays`.
    """
    path = folder / SAFETENSORS
    if not path.exists():
        return _read_orbax_shapes(folder)
    try:
        with safe_open(path, framework="numpy") as file:
            sizes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
        return trees.unflatten(
            {name: jax.ShapeDtypeStruct(tuple(size), np.float32) for name, size in sizes.items()}
        )
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise WeightsError(f"{path} cannot be read: {error}") from error


def check_finite(params: Params, folder: Path) -> None:
    """Refuses parameters that are NaN or infinite, and warns of those that were accepted before.

    Raises:
        WeightsError: Names the parameters and how many of their values are no numbers.
    """
    tell_nonfinite(find_nonfinite(trees.flatten(params)), folder)


def tell_nonfinite(found: Mapping[str, Nonfinite], folder: Path) -> None:
    """As `check_finite`, for what was found before.

    Args:
        found: Parameters with values that are no numbers.
        folder: Where they were read.

    Raises:
        WeightsError: See `check_finite`.
    """
    if not found:
        return
    accepted = _accepted(folder / REPORT)
    named = first_few((f"{path} ({what})" for path, what in found.items()), 10)
    if found.keys() <= accepted:
        warn(f"{folder} holds values that are not finite, as its report says: {named}")
        return
    raise WeightsError(
        f"{folder} holds values that are not finite: {named}. The training that wrote it went bad, "
        "or a file is damaged; take weights from an earlier step"
    )


def _accepted(report: Path) -> set[str]:
    """Returns the parameters that `ovseg convert --allow-nonfinite` accepted."""
    try:
        if report.stat().st_size > _LARGEST_REPORT:
            return set()
        content = parse_json(report.read_bytes(), str(report))
    except (OSError, JsonError):
        return set()
    listed = content.get(NONFINITE) if isinstance(content, Mapping) else None
    return set(listed) if isinstance(listed, Mapping) else set()


def _read_safetensors(folder: Path) -> Params:
    path = folder / SAFETENSORS
    try:
        return trees.unflatten(load_file(path))
    except trees.TreeError as error:
        raise WeightsError(f"{path} cannot be read: {error}") from error
    except (SafetensorError, OSError, LookupError, ValueError, TypeError, AttributeError) as error:
        raise WeightsError(f"{path} cannot be read: {error}") from error


def _read_orbax(folder: Path) -> Params:
    """Reads what Orbax wrote, by the library under it, which tells shapes before it reads."""
    with _explained(folder / ORBAX):
        reads = {name: array.read() for name, array in _open_arrays(folder / ORBAX).items()}
        return trees.unflatten({name: np.asarray(read.result()) for name, read in reads.items()})


def _read_orbax_shapes(folder: Path) -> Params:
    with _explained(folder / ORBAX):
        arrays = _open_arrays(folder / ORBAX)
        return trees.unflatten(
            {name: jax.ShapeDtypeStruct(array.shape, np.float32) for name, array in arrays.items()}
        )


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turns what damage raises, errors of many kinds, into one."""
    try:
        yield
    except OvsegError:
        raise
    except Exception as error:
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise WeightsError(f"{path} cannot be read: {reason[:500]}") from error


def _open_arrays(path: Path) -> dict[str, Any]:
    """Opens the arrays of a checkpoint by path; Orbax joins the keys of a tree with dots."""
    import tensorstore

    store = {"driver": "ocdbt", "base": {"driver": "file", "path": f"{path.absolute()}/"}}
    opened = {}
    for key in tensorstore.KvStore.open(store).result().list().result():
        name, _, header = key.decode().rpartition("/")
        if header in _ARRAY_HEADERS:
            place = {"driver": _ARRAY_HEADERS[header], "kvstore": store | {"path": f"{name}/"}}
            opened[name.replace(".", "/")] = tensorstore.open(place, open=True, read=True)
    if not opened:
        raise WeightsError(f"{path} cannot be read: it holds no arrays")
    arrays = {name: array.result() for name, array in opened.items()}
    _check_described(arrays, path)
    return arrays


def _check_described(arrays: Mapping[str, Any], path: Path) -> None:
    """Refuses arrays, or chunks of them, that are far larger than the files that hold them."""
    shapes = [
        np.maximum(array.shape, array.chunk_layout.read_chunk.shape or array.shape)
        for array in arrays.values()
    ]
    described = 4 * sum(math.prod(map(int, shape)) for shape in shapes)
    held = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    if described > _TIMES * held + _SLACK:
        raise WeightsError(
            f"{path} has {held:,} bytes but describes arrays of {described:,}; it is damaged"
        )
