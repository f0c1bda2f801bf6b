"""The worst photos in a page: the photo, its truth and the answer side by side."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int, UInt8
from PIL import Image

from ovseg_jax.evaluation.report.markup import Markup, element, hex_color
from ovseg_jax.evaluation.worst import WorstPhoto

OPACITY = 0.55
"""Share of the class colour, as in the overlays of `ovseg segment`."""
MOST_NAMES = 8
"""Classes in a legend."""
QUALITY = 88
"""Of the JPEG pictures: a page of ten photos takes one or two megabytes."""


def photo_section(
    photo: WorstPhoto, names: Sequence[str], colors: Int[np.ndarray, "k 3"], judged_by: str
) -> Markup:
    """Returns a photo's pictures with a legend below each."""
    score = element("small", f"{judged_by} {100 * photo.score:.2f}")
    title = element("h3", f"{photo.name} ", score)
    panels = [
        _panel("photo", photo.image, None),
        _panel("truth", painted(photo.image, photo.truth, colors), photo.truth, names, colors),
        _panel(
            "answer", painted(photo.image, photo.predicted, colors), photo.predicted, names, colors
        ),
    ]
    return element("section", title, element("div", *panels, class_="panels"))


def painted(
    image: UInt8[np.ndarray, "h w 3"], labels: Int[np.ndarray, "h w"], colors: np.ndarray
) -> UInt8[np.ndarray, "h w 3"]:
    """Mixes the colours of classes into a photo; void and unlabelled pixels turn grey."""
    table = np.concatenate([colors, np.zeros((1, 3), np.uint8)])  # -1 takes the last row
    mixed = (1 - OPACITY) * image + OPACITY * table[labels]
    mixed = np.where((labels >= 0)[..., None], mixed, image * 0.3 + 0.7 * 128)
    border = np.zeros(labels.shape, bool)
    border[:, :-1] |= labels[:, 1:] != labels[:, :-1]
    border[:-1] |= labels[1:] != labels[:-1]
    return np.where(border[..., None], 255, np.round(mixed)).astype(np.uint8)


def embedded(pixels: UInt8[np.ndarray, "h w 3"]) -> str:
    """Returns a picture as an address that holds all of it."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=QUALITY, subsampling=0)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _panel(
    title: str,
    pixels: np.ndarray,
    labels: np.ndarray | None,
    names: Sequence[str] = (),
    colors: np.ndarray | None = None,
) -> Markup:
    height, width = pixels.shape[:2]
    picture = element("img", src=embedded(pixels), alt=title, width=width, height=height)
    legend = None if labels is None or colors is None else _legend(labels, names, colors)
    return element("figure", picture, element("figcaption", element("b", title), legend))


def _legend(labels: np.ndarray, names: Sequence[str], colors: np.ndarray) -> Markup:
    """The classes that cover most, and how much of the picture."""
    counts = np.bincount(labels.ravel() + 1, minlength=len(names) + 1)[1:]
    order = np.argsort(-counts, kind="stable")
    present = [index for index in order.tolist() if counts[index]]
    entries = [
        element(
            "li",
            element("i", "", style=f"background:{hex_color(colors[index])}"),
            f"{names[index]} {100 * counts[index] / labels.size:.0f} %",
        )
        for index in present[:MOST_NAMES]
    ]
    if len(present) > MOST_NAMES:
        entries.append(element("li", f"and {len(present) - MOST_NAMES} more"))
    return element("ul", *entries)
