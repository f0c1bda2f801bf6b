"""CVAT for images 1.1: one XML for many photos, with masks, polygons, boxes and ellipses."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np
from jaxtyping import Bool

from ovseg_jax.foundation.errors import MasksError, warn
from ovseg_jax.masks.box_rle import BoxMask, decode_box_rle
from ovseg_jax.masks.entries import check_size
from ovseg_jax.masks.found import MaskEntry, Size, Subject
from ovseg_jax.masks.names import match_name
from ovseg_jax.masks.shapes import draw_ellipse, draw_polygons
from ovseg_jax.masks.unread import ACCEPTED, name_of_file

AREAS = ("mask", "polygon", "box", "ellipse")
NO_AREAS = ("polyline", "points", "cuboid", "skeleton")


def read_cvat(path: Path, subject: Subject) -> list[MaskEntry]:
    """Lists a photo's masks; none where it is listed without shapes.

    Raises:
        MasksError: It is another XML, the photo is not listed, of another size, or a shape is
            malformed.
    """
    stamp = path.stat()
    images = _images(path, stamp.st_mtime_ns, stamp.st_size)
    match = match_name(path, list(images), subject)
    if len(images[match.name]) > 1:
        raise MasksError(f"{path}: lists {match.name!r} {len(images[match.name])} times")
    (image,) = images[match.name]
    where = f"image {match}"
    sides = {side: _whole(image, side, f"{path} {where}") for side in ("height", "width")}
    check_size(path, where, sides, subject)
    left_out = [shape.tag for shape in image if shape.tag in NO_AREAS]
    if left_out:
        warn(
            f"{path}: {len(left_out)} shapes of type {left_out[0]!r} and the like cover no area "
            "and are left out"
        )
    shapes = [shape for shape in image if shape.tag in AREAS]
    return [
        MaskEntry(
            where=f"{shape.tag}[{number}] of {match}",
            draw=functools.partial(_draw, shape),
            name=shape.get("label"),
        )
        for number, shape in enumerate(shapes)
    ]


@functools.lru_cache(maxsize=4)
def _images(path: Path, modified: int, length: int) -> Mapping[str, list[Element]]:
    """Parses a file once for all its photos; the stamp makes a changed file a new one."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        if "<!DOCTYPE" in text:  # its entities may grow without end; CVAT writes none
            raise MasksError(f"{path}: declares a document type, which no tool of masks does")
        root = ElementTree.fromstring(text)
    except (UnicodeDecodeError, ElementTree.ParseError) as error:
        raise MasksError(f"{path}: not readable as XML ({error})") from error
    if root.tag != "annotations":
        raise MasksError(f"{path}: is {name_of_file(path)}; {ACCEPTED}")
    if root.find("track") is not None:
        raise MasksError(f"{path}: holds the tracks of a video; export CVAT for images 1.1 there")
    found: dict[str, list[Element]] = {}
    for image in root.iter("image"):
        found.setdefault(image.get("name", ""), []).append(image)
    return found


def _draw(shape: Element, size: Size) -> Bool[np.ndarray, "H W"]:
    if shape.tag == "mask":
        sides = {key: _whole(shape, key, "a mask") for key in ("left", "top", "width", "height")}
        return decode_box_rle(BoxMask(**sides, rle=shape.get("rle", "")), size)
    if shape.tag == "polygon":
        pairs = shape.get("points", "").split(";")
        return draw_polygons([[_float(side) for pair in pairs for side in pair.split(",")]], size)
    turned = _float(shape.get("rotation", "0"))
    if shape.tag == "ellipse":
        x, y, across, down = (_float(shape.get(key, "")) for key in ("cx", "cy", "rx", "ry"))
        return draw_ellipse((x, y), (across, down), size, turned)
    left, top, right, bottom = (_float(shape.get(k, "")) for k in ("xtl", "ytl", "xbr", "ybr"))
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
    return draw_polygons([_turned(corners, turned).ravel().tolist()], size)


def _turned(corners: np.ndarray, degrees: float) -> np.ndarray:
    """Turns a box about its middle, clockwise."""
    if not degrees:
        return corners
    middle, angle = corners.mean(0), np.radians(degrees)
    across, down = (corners - middle).T
    x = across * np.cos(angle) - down * np.sin(angle)
    y = across * np.sin(angle) + down * np.cos(angle)
    return middle + np.stack([x, y], axis=1)


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise MasksError(f"a coordinate is {text!r:.50}, not a number") from None


def _whole(element: Element, key: str, where: str) -> int:
    text = element.get(key, "")
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise MasksError(f"{where}: {key!r} is {text!r:.50}, not a whole number")
    return int(text)
