"""What every section of a config is: a frozen dataclass with named fields and defaults."""

import dataclasses
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def schema(cls: type[T]) -> type[T]:
    """Makes a class a section of a config."""
    return dataclasses.dataclass(frozen=True, kw_only=True)(cls)
