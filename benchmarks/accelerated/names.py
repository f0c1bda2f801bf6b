"""Which names are meant; without JAX, for the process that only watches."""

from __future__ import annotations

import re


def begins(name: str, beginnings: str, *, default: bool) -> bool:
    """Says whether a name begins with one of some, by commas; the default where there is none.

    A comma with a space behind it belongs to a name: "ops/attention, bias,towers" are two.
    """
    each = tuple(filter(None, re.split(",(?! )", beginnings)))
    return name.startswith(each) if each else default
