"""Photos of visitors, kept in memory so that other words need no upload and no image tower.

A photo is known by a number that cannot be guessed and only its visitor is told. Nothing of it is
written to disk.
"""

from __future__ import annotations

import dataclasses
import secrets
from collections import OrderedDict
from typing import Any

import jax

from ovseg_jax.inference.encoded_image import EncodedImage
from ovseg_jax.inputs.images import LoadedImage
from ovseg_jax.serve.limits import Limits, Refusal


@dataclasses.dataclass
class Kept:
    """A photo, and what was made of it.

    Attributes:
        photo: The photo.
        visitor: Whose it is.
        encoded: By model, what its image tower made of it.
        answer: The latest answer, for downloads, with the question that it answers.
    """

    photo: LoadedImage
    visitor: str
    encoded: dict[str, EncodedImage] = dataclasses.field(default_factory=dict)
    answer: tuple[Any, Any] | None = None

    @property
    def size_in_bytes(self) -> int:
        """Memory that it takes, on the host and on the devices."""
        held = [
            (image.features, image.prepared.frame, image.regions, image.kept)
            for image in self.encoded.values()
        ]
        arrays = (leaf for leaf in jax.tree.leaves(held) if hasattr(leaf, "nbytes"))
        return self.photo.pixels.nbytes + sum(leaf.nbytes for leaf in arrays)


class Album:
    """Photos by their secret numbers; the ones that were not asked for longest go first."""

    def __init__(self, limits: Limits):
        """Starts empty."""
        self._limits = limits
        self._kept: OrderedDict[str, Kept] = OrderedDict()

    def __len__(self) -> int:
        """Photos that are kept."""
        return len(self._kept)

    def add(self, photo: LoadedImage, visitor: str) -> str:
        """Keeps a photo; returns its number."""
        key = secrets.token_urlsafe(18)
        self._kept[key] = Kept(photo, visitor)
        own = [name for name, kept in self._kept.items() if kept.visitor == visitor]
        for name in own[: -self._limits.photos_of_one]:
            del self._kept[name]
        self.make_room()
        return key

    def find(self, key: str) -> Kept:
        """Returns a photo by its number.

        Raises:
            Refusal: There is none; it may have gone to make room.
        """
        if key not in self._kept:
            raise Refusal(404, "this photo is not kept here (any more); send it again")
        self._kept.move_to_end(key)
        return self._kept[key]

    def drop(self, key: str) -> None:
        """Forgets a photo; does nothing where there is none."""
        self._kept.pop(key, None)

    def make_room(self) -> None:
        """Lets the oldest go until all limits hold again; the newest stays."""
        while len(self._kept) > 1 and (
            len(self._kept) > self._limits.photos
            or sum(kept.size_in_bytes for kept in self._kept.values()) > self._limits.kept_bytes
        ):
            self._kept.popitem(last=False)
