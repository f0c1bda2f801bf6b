"""Masks in arrays of NumPy, JAX or PyTorch: which forms are taken, and how they become booleans.

* `[masks, H, W]` of booleans, of 0 and 1, or of 0 and 255.
* `[H, W]` of the same: one mask. Other whole numbers: a label map, in which 0 is nothing.
* A list of `[H, W]`, or of dictionaries with one under "segmentation", as SAM gives them.
* Nothing at all: an empty list, or an array of shape `[0, H, W]`.

An axis of length 1 too many is dropped. Probabilities, other sizes and other orders of axes are
refused with a word on what to pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Shaped
from PIL import Image

from ovseg_jax.foundation.errors import MasksError
from ovseg_jax.inputs.arrays import SupportsArray
from ovseg_jax.masks.label_maps import label_map
from ovseg_jax.masks.pictures import StoredPicture

Size = tuple[int, int]
MaskArrays = SupportsArray | Image.Image | Sequence
"""Every form in the head of this module; `hard_masks` checks them."""


def hard_masks(masks: Any, size: Size) -> Bool[np.ndarray, "q H W"]:
    """Returns masks of a photo as booleans.

    Args:
        masks: In one of the forms above.
        size: Height and width of the photo as displayed.

    Raises:
        MasksError: They are of another form or size; the message says what was found and what to
            pass.
    """
    if isinstance(masks, list | tuple):
        if not masks:
            return np.zeros((0, *size), bool)
        return np.stack([_one(mask, size, number) for number, mask in enumerate(masks)])
    values = _in_order(_as_numpy(masks, "masks"), size)
    if values.ndim == 2:
        return _of_picture(values)
    return _binary(values, "masks")


def _one(mask: Any, size: Size, number: int) -> Bool[np.ndarray, "H W"]:
    """Returns a mask out of a list."""
    name = f"masks[{number}]"
    if isinstance(mask, Mapping):
        if "segmentation" not in mask:
            raise MasksError(f"{name}: holds {sorted(map(str, mask))[:6]} and no 'segmentation'")
        mask, name = mask["segmentation"], f"{name}['segmentation']"
    values = _as_numpy(mask, name)
    if values.ndim == 3:
        values = values[0] if len(values) == 1 else values
        values = values[..., 0] if values.ndim == 3 and values.shape[-1] == 1 else values
    _check_size(values.shape, size, name)
    return _binary(values, name)


def _as_numpy(masks: Any, name: str) -> np.ndarray:
    wanted = "pass an array [masks, H, W], a label map [H, W], or a list of [H, W]"
    if isinstance(masks, str | bytes | Mapping) or masks is None:
        kind = type(masks).__name__
        raise MasksError(f"{name}: is of type {kind}, not an array; {wanted}")
    if isinstance(masks, np.ma.MaskedArray):
        raise MasksError(f"{name}: is a masked array; say what lies there: masks.filled(0)")
    try:
        values = np.asarray(masks)
    except (TypeError, ValueError, RuntimeError) as error:
        raise MasksError(
            f"{name}: {type(masks).__name__} cannot be read as an array ({error}); {wanted}"
        ) from error
    if values.dtype.name.startswith(("bfloat", "float")):
        return values.astype(np.float32)
    if values.dtype.kind not in "bui":
        raise MasksError(f"{name}: holds values of type {values.dtype}; {wanted}")
    return values


def _in_order(values: np.ndarray, size: Size) -> Shaped[np.ndarray, "q H W"]:
    """Drops an axis of length 1 too many; refuses other sizes and orders of axes."""
    shape = values.shape
    for axis in (1, 3, 0):
        others = shape[:axis] + shape[axis + 1 :]
        if values.ndim == 4 and shape[axis] == 1 and others[1:] == size:
            return values.squeeze(axis)
    if values.ndim == 3 and shape[1:] != size and shape[:2] == size:
        if shape[2] == 1:
            return np.moveaxis(values, -1, 0)
        raise MasksError(
            f"masks: have shape {list(shape)}, the order [H, W, masks]; pass "
            "np.moveaxis(masks, -1, 0), or of a colour picture its label map [H, W]"
        )
    if values.ndim not in (2, 3):
        raise MasksError(f"masks: have shape {list(shape)}; pass [masks, H, W] or [H, W]")
    _check_size(shape[-2:], size, "masks")
    return values


def _check_size(found: Sequence[int], size: Size, name: str) -> None:
    if tuple(found) == size:
        return
    if len(found) != 2:
        raise MasksError(f"{name}: has shape {list(found)}; pass [H, W]")
    turned = " (turned on its side: photos are taken upright by their EXIF data)"
    raise MasksError(
        f"{name} are {found[1]} x {found[0]} pixels and the photo, upright, is {size[1]} x "
        f"{size[0]}{turned if tuple(found) == size[::-1] else ''}; give masks of the photo's own "
        "size"
    )


def _binary(values: np.ndarray, name: str) -> np.ndarray:
    """Takes 0 and 1, or 0 and 255; refuses probabilities and ids by name."""
    if values.dtype == bool:
        return values
    inside = values != 0
    top = values.max(initial=0)
    if top in (0, 1, 255) and (values[inside] == top).all():
        return inside
    shown = ", ".join(f"{value:g}" for value in np.unique(values)[:5])
    if values.dtype.kind == "f" and top > 1 and (values == np.round(values)).all():
        raise MasksError(
            f"{name}: holds the whole numbers {shown} as {values.dtype}; if they are ids, pass a "
            "label map of integers: masks.astype(np.int32)"
        )
    remedy = "masks > 0.5" if values.dtype.kind == "f" else "masks > 0"
    raise MasksError(
        f"{name}: holds values such as {shown}, where a mask is 0 and 1, 0 and 255, or booleans; "
        f"decide what is inside ({remedy}), and pass ids as a label map [H, W]"
    )


def _of_picture(values: Shaped[np.ndarray, "H W"]) -> Bool[np.ndarray, "q H W"]:
    """Reads one mask, or a label map by the rule of those in files; there, all 0 is no mask."""
    if values.dtype == bool or values.dtype.kind == "f" or values.max() == 1:
        return _binary(values, "masks")[None]
    return label_map(StoredPicture(values), "masks").masks("masks")
