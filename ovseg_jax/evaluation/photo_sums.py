"""What scores are made of, photo by photo: kept beside a result, so that two can be compared.

Means over classes are no means over photos, so a photo keeps the sums of each class that occurs in
it, and any choice of photos can be scored again. Only classes that occur take room.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from jaxtyping import Float, Int

from ovseg_jax.evaluation.counted import PhotoPart
from ovseg_jax.foundation.errors import OperandError

FORMAT = 1
WIDTHS = {"semantic": 3, "panoptic": 4}
"""How many sums a class has."""


@dataclasses.dataclass(frozen=True)
class SparseSums:
    """Sums of one evaluator: of photo i the entries `starts[i]` to `starts[i + 1]`.

    Attributes:
        starts: First entry of each photo, and the number of entries.
        classes: Class of each entry.
        counts: Sums of each entry; see `count` of the evaluators for what they are.
    """

    starts: Int[np.ndarray, " n1"]
    classes: Int[np.ndarray, " m"]
    counts: Float[np.ndarray, "m c"]

    @classmethod
    def of(cls, photos: Sequence[PhotoPart]) -> SparseSums:
        """Joins the parts of photos; at least one."""
        lengths = [len(photo.classes) for photo in photos]
        return cls(
            starts=np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]),
            classes=np.concatenate([photo.classes for photo in photos]).astype(np.int32),
            counts=np.concatenate([photo.counts for photo in photos]).astype(np.float64),
        )

    def taken(self, order: Int[np.ndarray, " n"]) -> SparseSums:
        """The same photos in another order."""
        pieces = [np.arange(int(self.starts[i]), int(self.starts[i + 1])) for i in order]
        places = np.concatenate(pieces) if pieces else np.zeros(0, np.int64)
        starts = np.concatenate([[0], np.cumsum(list(map(len, pieces)), dtype=np.int64)])
        return SparseSums(starts, self.classes[places], self.counts[places])

    def total(self, weights: Float[np.ndarray, "r n"], num_classes: int) -> np.ndarray:
        """Adds photos up, each as often as its weight says.

        Args:
            weights: Any number of choices of photos.
            num_classes: Of the vocabulary (K).

        Returns:
            float64 [choices, K, sums].
        """
        from scipy.sparse import csr_matrix

        width = self.counts.shape[1]
        columns = (self.classes[:, None].astype(np.int64) * width + np.arange(width)).ravel()
        shape = (len(self.starts) - 1, num_classes * width)
        matrix = csr_matrix((self.counts.ravel(), columns, self.starts * width), shape=shape)
        return np.asarray(weights @ matrix).reshape(len(weights), num_classes, width)


@dataclasses.dataclass(frozen=True)
class PhotoSums:
    """Sums of all photos of a split.

    Attributes:
        names: File name of each photo, in the order of the split.
        num_classes: Classes scored.
        sums: By evaluator, such as "semantic".
    """

    names: tuple[str, ...]
    num_classes: int
    sums: Mapping[str, SparseSums]

    def save(self, file: BinaryIO) -> None:
        """Writes all as .npz."""
        arrays = {
            f"{name}/{field.name}": getattr(one, field.name)
            for name, one in self.sums.items()
            for field in dataclasses.fields(one)
        }
        head = {"format": np.int64(FORMAT), "num_classes": np.int64(self.num_classes)}
        names = np.frombuffer("\0".join(self.names).encode("utf-8", "surrogateescape"), np.uint8)
        np.savez_compressed(file, **head, names=names, **arrays)  # type: ignore[reportArgumentType]

    @classmethod
    def load(cls, path: Path) -> PhotoSums:
        """Reads what `save` wrote.

        Raises:
            OperandError: The file holds something else.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            written = int(arrays.pop("format"))
            joined = bytes(arrays.pop("names")).decode("utf-8", "surrogateescape")
            num_classes = int(arrays.pop("num_classes"))
            owners = sorted({name.split("/")[0] for name in arrays})
            fields = [field.name for field in dataclasses.fields(SparseSums)]
            sums = {
                one: SparseSums(*(arrays[f"{one}/{name}"] for name in fields)) for one in owners
            }
        except (KeyError, ValueError, EOFError, OSError) as error:
            raise OperandError(
                f"{path} holds no sums of photos as this version writes them ({error}); "
                "run `ovseg evaluate` again"
            ) from None
        if written != FORMAT:
            raise OperandError(f"{path} has format {written}, not {FORMAT}; evaluate again")
        names = tuple(joined.split("\0")) if joined else ()
        found = cls(names, num_classes, sums)
        found._check(path)
        return found

    def _check(self, path: Path) -> None:
        for name, one in self.sums.items():
            kinds = one.starts.dtype.kind + one.classes.dtype.kind + one.counts.dtype.kind
            shapes = (one.starts.ndim, one.classes.ndim, *one.counts.shape[1:])
            if kinds != "iif" or shapes != (1, 1, WIDTHS.get(name)):
                raise OperandError(f"{path}: its sums {name!r} are damaged; evaluate again")
            lengths = np.diff(one.starts)
            fits = len(lengths) == len(self.names) and (lengths >= 0).all() and not one.starts[0]
            fits = fits and one.starts[-1] == len(one.classes) == len(one.counts)
            known = (one.classes >= 0) & (one.classes < self.num_classes)
            if not fits or not known.all():
                raise OperandError(f"{path}: its sums {name!r} are damaged; evaluate again")
