"""The entrance for photos: everything that may stand for one, checked in one place.

A file name, what a file holds (bytes), a `LoadedImage`, a picture of Pillow, or an array of NumPy,
JAX or PyTorch. Command
line and Python both come through here; `ovseg_jax.inputs.images` and `ovseg_jax.inputs.arrays` say
what each kind must look like.
"""

from __future__ import annotations

import os
from typing import Any

from PIL import Image

from ovseg_jax.foundation.errors import ImageError
from ovseg_jax.inputs.arrays import SupportsArray, read_array
from ovseg_jax.inputs.images import LoadedImage, loaded, read_bytes, read_image, take_picture

Photo = str | os.PathLike[str] | bytes | LoadedImage | Image.Image | SupportsArray


def load_photo(photo: Photo) -> LoadedImage:
    """Returns a photo as upright RGB, whatever stands for it.

    Args:
        photo: A file name, the bytes of a file, a picture of Pillow, or an array `[H, W]`,
            `[H, W, 3]` or `[H, W, 4]`.

    Raises:
        ImageError: It is none of these, or cannot be used; the message says what to pass.
    """
    if isinstance(photo, LoadedImage):
        return photo
    if isinstance(photo, str | os.PathLike):
        return read_image(photo)
    if isinstance(photo, bytes | bytearray | memoryview):
        return read_bytes(bytes(photo))
    if isinstance(photo, Image.Image):
        return take_picture(photo)
    _refuse_containers(photo)
    return loaded(read_array(photo), "photo")


def is_several(photo: Any) -> bool:
    """Whether photos are given in a list or tuple, to be answered by a list."""
    return isinstance(photo, list | tuple)


def _refuse_containers(photo: Any) -> None:
    if is_several(photo):
        raise ImageError(
            f"photo: is a {type(photo).__name__} where one photo is expected; loop over photos, "
            "and pass numbers as np.asarray(...)"
        )
