"""The list of objects beside each photo of the full ADE20K: does its map show what is listed?

Readers take the maps alone; the lists show whether a map is another photo's, or was changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from data.ade20k_full.trees import code_of
from data.checks.layout import IDS
from data.checks.problem import Problem
from data.checks.reading import read_label
from data.trees import Tree
from ovseg_jax.foundation.errors import first_few

DAMAGED, OTHER = "damaged lists of objects", "maps that are not as their lists of objects say"
ADVICE = "map and list are of two photos or releases, or an image program changed the colours"
MOST = 200
"""Photos of a split that are compared."""


def disagreements(tree: Tree) -> Iterator[Problem]:
    """Compares photos from all over a split with their lists; those without one are passed over."""
    assert tree.labels is not None
    maps = list(tree.labels.files().items())
    for name, path in maps[:: max(1, len(maps) // MOST)]:
        listed = Path(path).with_name(f"{name}.json")
        if listed.is_file():
            yield from _compare(name, Path(path), listed)


def _compare(name: str, path: Path, listed: Path) -> Iterator[Problem]:
    try:
        # Some lists of the release hold bytes that are no UTF-8.
        annotation = json.loads(listed.read_text(encoding="latin-1"))["annotation"]
        known = {int(item["name_ndx"]) for item in annotation["object"]}
        size = tuple(annotation["imsize"][:2])
    except (ValueError, KeyError, TypeError, OSError) as error:
        text = f"no list of objects of the full ADE20K: {error!r}"
        yield Problem(DAMAGED, str(listed), text, False, "maps alone are read; get it again")
        return
    picture, values = read_label(path, IDS)
    shown = {int(code_of(value)) for value in values} - {0}
    texts = [_stranger(name, annotation), _other_size(picture.size, size), _unlisted(shown - known)]
    for text in texts if values else ():
        if text:
            yield Problem(OTHER, str(path), text, advice=ADVICE)


def _stranger(name: str, annotation: dict[str, Any]) -> str:
    found = Path(str(annotation.get("filename", ""))).stem
    return "" if found in ("", name) else f"its list is that of {found}"


def _other_size(found: tuple[int, int], listed: tuple[Any, ...]) -> str:
    return "" if np.array_equal(found, listed) else f"{found} pixels, its list says {listed}"


def _unlisted(classes: set[int]) -> str:
    numbers = first_few(sorted(classes))
    return f"shows classes that are not listed, by their numbers {numbers}" if classes else ""
