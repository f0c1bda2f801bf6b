"""The pictures of an annotated video: all of one size, with a legend that stays where it is.

Colours are those of the vocabulary, so a name has the same one in all frames. Where all names fit
beside the picture the legend lists them all, and is the same in every frame; else it lists those of
the frame, in the order of the vocabulary.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from ovseg_jax.inference.output.drawing import draw_segments
from ovseg_jax.inference.output.legend import (
    LEAST_HEIGHT,
    LEAST_WIDTH,
    SMALLEST,
    Row,
    draw_rows,
    drawable,
    lay_out,
    reasons,
    warn_of_undrawn,
)
from ovseg_jax.inference.results import Answer

NOTES = ("each frame is named alone:", "  nothing is tracked", "grey: unlabelled")


class ClipOverlay:
    """Draws the frames of one clip."""

    def __init__(self, first: Answer):
        """Decides the size and the kind of legend by the first frame."""
        height, width = first.pixels.shape[:2]
        classes = first.words.classes
        warn_of_undrawn(classes.names)
        self._rows = [
            Row(drawable(entry.name, slot), colour=entry.color)
            for slot, entry in enumerate(classes.classes)
        ]
        self._notes = [*NOTES, *reasons(first)]
        self._size = width, height
        layout = lay_out(self._rows, self._notes, width, height)
        placed = sum(row.colour is not None for column in layout.columns for row in column)
        self._legend = draw_rows(layout, height) if placed == len(self._rows) else None
        room = max(width, LEAST_WIDTH * SMALLEST), max(height, LEAST_HEIGHT * SMALLEST)
        panel = room if self._legend is None else self._legend.size
        self._canvas = _even(width + panel[0]), _even(max(height, panel[1]))

    def draw(self, result: Answer) -> UInt8[np.ndarray, "H W 3"]:
        """Draws a frame; its height and width are even, as video needs them.

        Args:
            result: The answer; a frame of another size than the first is scaled to it.
        """
        picture = draw_segments(result)
        if picture.size != self._size:
            picture = picture.resize(self._size)
        canvas = Image.new("RGB", self._canvas, "white")
        canvas.paste(self._legend or self._legend_of(result), (self._size[0], 0))
        canvas.paste(picture, (0, 0))
        return np.asarray(canvas)

    def _legend_of(self, result: Answer) -> Image.Image:
        present = np.unique(result.prediction.labels)
        rows = [self._rows[slot] for slot in present if slot >= 0]
        return draw_rows(lay_out(rows, self._notes, *self._size), self._size[1])


def _even(length: int) -> int:
    """Colours of video are stored for two by two pixels."""
    return length + length % 2
