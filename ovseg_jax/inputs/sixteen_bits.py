"""What a file says about its depth, and colours of sixteen bits, which Pillow cuts to eight.

Pillow unpacks the high byte of a sixteen-bit colour and drops the low one without a word, so ten
or twelve bits in such a PNG or TIFF come out nearly black. Unpacked a second time with the order
of the bytes turned round, the same file gives its low bytes.
"""

from __future__ import annotations

import contextlib
import io
import struct
import sys
from collections.abc import Callable, Iterator
from typing import IO

import numpy as np
from jaxtyping import UInt16
from PIL import Image, ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from ovseg_jax.foundation.errors import ImageError
from ovseg_jax.inputs.decoders import open_picture

OTHER_ORDER = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
BITS_PER_SAMPLE, MAX_SAMPLE_VALUE, PLANAR = 258, 281, 284
"""Tags of TIFF."""


def stated_white(file: Image.Image) -> int | None:
    """Returns the number that a file says is white; None where it does not say, or says 16 bits.

    PNG says it in its chunk sBIT and TIFF in its tags; Pillow scales PGM by its header. Must be
    asked before the picture is decoded.
    """
    if not isinstance(file, ImageFile.ImageFile):
        return None
    if file.format == "PPM":
        return None if _raw_mode(file).startswith("I;16") else 65535
    if file.format == "PNG":
        bits = _significant_bits(file)
        return 2**bits - 1 if 8 < bits < 16 else None
    if file.format == "TIFF":
        white, bits = _tag(file, MAX_SAMPLE_VALUE), _tag(file, BITS_PER_SAMPLE)
        return white if 255 < white < 65535 else 2**bits - 1 if 8 < bits < 16 else None
    return None


def is_cut(file: Image.Image) -> bool:
    """Whether Pillow cuts the file's colours to eight bits. Must be asked before it is decoded."""
    if not isinstance(file, ImageFile.ImageFile):
        return False
    return file.mode in ("RGB", "RGBA") and (
        ";16" in _raw_mode(file)
        or (file.format == "TIFF" and _tag(file, BITS_PER_SAMPLE) > 8)
        or (file.format == "PPM" and _ppm_maximum(file) > 255)
    )


def read_sixteen_bits(
    file: Image.Image, turn: Callable[[Image.Image], Image.Image], name: str
) -> UInt16[np.ndarray, "H W c"] | None:
    """Decodes sixteen-bit colours in full.

    Args:
        file: A picture that is open and not yet decoded, for which `is_cut`.
        turn: Decodes a picture and brings it upright.
        name: Of the file, for messages.

    Returns:
        Colours, or grey and alpha; None where only the high bytes can be had.

    Raises:
        ImageError: Pillow would read nonsense.
    """
    if not isinstance(file, ImageFile.ImageFile):
        return None
    mode = _raw_mode(file)
    if file.format == "TIFF" and _tag(file, PLANAR) == 2:
        if ";16" in mode:
            return None
        raise ImageError(
            f"{name}: uncompressed 16-bit colours in separate planes cannot be read; save them "
            "interleaved, or with 8 bits"
        )
    if file.format not in ("PNG", "TIFF") or ";16" not in mode:
        return None
    with _opened_again(file) as twin:
        # Pillow spreads grey with alpha over four channels; taken as they are, its four bytes fit.
        grey = mode.startswith("LA")
        _set_raw_mode(twin, "RGBA" if grey else mode[:-1] + OTHER_ORDER[mode[-1]])
        low = np.asarray(turn(twin)).astype(np.uint16)
    if grey:
        return low[..., ::2] << 8 | low[..., 1::2]
    return np.asarray(turn(file)).astype(np.uint16) << 8 | low


@contextlib.contextmanager
def _opened_again(file: ImageFile.ImageFile) -> Iterator[ImageFile.ImageFile]:
    """Opens the same file once more, at the same frame."""
    stream = _stream(file)
    position = stream.tell()
    stream.seek(0)
    source = file.filename or io.BytesIO(stream.read())
    stream.seek(position)
    with open_picture(source) as twin:
        if file.tell():
            twin.seek(file.tell())
        yield twin


def _stream(file: ImageFile.ImageFile) -> IO[bytes]:
    """The bytes behind a picture, which Pillow closes once it is decoded."""
    if file.fp is None:
        raise ImageError("the picture is decoded already, and its file is closed")
    return file.fp


def _raw_mode(file: ImageFile.ImageFile) -> str:
    """How the bytes of a file that is not yet decoded lie; empty where Pillow does not say."""
    tiles = getattr(file, "tile", None)
    if not tiles:
        return ""
    arguments = tiles[0][3]
    first = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return first if isinstance(first, str) else ""


def _set_raw_mode(file: ImageFile.ImageFile, mode: str) -> None:
    def changed(arguments: str | tuple | None) -> str | tuple:
        return (mode, *arguments[1:]) if isinstance(arguments, tuple) else mode

    file.tile = [tile._replace(args=changed(tile.args)) for tile in file.tile]


def _ppm_maximum(file: ImageFile.ImageFile) -> int:
    tiles = getattr(file, "tile", None)
    arguments = tiles[0][3] if tiles else 0
    largest = arguments[-1] if isinstance(arguments, tuple) and arguments else arguments
    return largest if isinstance(largest, int) else 0


def _tag(file: ImageFile.ImageFile, number: int) -> int:
    """The largest value of a TIFF tag; 0 where it is missing or no number."""
    found = file.tag_v2.get(number) if isinstance(file, TiffImageFile) else None
    values = found if isinstance(found, tuple) else (found,)
    return max((value for value in values if isinstance(value, int)), default=0)


def _significant_bits(file: ImageFile.ImageFile) -> int:
    """Reads sBIT, the bits of each channel before they were stored; 0 where there is none."""
    if not getattr(file, "tile", None):
        return 0
    stream = _stream(file)
    position = stream.tell()
    stream.seek(8)
    try:
        while len(head := stream.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            if kind == b"sBIT":
                return max(stream.read(min(length, 4)), default=0)
            if kind == b"IDAT":
                return 0
            stream.seek(length + 4, io.SEEK_CUR)
        return 0
    finally:
        stream.seek(position)
