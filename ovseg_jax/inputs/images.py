"""Photos from disk, as people see them: upright, eight-bit RGB, whatever the file holds.

* EXIF orientation is applied, so height and width are those of the photo as displayed.
* Grey and palette pictures become RGB. Transparency is laid over white.
* Grey and colours of more than eight bits, and fractions, are scaled by the rule of
  `ovseg_jax.inputs.depth`, which warns where the range had to be guessed.
* CMYK is converted by Pillow's formula; embedded colour profiles are not used.
* Of animations and multi-page files the first picture counts.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import re
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError

from ovseg_jax.foundation.errors import ImageError, warn
from ovseg_jax.inputs.decoders import open_picture
from ovseg_jax.inputs.pictures import read_picture

MAX_PIXELS = 178_956_970
"""Larger pictures are refused before they are decoded (Pillow's limit against bombs)."""
MANY_PIXELS, PIXELS_PER_BYTE = 40_000_000, 250
"""From so many pixels on, a file must hold a byte for so many of them."""
CLIP_ENDINGS = (
    *(".mp4", ".m4v", ".mov", ".3gp", ".3g2", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts"),
    *(".mts", ".m2ts", ".wmv", ".asf", ".flv", ".ogv", ".mxf"),
)
"""Endings of videos, which `ovseg_jax.inputs.clips` reads; a GIF is a photo, its first picture."""
CLIP_REFUSED = (
    "is a video, and a photo is wanted; `ovseg segment` takes videos, and in Python open_clip of "
    "ovseg_jax.inputs.clips gives their frames"
)
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class LoadedImage:
    """One photo, upright.

    Attributes:
        pixels: RGB.
        height: Height in pixels as displayed.
        width: Width in pixels as displayed.
        path: The file; None where the photo came as an array or a picture in memory.
        turned: Whether EXIF orientation swapped height and width of the stored picture.
        name: The file's name, of pictures in memory too; empty where there is no file.
    """

    pixels: UInt8[np.ndarray, "H W 3"]
    height: int
    width: int
    path: Path | None = None
    turned: bool = False
    name: str = ""


def read_image(path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> LoadedImage:
    """Reads one photo.

    Args:
        path: A file in any format that Pillow reads.
        max_pixels: Larger pictures are refused.

    Raises:
        ImageError: The file is missing, no picture, damaged, cut off, too large, or its range is
            not known; or it is an address on the web.
    """
    name, path = os.fspath(path), Path(path)
    if is_address(name):
        raise ImageError(address_refused(name))
    with _explained(path), _without_bomb_limit(), open_picture(path) as file:
        _check_size(file, str(path), max_pixels)
        _check_density(file, str(path), path.stat().st_size)
        pixels, turned = read_picture(file, str(path))
    return loaded(pixels, str(path), path=path, turned=turned, name=path.name)


def read_bytes(content: bytes, *, name: str = "", max_pixels: int = MAX_PIXELS) -> LoadedImage:
    """Reads a photo from what its file holds, as an upload or a request brings it.

    Args:
        content: Of the file, in any format that Pillow reads.
        name: Of the file, for messages and results.
        max_pixels: Larger pictures are refused.

    Raises:
        ImageError: As for `read_image`.
    """
    what, file = name or "photo", io.BytesIO(content)
    with _explained(what, len(content)), _without_bomb_limit(), open_picture(file) as picture:
        _check_size(picture, what, max_pixels)
        _check_density(picture, what, len(content))
        pixels, turned = read_picture(picture, what)
    return loaded(pixels, what, turned=turned, name=name)


def take_picture(picture: Image.Image, *, max_pixels: int = MAX_PIXELS) -> LoadedImage:
    """Takes a picture of Pillow as a photo, upright by its EXIF data as a file would be.

    Raises:
        ImageError: It is damaged or too large, or its range is not known.
    """
    file = getattr(picture, "filename", "") or ""
    path = Path(os.fsdecode(file))
    name = path.name or "photo"
    with _explained(name), _without_bomb_limit():
        _check_size(picture, name, max_pixels)
        pixels, turned = read_picture(picture, name)
    return loaded(pixels, name, turned=turned, name=path.name)


def loaded(
    pixels: UInt8[np.ndarray, "H W 3"],
    what: str,
    *,
    path: Path | None = None,
    turned: bool = False,
    name: str = "",
) -> LoadedImage:
    """Makes a photo of its pixels, and warns where they look like a mask."""
    if pixels.max() == 1:
        warn(
            f"{what}: holds no value but 0 and 1 and so is black; of a photo with values from 0 to "
            "1 pass fractions (float), of a mask give it as a mask"
        )
    return LoadedImage(pixels, *pixels.shape[:2], path=path, turned=turned, name=name)


def is_clip(path: str | os.PathLike[str]) -> bool:
    """Whether a name is that of a video, by its ending."""
    return Path(path).suffix.lower() in CLIP_ENDINGS


def is_address(name: str) -> bool:
    """Whether a name is an address such as https://..., and no file here."""
    return bool(ADDRESS.match(name)) and not os.path.lexists(name)


def address_refused(name: str) -> str:
    """Says that nothing is fetched."""
    return f"{name}: is an address, and nothing is fetched; download the photo and give its file"


@contextlib.contextmanager
def _explained(path: Path | str, size: int | None = None) -> Iterator[None]:
    """Turns what Pillow and the file system raise into one kind of error with a remedy.

    Args:
        path: The file, or what messages call the photo.
        size: Bytes of a photo that is no file.
    """
    try:
        yield
    except ImageError:
        raise
    except FileNotFoundError:
        raise ImageError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise ImageError(f"{path}: is a folder, not a picture") from None
    except PermissionError:
        raise ImageError(f"{path}: may not be read; check its permissions") from None
    except UnidentifiedImageError:
        raise ImageError(f"{path}: {_describe(path, size)}") from None
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
        raise ImageError(
            f"{path}: the picture is damaged or cut off ({error}); fetch or export it again"
        ) from None
    except MemoryError:
        raise ImageError(f"{path}: needs more memory than there is; make it smaller") from None


def _describe(path: Path | str, size: int | None) -> str:
    if is_clip(path):
        return CLIP_REFUSED
    size = Path(path).stat().st_size if size is None else size
    what = "the file is empty" if not size else f"not a picture that can be read ({size} bytes)"
    return f"{what}; convert it to PNG or JPEG"


@contextlib.contextmanager
def _without_bomb_limit() -> Iterator[None]:
    """Lifts Pillow's own limit while `_check_size` enforces ours."""
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with warnings.catch_warnings():
            # Odd metadata is not the user's concern; our own warnings are.
            warnings.filterwarnings("ignore", module="PIL")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _check_size(file: Image.Image, path: str, max_pixels: int) -> None:
    width, height = file.size
    if width * height > max_pixels:
        raise ImageError(
            f"{path}: {width} x {height} is {width * height / 1e6:.0f} megapixels, more than the "
            f"limit of {max_pixels / 1e6:.0f}; make it smaller first"
        )


def _check_density(file: Image.Image, path: str, size: int) -> None:
    """Refuses a few bytes that become gigabytes: no large photo is that plain."""
    pixels = file.size[0] * file.size[1]
    if pixels > max(MANY_PIXELS, PIXELS_PER_BYTE * size):
        raise ImageError(
            f"{path}: its {size / 1e6:.1f} megabytes announce {pixels / 1e6:.0f} megapixels, which "
            "no photo does; it is damaged or made to fill the memory"
        )
