"""Label maps as pictures, read without loss: numbers as stored, of 8 or of 16 bits."""

from __future__ import annotations

import io

import numpy as np
from etils import epath
from PIL import Image, UnidentifiedImageError

from data.manual_files import ManualFileError, orientation, require_file
from ovseg_jax.foundation.errors import counted

SIXTEEN_BITS = ("I;16", "I;16B", "I;16L", "I")
"""Modes in which Pillow opens pictures of 16 bits."""
LOSSY = ("JPEG", "MPO", "WEBP", "AVIF", "JPEG2000")
UNREADABLE = (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError)
"""What Pillow raises for damaged pictures, and for those too large."""


def read_map(path: epath.Path, bits: int) -> np.ndarray:
    """Reads a label map as int32 [H, W]; the indices of a palette are its labels.

    Args:
        path: PNG or TIFF.
        bits: 8 or 16, as the set has them.

    Raises:
        ManualFileError: It is missing, damaged, in colours, or of another depth.
    """
    labels, mode = stored_labels(path)
    if (mode in SIXTEEN_BITS) != (bits == 16):
        found = 16 if mode in SIXTEEN_BITS else 8
        raise ManualFileError(
            f"{path}: has {found} bits, the set's labels have {bits}; numbers above 255 are lost "
            "where such a map is written with 8"
        )
    return labels


def stored_labels(
    path: epath.Path, modes: tuple[str, ...] = ("L", "P", *SIXTEEN_BITS)
) -> tuple[np.ndarray, str]:
    """Reads a label map of any depth; the indices of a palette are its labels.

    Args:
        path: PNG or TIFF.
        modes: Pillow's modes that are taken.

    Returns:
        Its labels, int32 [H, W], and its mode.

    Raises:
        ManualFileError: It is missing, damaged, lossy, in colours, or holds several pictures.
    """
    content = require_file(path, "the label map").read_bytes()
    try:
        with Image.open(io.BytesIO(content)) as image:
            kind, mode, values = image.format, image.mode, np.asarray(image)
            frames = getattr(image, "n_frames", 1)
            packing, turned = str(image.info.get("compression", "")), orientation(image)
    except (*UNREADABLE, ValueError) as error:
        raise ManualFileError(f"{path}: the label map cannot be read: {error}") from error
    if kind in LOSSY or "jpeg" in packing:
        name = kind if kind in LOSSY else f"{kind} packed as JPEG"
        raise ManualFileError(f"{path}: is a {name}, which blurs labels; the set has PNG or TIFF")
    if frames > 1:
        raise ManualFileError(f"{path}: holds {frames} pictures; save one per file")
    if turned > 1:
        raise ManualFileError(
            f"{path}: says that it is stored turned (EXIF orientation {turned}); save it as "
            "displayed and without that tag"
        )
    if values.ndim != 2 or mode not in modes:
        raise ManualFileError(
            f"{path}: labels should be one number a pixel, found mode {mode}{_colours(values)}"
        )
    return values.astype(np.int32), mode


def _colours(values: np.ndarray) -> str:
    """What the colours of a map tell, for a message."""
    if values.ndim != 3 or values.shape[-1] < 3:
        return ""
    colours = values[..., :3].reshape(-1, 3)
    if (colours == colours[:, :1]).all():
        return "; its channels are equal, so save one of them alone, as grey"
    count = len(np.unique(colours, axis=0))
    return f" with {counted(count, 'colour')}; write the number of each one's class instead"
