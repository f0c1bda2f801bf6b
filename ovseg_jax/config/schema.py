"""What every section of a config is: a frozen dataclass with named fields and defaults."""

import dataclasses

schema = dataclasses.dataclass(frozen=True, kw_only=True)
