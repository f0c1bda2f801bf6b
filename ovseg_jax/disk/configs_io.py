"""Configs as JSON and back, strict: a misspelt key names the right one, a wrong type its place."""

from __future__ import annotations

import dataclasses
import difflib
import json
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from ovseg_jax.disk.json_text import JsonError, parse_json
from ovseg_jax.foundation.errors import OvsegError

T = TypeVar("T")


_LARGEST = 2**24


class ConfigError(OvsegError, ValueError):
    """A stored config does not fit the schema; the message names the field."""


def to_dict(config: Any) -> dict[str, Any]:
    """Returns a config as nested dicts and lists, ready for JSON."""
    return json.loads(json.dumps(dataclasses.asdict(config)))


def from_dict(schema: type[T], data: Mapping[str, Any], where: str = "config") -> T:
    """Builds a config from nested dicts; absent fields take their defaults.

    Args:
        schema: A dataclass of `ovseg_jax.config`.
        data: What `to_dict` returned.
        where: Start of the field names in messages.

    Raises:
        ConfigError: An unknown key, or a value of the wrong type.
    """
    return _read_schema(schema, data, where)


def read_json(schema: type[T], path: Path) -> T:
    """Reads a config file.

    Raises:
        ConfigError: The file is not JSON or does not fit the schema.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise ConfigError(f"{path} is too large for a config")
        data = parse_json(path.read_bytes(), str(path))
    except JsonError as error:
        raise ConfigError(str(error)) from error
    return from_dict(schema, data, str(path))


def _read(kind: Any, value: Any, where: str) -> Any:
    origin = typing.get_origin(kind)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return _read_schema(kind, value, where)
    if origin in (typing.Union, types.UnionType):
        return _read_tagged(typing.get_args(kind), value, where)
    if origin is Literal:
        return _read_literal(typing.get_args(kind), value, where)
    if origin is tuple:
        return _read_tuple(typing.get_args(kind), value, where)
    return _read_plain(kind, value, where)


def _read_schema(schema: type[T], value: Any, where: str) -> T:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where}: expected fields of {schema.__name__}, found {_shown(value)}")
    hints = typing.get_type_hints(schema)
    for key in value:
        if key not in hints:
            near = difflib.get_close_matches(key, hints, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(hints)}"
            raise ConfigError(f"{where}: {schema.__name__} has no field {key!r}; {hint}")
    return schema(**{k: _read(hints[k], v, f"{where}.{k}") for k, v in value.items()})


def _read_tagged(options: tuple[type, ...], value: Any, where: str) -> Any:
    """Chooses among dataclasses by the field `kind`."""
    by_kind = {option.kind: option for option in options}
    kind = value.get("kind") if isinstance(value, Mapping) else None
    if not isinstance(kind, str) or kind not in by_kind:
        raise ConfigError(f"{where}.kind: expected one of {list(by_kind)}, found {_shown(kind)}")
    return _read_schema(by_kind[kind], value, where)


def _read_literal(options: tuple[Any, ...], value: Any, where: str) -> Any:
    if value not in options:
        raise ConfigError(f"{where}: expected one of {list(options)}, found {_shown(value)}")
    return value


def _read_tuple(entries: tuple[Any, ...], value: Any, where: str) -> tuple:
    if not isinstance(value, list | tuple):
        raise ConfigError(f"{where}: expected a list, found {_shown(value)}")
    if entries[-1] is Ellipsis:
        entries = entries[:1] * len(value)
    if len(entries) != len(value):
        raise ConfigError(f"{where}: expected {len(entries)} entries, found {len(value)}")
    items = enumerate(zip(entries, value, strict=True))
    return tuple(_read(kind, item, f"{where}[{index}]") for index, (kind, item) in items)


def _read_plain(kind: type, value: Any, where: str) -> Any:
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise ConfigError(f"{where}: expected {kind.__name__}, found {_shown(value)}")
    return value


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}..."
