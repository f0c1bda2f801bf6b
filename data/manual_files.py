"""Files that the user has to get: checks whose errors say which path was expected."""

from __future__ import annotations

import io

import numpy as np
from etils import epath
from PIL import Image, UnidentifiedImageError

from ovseg_jax.errors import OvsegError


class ManualFileError(OvsegError, ValueError):
    """A file of the publisher's tree is missing or is not what it should be."""


def require_file(path: epath.Path, what: str) -> epath.Path:
    """Returns `path` if it is a file.

    Raises:
        ManualFileError: If it is not; the message says `what` the file is and where it should be.
    """
    if not path.is_file():
        raise ManualFileError(f"{what} not found; expected the file {path}")
    return path


def require_folder(path: epath.Path, what: str) -> epath.Path:
    """Returns `path` if it is a folder.

    Raises:
        ManualFileError: If it is not; the message says `what` the folder holds.
    """
    if not path.is_dir():
        raise ManualFileError(f"{what} not found; expected the folder {path}")
    return path


def read_png(path: epath.Path, mode: str, what: str) -> np.ndarray:
    """Reads a label PNG as uint8, [H, W, 3] for mode "RGB" and [H, W] for mode "L".

    A palette is not applied: its indices are the labels.

    Raises:
        ManualFileError: If the file is missing, unreadable or of another mode.
    """
    content = require_file(path, what).read_bytes()
    try:
        with Image.open(io.BytesIO(content)) as image:
            found = "L" if image.mode == "P" else image.mode
            if found != mode:
                raise ManualFileError(f"{path}: {what} should be of mode {mode}, found {found}")
            return np.asarray(image)
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise ManualFileError(f"{path}: {what} cannot be read: {error}") from error


def read_picture(path: epath.Path, size: tuple[int, int]) -> bytes:
    """Reads an encoded picture after checking its size; the bytes are kept as they are.

    Args:
        path: JPEG or PNG file.
        size: Height and width of the picture's annotation.

    Raises:
        ManualFileError: If the file is missing, unreadable or of another size.
    """
    content = require_file(path, "the picture").read_bytes()
    try:
        with Image.open(io.BytesIO(content)) as image:
            found = (image.height, image.width)
    except (UnidentifiedImageError, OSError) as error:
        raise ManualFileError(f"{path}: the picture cannot be read: {error}") from error
    if found != tuple(size):
        raise ManualFileError(
            f"{path}: the picture has {found[0]} x {found[1]} pixels, "
            f"its annotation {size[0]} x {size[1]}"
        )
    return content
