"""Photos of any kind, as bytes that training and scores can both decode."""

from __future__ import annotations

import numpy as np
from etils import epath
from PIL import Image

from data.manual_files import ManualFileError, read_upright
from ovseg_jax.inputs.images import ImageError, read_image

FORMATS = ("JPEG", "PNG")
MODES = ("1", "L", "LA", "P", "RGB", "RGBA")
"""What every decoder takes as it is; the rest becomes RGB here."""


def photo_content(path: epath.Path, size: tuple[int, ...]) -> bytes | np.ndarray:
    """Reads a photo as people see it.

    Args:
        path: A picture of any format that Pillow reads.
        size: Height and width of its label map.

    Returns:
        The file's bytes where it is an upright JPEG or PNG; else uint8 [H, W, 3].

    Raises:
        ManualFileError: The file is missing, damaged or, as displayed, of another size.
    """
    content = read_upright(path, (size[0], size[1]))
    if isinstance(content, np.ndarray):
        return content
    with Image.open(path) as image:
        if image.format in FORMATS and image.mode in MODES:
            return content
    try:
        return read_image(path).pixels
    except ImageError as error:
        raise ManualFileError(str(error)) from error
