"""Reading records for training: what stands in the place of one that cannot be read, captions."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Int
from PIL import Image

from ovseg_jax.config import DataConfig
from ovseg_jax.config.data import data_sets
from ovseg_jax.inputs.builders import DataError
from ovseg_jax.inputs.datasets import open_split
from ovseg_jax.inputs.decoders import open_picture
from ovseg_jax.inputs.unreadable import Unreadable
from ovseg_jax.vocabulary.text_bank import Tokenizer

_DAMAGED = (
    *(OSError, ValueError, SyntaxError, EOFError, RuntimeError, struct.error, zlib.error),
    Image.DecompressionBombError,
)
"""What Pillow and the readers of records raise at damaged data; a `DataError` is a ValueError."""


class Record(NamedTuple):
    """One record on the host, decoded; its picture stays Pillow's, so that a part can be resized.

    Attributes:
        image: RGB.
        ids: 0 is void, i is segment i.
        categories: Position in the vocabulary of each segment.
        counted: Whether each segment is no crowd.
        tokens: Of one caption; empty where none is wanted.
    """

    image: Image.Image
    ids: Int[np.ndarray, "H W"]
    categories: Int[np.ndarray, " n"]
    counted: Bool[np.ndarray, " n"]
    tokens: Int[np.ndarray, " l"]


class Reader:
    """Reads records of one or several sets.

    Attributes:
        sizes: Records of each set.
        tokens: Length of a tokenised caption; 0 where none is read.
    """

    def __init__(self, data: DataConfig, tokenizer: Tokenizer | None, unreadable: Unreadable):
        """Opens the sets.

        Raises:
            DataError: A set or split is missing, or captions are asked for without a tokenizer.
        """
        if data.captions and tokenizer is None:
            raise DataError("data.captions: captions need the tokenizer of a text tower")
        self._tokenizer = tokenizer if data.captions else None
        self.tokens = self._tokenizer.context_length if self._tokenizer else 0
        self._names = [item.name for item in data_sets(data)]
        self._sources: list[Sequence] = [open_split(item) for item in data_sets(data)]
        self.sizes = tuple(map(len, self._sources))
        self._tries, self._unreadable = data.max_unreadable + 2, unreadable

    def read(self, chosen: int, number: int, draw: int) -> Record:
        """Reads a record, or the next one of its set that can be read.

        Args:
            chosen: Which set.
            number: Which record.
            draw: Chooses among captions.

        Raises:
            DataError: More records in a row cannot be read than may be passed over.
        """
        for candidate in self._candidates(chosen, number):
            name = f"{self._names[chosen]}, record {candidate}"
            try:
                example = self._sources[chosen][candidate]
                name = f"{self._names[chosen]}, {_text(example['file_name'])}"
                return self._decoded(example, draw)
            except _DAMAGED as error:
                self._unreadable.note(name, str(error) or type(error).__name__)
        raise self._unreadable.failure or DataError(
            f"{self._names[chosen]}: none of its {self.sizes[chosen]} records can be read"
        )

    def _candidates(self, chosen: int, number: int) -> Iterator[int]:
        size = self.sizes[chosen]
        return ((number + later) % size for later in range(min(size, self._tries)))

    def _decoded(self, example: dict[str, Any], draw: int) -> Record:
        image = open_picture(io.BytesIO(example["image"]))
        image = image if image.mode == "RGB" else image.convert("RGB")
        image.load()
        ids = np.asarray(open_picture(io.BytesIO(example["segment_ids"])))
        if ids.shape != (image.height, image.width):
            raise DataError(
                f"its segments are {' x '.join(map(str, ids.shape))} pixels, its picture "
                f"{image.height} x {image.width}"
            )
        return Record(
            image=image,
            ids=ids,
            categories=np.asarray(example["categories"], np.int32),
            counted=~np.asarray(example["crowds"], np.bool_),
            tokens=self._caption(example, draw),
        )

    def _caption(self, example: dict[str, Any], draw: int) -> Int[np.ndarray, " l"]:
        if self._tokenizer is None:
            return np.zeros(0, np.int32)
        captions = example["captions"]
        if not len(captions):
            raise DataError("it has no caption, but data.captions is set")
        return np.asarray(self._tokenizer([_text(captions[draw % len(captions)])])[0], np.int32)


def _text(encoded: Any) -> str:
    return bytes(encoded).decode(errors="replace")
