"""YOLO's text files: one per photo, a normalised polygon a line.

`class x1 y1 x2 y2 ...`, x as a share of the width and y of the height, and a score at the end where
a model wrote it. `classes.txt` or `data.yaml` names the classes, beside it or up to two folders
above.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

import numpy as np
import yaml
from jaxtyping import Bool

from ovseg_jax.foundation.errors import MasksError
from ovseg_jax.masks.found import MaskEntry, Size
from ovseg_jax.masks.shapes import draw_polygons

NEAR = 3
"""So many folders above a file may hold the names: its own, `labels/` and that of the set."""
SLACK = 0.01
"""So far outside 0 to 1 coordinates may lie, as those of augmented photos do."""


def read_yolo(path: Path) -> list[MaskEntry]:
    """Lists the masks; an empty file is a photo without objects.

    Raises:
        MasksError: A line is no normalised polygon; boxes of detection are refused by name.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise MasksError(f"{path}: not readable as text ({error})") from error
    (_, names), filled = class_names(path), [line for line in lines if line.strip()]
    if len({len(line.split()) % 2 for line in filled}) > 1:
        raise MasksError(
            f"{path}: some lines have an odd number of coordinates and others not; either all end "
            "with a confidence or none, or a coordinate is missing"
        )
    return [
        _entry(path, number, line, names) for number, line in enumerate(lines, 1) if line.strip()
    ]


def _entry(path: Path, number: int, line: str, names: dict[int, str]) -> MaskEntry:
    where = f"line {number}"
    try:
        first, *values = map(float, line.split())
    except ValueError:
        raise MasksError(
            f"{path} {where}: {line[:40]!r} is not 'class x y x y x y ...', which text files of "
            "masks (YOLO) hold"
        ) from None
    if len(values) in (4, 5):
        raise MasksError(
            f"{path} {where}: is a box of YOLO's detection format, and no mask; export "
            "segmentation polygons"
        )
    score = values.pop() if len(values) % 2 else None
    if not 0 <= first < 2**31 or first != int(first):
        raise MasksError(f"{path} {where}: the class {first:g} is no whole number from 0")
    if score is not None and not 0 <= score <= 1:
        raise MasksError(f"{path} {where}: has an odd number of coordinates, {len(values) + 1}")
    if len(values) < 6:
        raise MasksError(f"{path} {where}: has {len(values)} coordinates; a polygon has at least 6")
    if not all(-SLACK <= value <= 1 + SLACK for value in values):
        raise MasksError(
            f"{path} {where}: coordinates go from {min(values):g} to {max(values):g}; YOLO's are "
            "shares of width and height, from 0 to 1"
        )
    label = int(first)
    draw = functools.partial(_draw, values)
    return MaskEntry(where, draw, score=score, label=label, name=names.get(label))


def _draw(values: list[float], size: Size) -> Bool[np.ndarray, "H W"]:
    height, width = size
    sides = [width, height] * (len(values) // 2)
    return draw_polygons([[v * side for v, side in zip(values, sides, strict=True)]], size)


def class_names(path: Path) -> tuple[Path, dict[int, str]]:
    """Returns the file of names beside a file or above it, and the name of each class number.

    Both are empty if there is none that can be read.
    """
    for folder in path.absolute().parents[:NEAR]:
        for name, read in (("classes.txt", _from_lines), ("data.yaml", _from_yaml)):
            file = folder / name
            text = "" if file == path or not file.is_file() else _text_of(file)
            if found := read(text):
                return file, found
    return Path(), {}


def _text_of(file: Path) -> str:
    return file.read_text(encoding="utf-8-sig", errors="replace")


def _from_lines(text: str) -> dict[int, str]:
    """Reads a name a line, or "7: name" in all of them; nothing of JSON, which YOLO does not know.

    Numbers without a colon are left out where they count the lines from 0 or 1.
    """
    if text.lstrip()[:1] in ("{", "["):
        return {}
    lines = {i: line.strip() for i, line in enumerate(text.splitlines()) if line.strip()}
    for form in (r"([0-9]{1,9})\s*:\s*(.+)", r"([0-9]{1,9})[.)]?\s+(.+)"):
        found = [re.fullmatch(form, line) for line in lines.values()]
        numbered = {int(match[1]): match[2] for match in found if match}
        counts = sorted(numbered) in (list(range(len(lines))), list(range(1, len(lines) + 1)))
        if len(numbered) == len(lines) > 1 and (":" in form or counts):
            return numbered
    return lines


def _from_yaml(text: str) -> dict[int, str]:
    """Reads `names:`, a list or numbers to names."""
    try:
        content = yaml.load(text, Loader=yaml.BaseLoader)  # texts only: a class may be called "yes"
        names = content["names"]
        names = dict(enumerate(names)) if isinstance(names, list) else names
        return {int(number): str(name) for number, name in names.items()}
    except (yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError):
        return _from_yaml_lines(text)


def _from_yaml_lines(text: str) -> dict[int, str]:
    """Reads `names:` of what is no YAML but looks like it: names that begin with "@", say."""
    found = re.search(r"^names:[ \t]*(.*(?:\n(?:[ \t]+.*|-.*|[ \t]*))*)", text, re.MULTILINE)
    if not found:
        return {}
    body = found[1].strip()
    one_line = body.startswith(("[", "{"))
    items = re.split(r",", body.strip("[]{} \n")) if one_line else body.splitlines()
    names: dict[int, str] = {}
    for item in filter(str.strip, items):
        if match := re.match(r"\s*(?:-\s*|([0-9]{1,9})\s*:\s*)?(.*)", item.split(" #")[0]):
            number = int(match[1]) if match[1] else len(names)
            names[number] = match[2].strip().strip("'\"")
    return names
