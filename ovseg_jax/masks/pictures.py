"""Pictures that hold masks, decoded to the values that are stored, after their size is checked."""

from __future__ import annotations

import dataclasses
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from jaxtyping import Int, Shaped, UInt8
from PIL import Image, ImageFile, UnidentifiedImageError

from ovseg_jax.foundation.errors import MasksError
from ovseg_jax.inputs.decoders import open_picture
from ovseg_jax.masks.found import Size, wrong_size

LOSSLESS = (".png", ".tif", ".tiff", ".bmp", ".gif")
"""Endings of pictures that keep every value."""
LOSSY = (".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".avif", ".heic", ".jp2")
"""Endings of pictures whose compression changes values."""
ORIENTATION = 0x0112
"""EXIF tag; 1 means upright."""
_LOSSY_FORMATS = ("JPEG", "MPO", "WEBP", "AVIF", "HEIF", "JPEG2000")
_EIGHT_BITS = ("1", "L", "P", "RGB", "RGBA", "LA", "PA")
_DEEPER = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")


@dataclasses.dataclass(frozen=True)
class StoredPicture:
    """What a picture stores.

    Attributes:
        values: Palette indices, grey levels or colours.
        alpha: Opacity, 0 to 255; None where all is opaque.
        indexed: Whether values are indices into a palette.
    """

    values: Shaped[np.ndarray, "H W"] | UInt8[np.ndarray, "H W 3"]
    alpha: UInt8[np.ndarray, "H W"] | None = None
    indexed: bool = False

    @property
    def ids(self) -> Int[np.ndarray, "H W"]:
        """One number per pixel; colours count as R + 256 G + 65536 B."""
        if self.values.ndim == 2:
            return self.values.astype(np.int64)
        red, green, blue = (self.values[..., channel].astype(np.int64) for channel in range(3))
        return red + 256 * green + 65536 * blue


def read_picture(path: Path, size: Size) -> StoredPicture:
    """Reads a picture of a height and width.

    Raises:
        MasksError: It is no picture, not of this size, lossy, or of a kind that holds no masks.
    """
    try:
        with path.open("rb") as file:
            return decode_picture(file, str(path), size)
    except OSError as error:
        raise MasksError(f"{path}: not readable ({error.strerror or error})") from error


def decode_picture(file: BinaryIO | bytes, where: str, size: Size) -> StoredPicture:
    """Decodes a picture; see `read_picture`.

    Args:
        file: The encoded picture.
        where: What messages start with.
        size: Its height and width; anything else is refused before it is decoded.
    """
    file = io.BytesIO(file) if isinstance(file, bytes) else file
    with _explained(where), open_picture(file) as picture:
        _check(picture, where, size)
        picture.load()
        _check_upright(picture, where)
        _check_palette(picture, where)
        return _stored(picture)


@contextmanager
def _explained(where: str) -> Iterator[None]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # sizes are checked against the photo's instead
            yield
    except MasksError:
        raise
    except UnidentifiedImageError as error:  # its own words hold an address in memory
        raise MasksError(f"{where}: not a readable picture (no known kind)") from error
    except Exception as error:  # Pillow raises exceptions of every kind for damaged files
        raise MasksError(f"{where}: not a readable picture ({error})") from error


def _check(picture: ImageFile.ImageFile, where: str, size: Size) -> None:
    """Refuses what would be read wrong; runs before pixels are decoded."""
    kind = picture.format or ""
    if kind in _LOSSY_FORMATS or "jpeg" in str(picture.info.get("compression", "")):
        raise MasksError(
            f"{where}: is stored as {kind}, whose compression changes the numbers that tell masks "
            "apart; save masks as PNG"
        )
    found = (picture.height, picture.width)
    if found != size:
        raise MasksError(f"{where}: {wrong_size('the picture', found, size)}")
    if (frames := getattr(picture, "n_frames", 1)) > 1:
        raise MasksError(f"{where}: holds {frames} pictures; save one per file, as PNG")
    stored = " ".join(str(tile[3]) for tile in picture.tile)
    deep = ";16" in stored and picture.mode in _EIGHT_BITS  # Pillow would drop half the bits
    if deep or picture.mode not in _EIGHT_BITS + _DEEPER:
        raise MasksError(
            f"{where}: pixels of type {picture.mode}{' with 16 bits a channel' if deep else ''} "
            "cannot be read as masks; save grey with 8 or 16 bits, a palette, or 8-bit colours"
        )


def _stored(picture: Image.Image) -> StoredPicture:
    if picture.mode == "PA" or (picture.mode == "P" and _clear_colour(picture)):
        picture = picture.convert("RGBA")
    if picture.format == "GIF" and picture.mode == "P" and _is_grey(picture):
        picture = picture.convert("L")  # indices of a GIF are numbered by whoever writes it
    pixels = np.asarray(picture)
    if picture.mode in ("RGBA", "LA"):
        alpha = pixels[..., -1]
        values = pixels[..., 0] if picture.mode == "LA" else pixels[..., :3]
        even = alpha.any() and (alpha == alpha.flat[0]).all()
        return StoredPicture(values, None if even else alpha)
    return StoredPicture(pixels, indexed=picture.mode == "P" and not _is_grey_ramp(picture))


def _clear_colour(picture: Image.Image) -> bool:
    """Whether a palette's transparency says more than that index 0 is nothing."""
    clear = picture.info.get("transparency")
    if isinstance(clear, bytes):
        used = [index for index, opacity in enumerate(clear) if opacity < 255]
        clear = used[0] if len(used) == 1 else (None if not used else -1)
    return clear not in (None, 0)


def _check_upright(picture: Image.Image, where: str) -> None:
    """Refuses what viewers would show turned; runs when all of the file is read, as Exif needs."""
    if (turned := picture.getexif().get(ORIENTATION, 1)) not in (0, 1):
        raise MasksError(
            f"{where}: says that it is stored turned (EXIF orientation {turned}); save it upright "
            "and without that tag"
        )


def _check_palette(picture: Image.Image, where: str) -> None:
    """Refuses a palette that a program made of colours: its index 0 is not what is black."""
    if picture.mode != "P":
        return
    used, palette = _palette(picture)
    black = used[(palette == 0).all(1)]
    if len(black) and black[0] > 0 and used[0] == 0:
        raise MasksError(
            f"{where}: index 0 of its palette is a colour and index {black[0]} is black, so the "
            "indices are no ids; save it as RGB, or with nothing at index 0"
        )


def _is_grey_ramp(picture: Image.Image) -> bool:
    """Whether the palette's colours are the indices themselves, so that it is a grey picture."""
    used, palette = _palette(picture)
    return bool((palette == used[:, None]).all())


def _is_grey(picture: Image.Image) -> bool:
    """Whether no colour of the palette that is used has a hue."""
    colours = _palette(picture)[1]
    return bool((colours == colours[:, :1]).all())


def _palette(picture: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    """Returns the indices that are used, and the colour of each."""
    palette = np.array(picture.getpalette("RGB"), int).reshape(-1, 3)
    used = np.unique(np.asarray(picture))
    used = used[used < len(palette)]
    return used, palette[used]
