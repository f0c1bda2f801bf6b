"""Files that the user has to get: checks whose errors say which path was expected."""

from __future__ import annotations

import contextlib
import io
import struct
from collections.abc import Iterator

import numpy as np
from etils import epath
from PIL import Image, UnidentifiedImageError

from ovseg_jax.foundation.errors import OvsegError
from ovseg_jax.inputs.images import ImageError, read_image
from ovseg_jax.masks.pictures import ORIENTATION

SIDEWAYS = (5, 6, 7, 8)
"""Orientations in which height and width change places."""


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


def coco_folder(root: str) -> epath.Path:
    """Returns COCO's own folder: the given one, or `coco` in it, as in `$DETECTRON2_DATASETS`."""
    given = epath.Path(root)
    own = ("train2017", "val2017", "annotations")
    inside = (given / "coco").is_dir() and not any((given / name).is_dir() for name in own)
    return given / "coco" if inside else given


@contextlib.contextmanager
def _opened(path: epath.Path, content: bytes) -> Iterator[Image.Image]:
    try:
        with Image.open(io.BytesIO(content)) as image:
            yield image
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ManualFileError(f"{path}: the picture cannot be read: {error}") from error


def displayed_size(path: epath.Path) -> tuple[int, int]:
    """Returns width and height of a picture as displayed, after any EXIF rotation.

    Raises:
        ManualFileError: It cannot be read.
    """
    with _opened(path, require_file(path, "the picture").read_bytes()) as image:
        return image.size[::-1] if orientation(image) in SIDEWAYS else image.size


def read_upright(path: epath.Path, size: tuple[int, int]) -> bytes | np.ndarray:
    """Reads a picture as people see it, as `ovseg segment` does.

    All of it is decoded, so that a damaged file is found now.

    Args:
        path: JPEG or PNG file.
        size: Height and width of the picture's annotation.

    Returns:
        The file's bytes as they are; pixels where EXIF data say that it is stored turned.

    Raises:
        ManualFileError: The file is missing, damaged or, as displayed, of another size.
    """
    content, remark = require_file(path, "the picture").read_bytes(), ""
    with _opened(path, content) as image:
        turned = orientation(image)
        image.load()
        found = (image.height, image.width)
    if turned > 1:
        try:
            content = read_image(path).pixels
        except ImageError as error:
            raise ManualFileError(str(error)) from error
        found = content.shape[:2]
    if turned in SIDEWAYS:
        remark = (
            f" (it is stored turned, EXIF orientation {turned}; annotations are those of "
            "the photo as displayed)"
        )
    _check_size(path, found, size, remark)
    return content


def _check_size(
    path: epath.Path, found: tuple[int, int], size: tuple[int, int], remark: str = ""
) -> None:
    """Refuses a picture of another size than its annotation."""
    if found != tuple(size):
        raise ManualFileError(
            f"{path}: the picture has {found[0]} x {found[1]} pixels{remark}, "
            f"its annotation {size[0]} x {size[1]}"
        )


def orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 for upright; damaged EXIF data say nothing."""
    try:
        return image.getexif().get(ORIENTATION, 1)
    except (SyntaxError, ValueError, TypeError, KeyError, struct.error):
        return 1


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
    with _opened(path, content) as image:
        found = (image.height, image.width)
    _check_size(path, found, size)
    return content
