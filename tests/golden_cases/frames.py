"""Images of a case, and the frame that holds a batch of them.

The originals normalise each image, then pad all of a batch with zeros, right and below, to the
largest height and width among them, rounded up (`ImageList.from_tensors` of detectron2).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np

from ovseg_jax.foundation.typing import Batch

from . import Case, NotSupported, Outputs

Size = tuple[int, int]


def numbered(case: Case, name: str) -> list[np.ndarray]:
    """Inputs of one kind, image by image: `name` itself, or `name0`, `name1` and so on.

    Raises:
        NotSupported: The case has no such input.
    """
    if name in case.inputs:
        return [case.inputs[name]]
    found = []
    while (key := f"{name}{len(found)}") in case.inputs:
        found.append(case.inputs[key])
    if not found:
        raise NotSupported(f"no input {name} or {name}0")
    return found


def common_frame(sizes: Sequence[Size], multiple: int) -> Size:
    """Height and width that hold all sizes, as multiples of a number; 0 or less for any."""
    step = max(multiple, 1)
    return tuple(-(-max(sides) // step) * step for sides in zip(*sizes, strict=True))


def padded_batch(images: Sequence[np.ndarray], multiple: int) -> Batch:
    """Images of any sizes in their common frame."""
    sizes = [image.shape[:2] for image in images]
    frame = np.zeros((len(images), *common_frame(sizes, multiple), 3), np.uint8)
    for target, image in zip(frame, images, strict=True):
        target[: image.shape[0], : image.shape[1]] = image
    return Batch(images=jnp.asarray(frame), sizes=jnp.array(sizes))


def case_batch(case: Case) -> Batch:
    """All images of a case, padded as its configuration says."""
    return padded_batch(numbered(case, "image"), case.config["size_divisibility"])


def each_image(count: int, answer: Callable[[int], Outputs]) -> Outputs:
    """Answers image by image; with several the names end in the number of the image."""
    outputs = {}
    for index in range(count):
        suffix = str(index) if count > 1 else ""
        outputs |= {name + suffix: value for name, value in answer(index).items()}
    return outputs


def channels_first(x) -> np.ndarray:
    """Maps as the reference lays them out."""
    return np.moveaxis(np.asarray(x), -1, 1)
