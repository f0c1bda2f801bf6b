"""Photos in arrays of NumPy, JAX or PyTorch: which layouts are taken, and how they become RGB.

`[H, W]`, `[H, W, 1]` grey; `[H, W, 2]` grey and alpha; `[H, W, 3]` RGB; `[H, W, 4]` RGB and alpha.
Ranges are those of `ovseg_jax.inputs.depth`; transparency is laid over white. Channels first,
batches and what is no array are refused with a word on how to bring them here.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Num, UInt8
from PIL import Image

from ovseg_jax.foundation.errors import ImageError, warn
from ovseg_jax.inputs.depth import to_eight_bits

CHANNELS = (1, 2, 3, 4)
LAYOUTS = "pass [H, W], [H, W, 3] RGB or [H, W, 4] with alpha"


@runtime_checkable
class SupportsArray(Protocol):
    """What NumPy can read: its own arrays, those of JAX, and tensors on the CPU."""

    def __array__(self, *arguments: Any, **options: Any) -> np.ndarray: ...


def read_array(array: Any, name: str = "photo") -> UInt8[np.ndarray, "H W 3"]:
    """Returns the pixels of a photo that is given as an array; never a view of it.

    Args:
        array: A photo in one of the layouts above.
        name: What messages call it.

    Raises:
        ImageError: It is no array, empty, in another layout, or its range is not known.
    """
    values = _channels_last(_as_numpy(array, name), name)
    return flatten(values, name)


def flatten(
    values: Num[np.ndarray, "H W c"], name: str, white: int | None = None
) -> UInt8[np.ndarray, "H W 3"]:
    """Makes RGB bytes of grey or colour, with alpha laid over white.

    Args:
        values: One to four channels.
        name: What messages call the photo.
        white: The number that is white, where a file states it.

    Raises:
        ImageError: The range is not known.
    """
    has_alpha = values.shape[-1] in (2, 4)
    colours = values[..., :-1] if has_alpha else values
    pixels = np.broadcast_to(to_eight_bits(colours, name, white), (*values.shape[:2], 3))
    if not has_alpha:
        return np.array(pixels, order="C")
    alpha = to_eight_bits(values[..., -1:], f"{name} (alpha)", white)
    return over_white(Image.fromarray(np.concatenate([pixels, alpha], axis=-1)), name)


def over_white(layer: Image.Image, name: str) -> UInt8[np.ndarray, "H W 3"]:
    """Lays an RGBA picture over white, and warns where nothing of it is seen."""
    if np.asarray(layer.getchannel("A")).max() <= 1:
        warn(
            f"{name}: is transparent everywhere, so it is seen as white; alpha runs from 0 to 255 "
            "in eight bits, and may be left out"
        )
    white = Image.new("RGBA", layer.size, "white")
    return np.array(Image.alpha_composite(white, layer).convert("RGB"))


def _as_numpy(array: Any, name: str) -> np.ndarray:
    if not isinstance(array, SupportsArray):
        raise ImageError(
            f"{name}: is of type {type(array).__name__}; pass a file name, a PIL image or an array"
        )
    if isinstance(array, np.ma.MaskedArray):
        raise ImageError(f"{name}: is a masked array; say what lies there: photo.filled(0)")
    try:
        return np.asarray(array)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ImageError(
            f"{name}: {type(array).__name__} cannot be read as an array ({error}); pass it as a "
            "NumPy array (tensor.detach().cpu().numpy())"
        ) from error


def _channels_last(values: np.ndarray, name: str) -> Num[np.ndarray, "H W c"]:
    shape = list(values.shape)
    if not values.size:
        raise ImageError(f"{name}: has shape {shape} and so no pixels")
    if values.ndim == 2:
        return values[..., None]
    if values.ndim == 3 and shape[-1] in CHANNELS:
        return values
    if values.ndim == 3 and shape[0] in CHANNELS:
        raise ImageError(
            f"{name}: has shape {shape}, channels first; pass np.moveaxis(photo, 0, -1), "
            "which is [H, W, channels]"
        )
    if values.ndim == 4:
        one = "photo[0]" if shape[0] == 1 else "list(photos)"
        raise ImageError(f"{name}: has shape {shape}, a batch; pass {one}")
    raise ImageError(f"{name}: has shape {shape}; {LAYOUTS}")
