"""Which names are meant; without JAX, for the process that only watches."""

from __future__ import annotations


def begins(name: str, beginnings: str, *, default: bool) -> bool:
    """Says whether a name begins with one of some, by commas; the default where there is none."""
    each = tuple(filter(None, beginnings.split(",")))
    return name.startswith(each) if each else default
