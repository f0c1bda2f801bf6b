"""JSON: from files that may be anything, and of names that may be no text."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any

from ovseg_jax.foundation.errors import OvsegError

_DEEPEST = 64


class JsonError(OvsegError, ValueError):
    """A text is no JSON that can be used; the message names it and what was found."""


def parse_json(text: str | bytes, where: str, *, finite: bool = True) -> Any:
    """Parses JSON.

    Args:
        text: UTF-8, with or without a byte order mark.
        where: What it is, for messages.
        finite: Refuse NaN and numbers without end, which JSON does not have but Python reads.

    Raises:
        JsonError: It is no JSON, nested too deeply, names a key twice, or holds a number that is
            not finite.
    """
    options: dict[str, Any] = {"object_pairs_hook": _once}
    if finite:
        options |= {"parse_constant": _refused, "parse_float": _finite}
    try:
        text = text.decode("utf-8-sig") if isinstance(text, bytes) else text.removeprefix("\ufeff")
        value = json.loads(text, **options)
        _check_depth(value)
        return value
    except JsonError as error:
        raise JsonError(f"{where}: {error}") from error
    except RecursionError as error:
        raise JsonError(f"{where} is nested too deeply") from error
    except (ValueError, MemoryError) as error:  # broken off, not UTF-8, a number of 5000 digits
        raise JsonError(f"{where} is not JSON: {error}") from error


def json_bytes(content: Any, **layout: Any) -> bytes:
    """Returns JSON in UTF-8, letters of every script as they are.

    Bytes of a file name or of a shell that are no text become escapes, which read back the same.

    Args:
        content: What `json.dumps` takes.
        layout: Its `indent` and `separators`.
    """
    text = json.dumps(content, ensure_ascii=False, **layout)
    return text.encode("utf-8", "backslashreplace")  # "\\udcff", as JSON writes it too


def _check_depth(value: Any) -> None:
    """Refuses nesting that would later exhaust the stack of whatever walks through it."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return
    raise RecursionError


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise JsonError(f"{twice[:80]!r} stands twice in one object")
    return found


def _refused(name: str) -> float:
    raise JsonError(f"it holds {name}, which is no number of JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):  # from digits such as 1e999
        raise JsonError(f"it holds {text[:40]}, which is too large for a float")
    return value
