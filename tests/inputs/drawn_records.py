"""Records as data sets hold them, drawn in memory: a stream over them needs no files."""

import io

import numpy as np
from PIL import Image

from ovseg_jax.config import DataConfig, MixedConfig
from ovseg_jax.inputs import reading

SIZE = (60, 90)
DATA = DataConfig(
    name="toy_world",
    split="one",
    vocabulary="toy_world48",
    image_size=(64, 64),
    batch_size=4,
    max_segments=8,
    scale=(0.5, 2.0),
)


def record(number, size=SIZE, **fields):
    """A picture of noise with nine segments; its first pixel tells its number."""
    rng = np.random.default_rng(number)
    image = rng.integers(0, 256, (*size, 3), np.uint8)
    image[0, 0] = number
    cells = rng.permutation(9).reshape(3, 3) + 1
    ids = np.kron(cells, np.ones((size[0] // 3, size[1] // 3), int)).astype(np.uint16)
    return {
        "image": encoded(image),
        "segment_ids": encoded(ids),
        "categories": rng.integers(0, 48, 9),
        "crowds": np.arange(9) == 4,
        "whole": [b""] * 9,
        "captions": [b"a picture"],
        "file_name": f"photo_{number}".encode(),
    } | fields


def encoded(pixels, kind="PNG"):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format=kind)
    return buffer.getvalue()


def use(monkeypatch, **splits):
    """Lets streams read lists of records by the name of their split."""
    monkeypatch.setattr(reading, "open_split", lambda data: splits[data.split])


def mixed(split, weight, **fields):
    return MixedConfig(name="toy_world", split=split, weight=weight, **fields)
