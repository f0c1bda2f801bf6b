"""HTML and SVG as nested calls: text is escaped unless it is `Markup` already."""

from __future__ import annotations

import html
from collections.abc import Iterable

from ovseg_jax.foundation.errors import printable


class Markup(str):
    """Text that may stand in a page as it is."""


def element(tag: str, *content: object, **attributes: object) -> Markup:
    """Returns one element with what is in it.

    Args:
        tag: Its name; one without content closes itself.
        content: Markup, or anything else, whose text is escaped; None adds nothing.
        attributes: Values are escaped; "_" in a name becomes "-", one at its end is dropped, so
            that `class_` can be said. None leaves an attribute out.
    """
    pairs = [(name.rstrip("_").replace("_", "-"), value) for name, value in attributes.items()]
    inside = "".join(f' {n}="{escaped(v)}"' for n, v in pairs if v is not None)
    if not content and tag in ("img", "meta", "rect", "line", "path", "circle"):
        return Markup(f"<{tag}{inside}/>")
    return Markup(f"<{tag}{inside}>{joined(content)}</{tag}>")


def joined(parts: Iterable[object]) -> Markup:
    """Joins markup and escaped text."""
    return Markup("".join(escaped(part) for part in parts if part is not None))


def escaped(content: object) -> Markup:
    """Returns markup as it is, and other text so that a page shows its letters.

    Bytes of a file name that are no text are shown as escapes, and control characters too.
    """
    if isinstance(content, Markup):
        return content
    text = str(content).encode("utf-8", "backslashreplace").decode()
    return Markup(html.escape(printable(text)))


def hex_color(color: Iterable[int]) -> str:
    """Writes RGB as #rrggbb."""
    return "#" + "".join(f"{int(part):02x}" for part in color)


def table(
    header: Iterable[object], rows: Iterable[Iterable[object]], **attributes: object
) -> Markup:
    """Returns a table; the first cell of each row heads it."""
    head = element("tr", *(element("th", cell, scope="col") for cell in header))
    lines = [
        element("tr", element("th", first, scope="row"), *(element("td", cell) for cell in others))
        for first, *others in rows
    ]
    body = element("tbody", *lines)
    return element("table", element("thead", head), body, **attributes)
