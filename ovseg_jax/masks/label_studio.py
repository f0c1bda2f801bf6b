"""Label Studio's JSON export: brushes in its own run lengths, polygons, boxes, ellipses.

Both layouts: tasks with `data` and `annotations`, and the short one ("JSON-MIN"). Coordinates are
percent of the photo's sides.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from jaxtyping import Bool

from ovseg_jax.foundation.errors import MasksError, warn
from ovseg_jax.masks.bit_rle import decode_bit_rle
from ovseg_jax.masks.entries import check_size
from ovseg_jax.masks.found import MaskEntry, Size, Subject
from ovseg_jax.masks.names import PICTURES, alike, match_name
from ovseg_jax.masks.shapes import draw_ellipse, draw_polygons, numbers, points


def is_label_studio(content: Any) -> bool:
    """Whether a JSON's content is an export of Label Studio."""
    if not isinstance(content, list) or not content or not isinstance(content[0], dict):
        return False
    return isinstance(content[0].get("data"), dict) or any(
        _is_result(r) for r in _short(content[0])
    )


def read_label_studio(path: Path, content: Sequence[Any], subject: Subject) -> list[MaskEntry]:
    """Lists a photo's masks.

    Raises:
        MasksError: The photo is not listed, was annotated several times, or a result is malformed.
    """
    if any(not isinstance(task, dict) for task in content):
        raise MasksError(f"{path}: a task of Label Studio's export is not an object")
    names = [_image(task) for task in content]
    match = match_name(path, [name for name in names if name], subject)
    found = [index for index, known in enumerate(names) if known == match.name]
    if len(found) > 1:
        raise MasksError(f"{path}: lists {match.name!r} {len(found)} times, {found[:5]}")
    task, where = content[found[0]], f"[{found[0]}] of {match}"
    results = _results(path, where, task) if isinstance(task.get("data"), dict) else _short(task)
    return [
        _entry(path, f"{where} result[{index}]", result, subject)
        for index, result in enumerate(results)
        if isinstance(result, dict) and _is_result(result)
    ]


def _image(task: Mapping[str, Any]) -> str | None:
    """The image of a task: "image", else the first text that ends as a picture's name does."""
    data = task.get("data")
    data = data if isinstance(data, dict) else task
    texts = [text for text in (*data.values(), task.get("file_upload")) if isinstance(text, str)]
    pictures = (t for t in texts if PurePosixPath((alike(t) or ("",))[-1]).suffix in PICTURES)
    image = data.get("image")
    return image if isinstance(image, str) else next(pictures, None)


def _results(path: Path, where: str, task: Mapping[str, Any]) -> list[Any]:
    made = task.get("annotations", task.get("completions")) or task.get("predictions") or []
    if not isinstance(made, list):
        raise MasksError(f"{path} {where}: 'annotations' is {type(made).__name__}, not a list")
    kept = [a for a in made if isinstance(a, dict) and not a.get("was_cancelled")]
    if made and not kept:
        warn(f"{path} {where}: was skipped by who annotated it, so it has no masks")
    if len(kept) > 1:
        raise MasksError(
            f"{path} {where}: was annotated {len(kept)} times; keep one annotation per photo"
        )
    results = kept[0].get("result") if kept else []
    return results if isinstance(results, list) else []


def _short(task: Mapping[str, Any]) -> list[Any]:
    """The results of a task in the short layout, where they stand under their labels' tag."""
    return [r for value in task.values() if isinstance(value, list) for r in value]


def _is_result(result: Any) -> bool:
    """Whether it is something drawn on an image, not a choice or a text."""
    return isinstance(result, dict) and {"original_width", "original_height"} <= set(result)


def _entry(path: Path, where: str, result: Mapping[str, Any], subject: Subject) -> MaskEntry:
    sides = {"height": result["original_height"], "width": result["original_width"]}
    check_size(path, f"{where} 'original_height', 'original_width'", sides, subject)
    if result.get("image_rotation"):
        raise MasksError(
            f"{path} {where}: was drawn on the photo turned by {result['image_rotation']!r:.20} "
            "degrees (image_rotation), which is not read; turn the photo itself, or annotate it "
            "as it is"
        )
    value = result.get("value", result)
    if not isinstance(value, dict):
        raise MasksError(f"{path} {where}: 'value' is {type(value).__name__}, not an object")
    return MaskEntry(where, functools.partial(_draw, value), name=next(_labels(value), None))


def _labels(value: Mapping[str, Any]) -> Iterator[str]:
    """The labels of a result, whose key names the tool: brushlabels, polygonlabels, ..."""
    for key, labels in value.items():
        if key.endswith("labels") and isinstance(labels, list):
            yield from (label for label in labels if isinstance(label, str))


def _draw(value: Mapping[str, Any], size: Size) -> Bool[np.ndarray, "H W"]:
    if "rle" in value:
        return decode_bit_rle(value["rle"], size)
    across, down = size[1] / 100, size[0] / 100
    if "points" in value:
        corners = [side for x, y in points(value["points"]) for side in (x * across, y * down)]
        return draw_polygons([corners], size)
    if "radiusX" in value:
        x, y, wide, high = numbers([value.get(key) for key in ("x", "y", "radiusX", "radiusY")])
        turned = numbers([value.get("rotation") or 0])[0]
        return draw_ellipse((x * across, y * down), (wide * across, high * down), size, turned)
    if {"x", "y", "width", "height"} <= set(value):
        return _draw_rectangle(value, size)
    raise MasksError("is neither brush, polygon, rectangle nor ellipse")


def _draw_rectangle(value: Mapping[str, Any], size: Size) -> Bool[np.ndarray, "H W"]:
    """Draws a rectangle, turned about its upper left corner."""
    left, top, wide, high = numbers([value[key] for key in ("x", "y", "width", "height")])
    left, wide = left * size[1] / 100, wide * size[1] / 100
    top, high = top * size[0] / 100, high * size[0] / 100
    angle = np.radians(numbers([value.get("rotation") or 0])[0])
    along = np.array([np.cos(angle), np.sin(angle)]) * wide
    down = np.array([-np.sin(angle), np.cos(angle)]) * high
    corner = np.array([left, top])
    corners = np.stack([corner, corner + along, corner + along + down, corner + down])
    return draw_polygons([corners.ravel().tolist()], size)
