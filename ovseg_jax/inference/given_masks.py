"""Masks that a user gives beside photos: in files or arrays, for one photo or several."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ovseg_jax.foundation.errors import MasksError
from ovseg_jax.inference.encoded_image import EncodedImage
from ovseg_jax.inputs.images import LoadedImage
from ovseg_jax.inputs.photos import Photo, is_several
from ovseg_jax.masks.arrays import MaskArrays, hard_masks
from ovseg_jax.masks.found import FileMasks
from ovseg_jax.masks.read import MaskFiles

Image = Photo | EncodedImage
Masks = str | Path | MaskFiles | MaskArrays


def load_masks(masks: Masks | None, image: LoadedImage | EncodedImage) -> FileMasks:
    """Reads the masks of a photo from files, or takes them as arrays.

    Raises:
        MasksError: There are none, or they cannot be used with this photo.
    """
    if masks is None:
        raise MasksError(
            "no masks, and this model has no mask generator of its own: give masks (--masks), "
            "in a format of docs/inputs.md, or a model that makes them (--generator)"
        )
    height, width = image.pixels.shape[:2]
    try:
        if isinstance(masks, str | Path):
            masks = MaskFiles(Path(masks))
        if isinstance(masks, MaskFiles):
            return masks.read(_path_of(image) or image.name, height, width)
        return FileMasks(hard_masks(masks, (height, width)))
    except ValueError as error:
        turned = isinstance(image, LoadedImage) and image.turned
        hint = " (after its EXIF rotation, which masks must follow)" if turned else ""
        raise MasksError(f"{error}{hint}") from error


def file_of(masks: Masks | None) -> Path | None:
    """Where masks come from, so that saving an answer replaces nothing there."""
    masks = masks.path if isinstance(masks, MaskFiles) else masks
    return Path(masks) if isinstance(masks, str | Path) else None


def pair_with_masks(images: Sequence[Image], masks: Any) -> list[tuple[Image, Any]]:
    """Pairs several photos with their masks.

    Args:
        images: The photos.
        masks: A file or folder with the masks of all, a list with an entry per photo, or None.

    Raises:
        MasksError: There is no telling which masks belong to which photo.
    """
    if isinstance(masks, str | Path):
        masks = MaskFiles(Path(masks), tuple(filter(None, map(_path_of, images))))
    if masks is None or isinstance(masks, MaskFiles):
        return [(image, masks) for image in images]
    if is_several(masks) and len(masks) == len(images):
        return list(zip(images, masks, strict=True))
    count = len(masks) if is_several(masks) else f"a {type(masks).__name__}"
    raise MasksError(
        f"masks: {count} for {len(images)} photos; pass a list with an entry per photo, or a file "
        "or folder with the masks of all"
    )


def _path_of(image: Any) -> Path | None:
    """The whole path of a photo in a file: its folders tell photos of one name apart."""
    path = getattr(image, "path", image)
    return Path(path).absolute() if isinstance(path, str | Path) and str(path) else None
