"""Opening a split of a data set, and decoding its records."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import numpy as np
from jaxtyping import Bool, Int, UInt8

from ovseg_jax.config import DataConfig
from ovseg_jax.inputs.builders import DataError, load_builder, open_builder
from ovseg_jax.inputs.labels import SEARCHED, Labelled


def open_split(data: DataConfig) -> Sequence[dict[str, Any]]:
    """Opens a split for random access, preparing the data set the first time.

    Returns:
        A sequence of examples: "image" and "segment_ids" as encoded bytes, "categories" int32
        [segments] as positions in `data.vocabulary`, "crowds" boolean [segments], "whole" bytes
        [segments], see `decode`, "captions" [texts] as bytes, "file_name" bytes; `SEARCHED`
        int32 [classes] likewise, where the set has them.

    Raises:
        DataError: The data set or the split does not exist, the split is empty, or the vocabulary
            lacks a class of the data set.
    """
    import tensorflow_datasets as tfds

    builder = load_builder(data)
    skip = {"image": tfds.decode.SkipDecoding(), "segment_ids": tfds.decode.SkipDecoding()}
    _check_split(data, builder.info.splits)
    source = builder.as_data_source(split=data.split, decoders=skip)
    source = Labelled(source, data)
    return source if data.fraction == 1 else Subset(source, data.fraction, data.subset_seed)


def describe_records(data: DataConfig) -> dict[str, Any]:
    """Tells the prepared records of a data set from those of any other, without reading them.

    Raises:
        DataError: The data set does not exist.
    """
    info = load_builder(data).info
    sizes = {name: [part.num_bytes, *part.shard_lengths] for name, part in info.splits.items()}
    return {"name": info.full_name, "sizes": sizes}


def check_known_split(data: DataConfig) -> None:
    """Refuses a split that prepared records do not have; says nothing where there are none yet.

    Raises:
        DataError: See above.
    """
    if splits := open_builder(data).info.splits:
        _check_split(data, splits)


def records_key(data: DataConfig) -> str:
    """A hash that tells records apart: of other files, other labels, another state of a folder."""
    text = json.dumps(describe_records(data), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def published_images(data: DataConfig) -> int:
    """How many photos the publisher's split has; 0 where nobody says it, as of folders."""
    builder = load_builder(data)
    numbers = getattr(sys.modules[type(builder).__module__], "COUNTS", {})
    chosen = numbers.get(builder.builder_config.name if builder.builder_config else "", numbers)
    number = chosen.get(data.split) if isinstance(chosen, Mapping) else None
    return number if isinstance(number, int) else 0


def _check_split(data: DataConfig, splits: Mapping[str, Any]) -> None:
    """Refuses a split that does not exist or, as a slice of few examples may be, is empty."""
    known = ", ".join(f"{name} ({split.num_examples} examples)" for name, split in splits.items())
    try:
        count = splits[data.split].num_examples
    except (ValueError, KeyError) as error:
        reason = str(error.args[0] if error.args else error).splitlines()[0].rstrip(".;")
        raise DataError(
            f"data.split: {data.split!r} of {data.name}: {reason}; known: {known}"
        ) from None
    if count < 1:  # TFDS counts train[5:3] as minus two
        raise DataError(
            f"data.split: {data.split!r} of {data.name} holds no example; known: {known}"
        )


class Subset(Sequence):
    """A random part of a sequence, in the sequence's own order."""

    def __init__(self, source: Sequence, fraction: float, seed: int):
        """Draws which items stay.

        Args:
            source: The whole.
            fraction: Share of the items that stay, above 0 and at most 1; at least one stays.
            seed: Of one seed, larger parts contain the smaller ones.

        Raises:
            DataError: The fraction is out of range.
        """
        if not 0 < fraction <= 1:
            raise DataError(f"data.fraction is {fraction:g}; give a share above 0, at most 1")
        count = max(round(fraction * len(source)), 1)
        order = np.random.default_rng(seed).permutation(len(source))
        self.numbers = np.sort(order[:count])
        self._source = source

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self._source[int(self.numbers[index])]


class Decoded(TypedDict):
    """One record on the host: `categories` are of the segments 1, 2, ... in turn.

    So are `crowds`, and `whole`: run lengths of segments that others hide, b"" for the rest.
    Records of sets whose photos were searched for some classes only say also in vain for which
    (`negatives`), and of which not every object is annotated (`not_exhaustive`).
    """

    image: UInt8[np.ndarray, "H W 3"]
    segment_ids: Int[np.ndarray, "H W"]
    categories: Int[np.ndarray, " n"]
    crowds: Bool[np.ndarray, " n"]
    whole: list[bytes]
    file_name: str
    negatives: NotRequired[Int[np.ndarray, " a"]]
    not_exhaustive: NotRequired[Int[np.ndarray, " b"]]


def decode(example: dict[str, Any]) -> Decoded:
    """Decodes one record on the host, for evaluation."""
    import io

    from PIL import Image

    def pixels(key: str, mode: str | None = None) -> np.ndarray:
        picture = Image.open(io.BytesIO(example[key]))
        return np.asarray(picture.convert(mode) if mode else picture)

    found: Decoded = {
        "image": pixels("image", "RGB"),
        "segment_ids": pixels("segment_ids").astype(np.int32),
        "categories": np.asarray(example["categories"], np.int32),
        "crowds": np.asarray(example["crowds"], np.bool_),
        "whole": [bytes(runs) for runs in example["whole"]],
        "file_name": bytes(example["file_name"]).decode(),
    }
    for name in SEARCHED:
        if name in example:
            found[name] = np.asarray(example[name], np.int32)
    return found
