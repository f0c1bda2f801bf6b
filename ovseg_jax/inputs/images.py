"""Photos from disk, as people see them: upright, eight-bit RGB, whatever the file holds.

* EXIF orientation is applied, so height and width are those of the photo as displayed.
* Grey and palette pictures become RGB. Transparency is laid over white.
* Sixteen-bit grey is scaled to eight bits (65535 becomes 255).
* CMYK is converted by Pillow's formula; embedded colour profiles are not used.
* Of animations and multi-page files the first picture counts.
"""

from __future__ import annotations

import contextlib
import dataclasses
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

from ovseg_jax.errors import OvsegError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
MAX_PIXELS = 178_956_970
"""Larger pictures are refused before they are decoded (Pillow's limit against bombs)."""


class ImageError(OvsegError, ValueError):
    """A picture that cannot be used; the message names the file and the remedy."""


@dataclasses.dataclass(frozen=True)
class LoadedImage:
    """One photo, upright.

    Attributes:
        pixels: RGB.
        height: Height in pixels as displayed.
        width: Width in pixels as displayed.
        path: The file.
        turned: Whether EXIF orientation swapped height and width of the stored picture.
    """

    pixels: UInt8[np.ndarray, "H W 3"]
    height: int
    width: int
    path: Path
    turned: bool = False


def read_image(path: str | Path, *, max_pixels: int = MAX_PIXELS) -> LoadedImage:
    """Reads one photo.

    Args:
        path: A file in any format that Pillow reads.
        max_pixels: Larger pictures are refused.

    Raises:
        ImageError: The file is missing, no picture, damaged, cut off, or too large.
    """
    path = Path(path)
    with _explained(path), _without_bomb_limit(), Image.open(path) as file:
        _check_size(file, path, max_pixels)
        file.load()
        upright = _upright(file)
        pixels = np.ascontiguousarray(_to_rgb(upright, path))
        turned = upright.size != file.size
    return LoadedImage(pixels, *pixels.shape[:2], path=path, turned=turned)


def list_images(path: str | Path) -> list[Path]:
    """Returns the photo itself, or the photos of a folder in the order of their names.

    Raises:
        ImageError: Nothing is there, or the folder holds no picture.
    """
    path = Path(path)
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise ImageError(f"{path}: no such file or folder; give a photo or a folder of photos")
    found = sorted(entry for entry in path.iterdir() if entry.suffix.lower() in SUFFIXES)
    if not found:
        count = sum(1 for _ in path.iterdir())
        raise ImageError(
            f"{path}: the folder holds no picture ({count} other entries); "
            f"accepted are {' '.join(SUFFIXES)}"
        )
    return found


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turns what Pillow and the file system raise into one kind of error with a remedy."""
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
        raise ImageError(f"{path}: {_describe(path)}; convert it to PNG or JPEG") from None
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
        raise ImageError(
            f"{path}: the picture is damaged or cut off ({error}); fetch or export it again"
        ) from None


def _describe(path: Path) -> str:
    size = path.stat().st_size
    return "the file is empty" if not size else f"not a picture that can be read ({size} bytes)"


@contextlib.contextmanager
def _without_bomb_limit() -> Iterator[None]:
    """Lifts Pillow's own limit while `_check_size` enforces ours."""
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd metadata is not the user's concern
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _check_size(file: Image.Image, path: Path, max_pixels: int) -> None:
    width, height = file.size
    if width * height > max_pixels:
        raise ImageError(
            f"{path}: {width} x {height} is {width * height / 1e6:.0f} megapixels, more than the "
            f"limit of {max_pixels / 1e6:.0f}; make it smaller first"
        )


def _upright(file: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(file)
    except (SyntaxError, ValueError, TypeError, KeyError, struct.error, ZeroDivisionError):
        return file  # damaged EXIF data says nothing about orientation


def _to_rgb(file: Image.Image, path: Path) -> UInt8[np.ndarray, "H W 3"]:
    if file.mode.startswith("I") or file.mode == "F":
        return np.repeat(_eight_bits(np.asarray(file), file.mode, path)[..., None], 3, axis=-1)
    if file.has_transparency_data:
        layer = file.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return np.asarray(Image.alpha_composite(white, layer).convert("RGB"))
    return np.asarray(file.convert("RGB"))


def _eight_bits(values: np.ndarray, mode: str, path: Path) -> UInt8[np.ndarray, "H W"]:
    """Scales sixteen-bit grey; wider pixels have no agreed range, so they are refused."""
    whole = mode != "F" and values.min(initial=0) >= 0 and values.max(initial=0) <= 65535
    if not whole:
        raise ImageError(
            f"{path}: pixels of type {mode!r} from {values.min():g} to {values.max():g} have no "
            "agreed range; convert the picture to 8 or 16 bits"
        )
    return ((values.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
