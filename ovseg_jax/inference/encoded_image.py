"""A photo that has been encoded, with what was computed on it and other words do not touch."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, TypeVar

import jax
import numpy as np
from jaxtyping import Bool, Float, UInt8

from ovseg_jax.foundation.typing import Features, Regions
from ovseg_jax.inference.postprocess.geometry import Frame
from ovseg_jax.ops.images.network_input import Prepared

_T = TypeVar("_T")

KEPT, KEPT_BYTES = 8, 2**29
"""Portions of masks whose embeddings a photo keeps, and the memory that they may take: a few
megabytes, or some hundred where a method refines masks."""


@dataclasses.dataclass(frozen=True)
class EncodedImage:
    """A photo after everything that depends on it alone.

    Attributes:
        pixels: RGB, at the photo's size.
        prepared: The photo as the network saw it.
        features: What `Method.encode` returned.
        name: Of the photo's file, of pictures in memory too; empty where it has none.
        path: The photo's file; None where it came as pixels.
        regions: Embeddings of the latest masks, by what `fingerprint` makes of these.
        kept: Whatever else depends on the photo alone and was needed once.
    """

    pixels: UInt8[np.ndarray, "H W 3"]
    prepared: Prepared
    features: Features
    name: str = ""
    path: Path | None = None
    regions: dict[bytes, Regions] = dataclasses.field(
        default_factory=dict, repr=False, compare=False
    )

    kept: dict[Hashable, Any] = dataclasses.field(default_factory=dict, repr=False, compare=False)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the photo."""
        return self.pixels.shape[:2]

    @property
    def frame(self) -> Frame:
        """Where the photo lies in what the network saw, and its own size."""
        return Frame(self.prepared.frame.shape[:2], self.prepared.size, self.size)

    @property
    def extent(self) -> tuple[float, float]:
        """Share of the frame's height and width that is photo."""
        (height, width), frame = self.prepared.size, self.prepared.frame.shape
        return height / frame[0], width / frame[1]

    def recall(self, key: bytes, embed: Callable[[], Regions]) -> Regions:
        """Returns the embeddings under a key, made by `embed` where they are not kept."""
        if key not in self.regions:
            found = embed()
            while self.regions and (len(self.regions) >= KEPT or self._bytes(found) > KEPT_BYTES):
                del self.regions[next(iter(self.regions))]
            self.regions[key] = found
        return self.regions[key]

    def _bytes(self, found: Regions) -> int:
        return sum(leaf.nbytes for leaf in jax.tree.leaves((*self.regions.values(), found)))

    def once(self, key: Hashable, make: Callable[[], _T]) -> _T:
        """Returns what `make` gave for a key the first time."""
        if key not in self.kept:
            self.kept[key] = make()
        return self.kept[key]


def fingerprint(
    masks: Bool[np.ndarray, "b q h w"] | Float[np.ndarray, "b q h w"], *wanted: bool
) -> bytes:
    """Tells masks apart by their content, so that changing them in place changes the key.

    Args:
        masks: The masks.
        wanted: What is wanted of their embeddings, which tells these apart too.
    """
    content = np.packbits(masks) if masks.dtype == np.bool_ else np.ascontiguousarray(masks)
    digest = hashlib.blake2b(f"{masks.shape} {masks.dtype} {wanted}\n".encode())
    digest.update(content.view(np.uint8).data)
    return digest.digest()
