"""Configs field by field, and the fields in which two of them differ."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from ovseg_jax.foundation import trees


@dataclasses.dataclass(frozen=True)
class Change:
    """One field that differs; None stands for a field that is absent on one side.

    Attributes:
        field: Parts joined by slashes, `optimizer/peak_lr`.
        old: Value in the record.
        new: Value asked for.
    """

    field: str
    old: Any
    new: Any

    def __str__(self) -> str:
        """The field as options write it, and both values."""
        return f"{self.field.replace('/', '.')}: {json.dumps(self.old)} -> {json.dumps(self.new)}"


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """Lists the fields in which two flat configs differ, in the order of the new one."""
    names = dict.fromkeys([*new, *old])
    pairs = ((name, old.get(name), new.get(name)) for name in names)
    return [Change(name, before, after) for name, before, after in pairs if before != after]


def fields_of(value: Any, prefix: str = "") -> dict[str, Any]:
    """Returns every value of a config by its path; lists of sections are numbered.

    Args:
        value: The config as JSON.
        prefix: The path so far, with a slash at its end.
    """
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        items = list(enumerate(value))
    else:
        return {prefix[:-1]: value}
    found: dict[str, Any] = {}
    for key, item in items:
        found |= fields_of(item, f"{prefix}{key}/")
    return found


def config_tree(fields: Mapping[str, Any]) -> Any:
    """Returns the config of its fields; the inverse of `_fields`."""
    return _with_lists(trees.unflatten(fields))


def _with_lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    items = {key: _with_lists(item) for key, item in value.items()}
    if items and all(key.isdigit() for key in items):
        return [items[key] for key in sorted(items, key=int)]
    return items
