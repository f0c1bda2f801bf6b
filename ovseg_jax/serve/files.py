"""What can be downloaded of an answer."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from PIL import Image

from ovseg_jax.disk.json_text import json_bytes
from ovseg_jax.inference.output.drawing import draw_overlay
from ovseg_jax.inference.output.save import describe, encode_labels
from ovseg_jax.inputs.images import LoadedImage

QUALITY = 90


def picture(photo: LoadedImage) -> bytes:
    """A photo as it is seen, upright, in a form that every browser shows."""
    file = io.BytesIO()
    Image.fromarray(photo.pixels).save(file, format="JPEG", quality=QUALITY)
    return file.getvalue()


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, format="PNG")
    return file.getvalue()


def _overlay(answer: Any) -> bytes:
    return _png(draw_overlay(answer))


def _labels(answer: Any) -> bytes:
    return _png(encode_labels(answer.prediction.labels, len(answer.words.classes)))


def _record(answer: Any) -> bytes:
    return json_bytes(describe(answer), indent=1)


FILES: dict[str, tuple[str, Callable[[Any], bytes]]] = {
    "overlay.png": ("image/png", _overlay),
    "labels.png": ("image/png", _labels),
    "answer.json": ("application/json", _record),
}
"""By name, the media type and what writes it from an answer."""
