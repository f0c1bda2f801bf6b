"""Pictures of Pillow, from files or from memory, as people see them: upright, RGB, eight bits."""

from __future__ import annotations

import struct

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from ovseg_jax.foundation.errors import ImageError, warn
from ovseg_jax.inputs.arrays import flatten, over_white
from ovseg_jax.inputs.sixteen_bits import is_cut, read_sixteen_bits, stated_white

DARK = 63
"""High bytes of a colour of at most 14 bits."""


def read_picture(file: Image.Image, name: str) -> tuple[UInt8[np.ndarray, "H W 3"], bool]:
    """Decodes a picture.

    Args:
        file: A picture of any mode, decoded or not.
        name: What messages call it.

    Returns:
        Its pixels; and whether EXIF orientation swapped height and width.

    Raises:
        ImageError: Its colours or its range are not known, or it has no pixels.
    """
    if 0 in file.size:
        raise ImageError(f"{name}: is {file.size[0]} x {file.size[1]} and so has no pixels")
    size, cut, white = file.size, is_cut(file), stated_white(file)
    deep = read_sixteen_bits(file, _upright, name) if cut else None
    if deep is not None:
        pixels = flatten(deep, name, white)
    else:
        upright = _upright(file)
        pixels = _to_rgb(upright, name, white)
        if cut and 0 < pixels.max() <= DARK:
            warn(
                f"{name}: of its 16-bit colours only the high bytes can be read, and these reach "
                f"{pixels.max()} of 255; if the photo is not that dark, save it with 8 bits"
            )
    turned = pixels.shape[1::-1] != size
    if _is_several(file) and file.tell() == 0:
        warn(f"{name}: holds several pictures, and the first is taken; save others as files")
    return np.ascontiguousarray(pixels), turned


def _is_several(file: Image.Image) -> bool:
    """Whether a file is an animation or has pages; phones' MPO photos have previews beside them."""
    return file.format != "MPO" and bool(getattr(file, "is_animated", False))


def _upright(file: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(file)
    except (SyntaxError, ValueError, TypeError, KeyError, struct.error, ZeroDivisionError):
        return file  # damaged EXIF data says nothing about orientation


def _to_rgb(picture: Image.Image, name: str, white: int | None) -> UInt8[np.ndarray, "H W 3"]:
    if picture.mode.startswith("I") or picture.mode == "F":
        return flatten(np.asarray(picture)[..., None], name, white)
    try:
        if picture.mode == "La":  # Pillow knows one way out of it
            picture = picture.convert("LA")
        if picture.has_transparency_data:
            return over_white(picture.convert("RGBA"), name)
        return np.asarray(picture.convert("RGB"))
    except ValueError as error:
        raise ImageError(
            f"{name}: colours of kind {picture.mode} cannot be shown ({error}); convert it to RGB"
        ) from error
