"""Draws the parts of a thing: an affine map, polygons in three times the pixels, a mean of those.

Nothing here knows classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from data.toy_world.drawings.parts import Color, Part, shade

DETAIL = 3
"""Subpixels per pixel along each axis."""

MAX_TILT = 0.3
ASPECTS = (0.85, 1.15)
_RIM = 0.045
"""Width of the darker line round parts, as a share of the side; half of it lies under the part."""
_LEAST_RIM = 1.2
"""In pixels, as far as the thing is not tiny."""


class Pose(NamedTuple):
    """How a thing is drawn.

    Attributes:
        side: Longer side of its bounding box in pixels.
        angle: Turn in radians.
        aspect: How much wider than drawn it is.
        flipped: Whether left and right are swapped.
    """

    side: float
    angle: float = 0.0
    aspect: float = 1.0
    flipped: bool = False


class Sticker(NamedTuple):
    """A drawn thing in a square that holds all of it.

    Attributes:
        colors: float32 [n, n, 3], 0 to 1, already weighted with the coverage.
        coverage: float32 [n, n, 1], 0 to 1.
        mask: bool [n, n]: pixels that the thing covers by half or more.
    """

    colors: np.ndarray
    coverage: np.ndarray
    mask: np.ndarray

    def at(self, left: int, top: int, size: int) -> tuple[tuple[slice, slice], Sticker]:
        """Cuts it at the borders of a picture.

        Args:
            left: Column of the picture where the square begins; may be negative.
            top: Row likewise.
            size: Side of the picture.

        Returns:
            Rows and columns of the picture, and the part of the sticker that lies there.
        """
        place, part = [], []
        for start in (top, left):
            first, last = max(start, 0), max(min(start + len(self.mask), size), 0)
            place.append(slice(first, last))
            part.append(slice(first - start, last - start))
        rows, columns = part
        return (place[0], place[1]), Sticker(*(array[rows, columns] for array in self))


def random_pose(rng: np.random.Generator, side: float) -> Pose:
    """Draws turn, aspect and side of a mirror."""
    angle = float(rng.triangular(-MAX_TILT, 0.0, MAX_TILT))
    return Pose(side, angle, float(rng.uniform(*ASPECTS)), bool(rng.random() < 0.5))


def draw_thing(rng: np.random.Generator, parts: Sequence[Part], pose: Pose) -> Sticker:
    """Draws a thing with a light that falls on it from one side.

    Args:
        rng: Source of the light's direction and of where the pixels cut it.
        parts: Of the thing, those farther back first.
        pose: How.

    Returns:
        The thing in the middle of a square.
    """
    rim = max(_RIM * pose.side, min(_LEAST_RIM, 0.25 * pose.side))
    extent = int(pose.side) + 3
    polygons = _placed(parts, pose, rim, (extent - 1 + rng.random(2)) / 2)
    values = np.asarray(_rasterised(parts, polygons, extent, rim), np.float32) * np.float32(1 / 255)
    coverage = values[..., 3:]
    return Sticker(values[..., :3] * _light(rng, extent), coverage, coverage[..., 0] >= 0.5)


def _placed(parts: Sequence[Part], pose: Pose, rim: float, centre: np.ndarray) -> list[np.ndarray]:
    """Maps all corners so that the bounding box with its rim has the pose's side."""
    points = np.concatenate([part.points for part in parts])
    stretch = np.sqrt(pose.aspect)
    points = points * ((-stretch if pose.flipped else stretch), 1 / stretch)
    cosine, sine = np.cos(pose.angle), np.sin(pose.angle)
    points = points @ np.array([[cosine, sine], [-sine, cosine]])
    low, high = points.min(0), points.max(0)
    scale = (pose.side - rim) / (high - low).max()
    points = (points - (low + high) / 2) * scale + centre
    ends = np.cumsum([len(part.points) for part in parts]).tolist()
    return [points[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def _rasterised(
    parts: Sequence[Part], polygons: Sequence[np.ndarray], extent: int, rim: float
) -> Image.Image:
    """Draws at `DETAIL` times the pixels and takes means.

    The fourth band of the mode RGBX is plain numbers, not opacity to Pillow, so all four bands of
    what is empty are zero and colours come out weighted with the coverage.
    """
    image = Image.new("RGBX", (DETAIL * extent, DETAIL * extent))
    pen = ImageDraw.Draw(image)
    width = max(1, round(DETAIL * rim))
    for part, points in zip(parts, polygons, strict=True):
        corners = (points * DETAIL).ravel().tolist()
        if part.rim:
            pen.line([*corners, *corners[:4]], _bytes(_rim_color(part.color)), width)
        pen.polygon(corners, _bytes(part.color))
    return image.reduce(DETAIL)


def _rim_color(color: Color) -> Color:
    """A darker tone, or a lighter one of what is nearly black and would melt into a forest."""
    return shade(color, 0.45 if max(color) > 0.26 else 1.3)


def _bytes(color: Color) -> tuple[int, int, int, int]:
    red, green, blue = color
    return int(255 * red), int(255 * green), int(255 * blue), 255


def _light(rng: np.random.Generator, extent: int) -> np.ndarray:
    """A ramp of brightness from somewhere above, [extent, extent, 1]."""
    direction = rng.uniform(np.pi, 2.0 * np.pi)
    ramp = np.linspace(-1.0, 1.0, extent, dtype=np.float32)
    across, down = 0.16 * np.cos(direction), 0.16 * np.sin(direction)
    light = 1.0 + ramp[None, :] * np.float32(across)
    return (light + ramp[:, None] * np.float32(down))[..., None]
