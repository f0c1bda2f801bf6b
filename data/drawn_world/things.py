"""One thing of a toy picture: which one, in what colour, where, and how it comes out."""

from __future__ import annotations

import numpy as np

from data.drawn_world import world
from data.drawn_world.drawings import DRAWINGS
from data.drawn_world.drawings.sketch import Sketch
from data.drawn_world.drawn import Patch, Pose, draw

TYPICAL_HUE_PROBABILITY = 0.8
AT_HOME_PROBABILITY = 0.6

_RESIDENTS = tuple(
    [thing for thing, look in enumerate(world.APPEARANCES) if home in look.homes]
    for home in range(len(world.STUFF_NAMES))
)
"""Things by home."""


def choose_thing(rng: np.random.Generator, stuff: list[int]) -> tuple[int, int | None]:
    """Returns a thing and the stuff that it must stand on; None for anywhere."""
    if rng.random() < AT_HOME_PROBABILITY:
        home = stuff[rng.integers(len(stuff))]
        return int(rng.choice(_RESIDENTS[home])), home
    return int(rng.integers(len(world.THING_NAMES))), None


def choose_hue(rng: np.random.Generator, thing: int) -> int:
    """Returns one of the thing's own hues, the first ones more often, or now and then any."""
    own = world.APPEARANCES[thing].hues
    if rng.random() < TYPICAL_HUE_PROBABILITY:
        return own[min(rng.integers(len(own)), rng.integers(len(own)))]
    return int(rng.integers(len(world.HUES)))


def random_pose(rng: np.random.Generator, radius: float, size: int) -> Pose:
    """Places a thing so that a good part lies inside the picture."""
    margin = min(0.8 * radius, 0.4 * size)
    x, y = rng.uniform(margin, size - margin, 2)
    angle, aspect = rng.uniform(-0.3, 0.3), rng.uniform(0.85, 1.15)
    return Pose(x, y, radius, angle, aspect, mirrored=bool(rng.random() < 0.5))


def draw_thing(rng: np.random.Generator, thing: int, hue: int, pose: Pose, size: int) -> Patch:
    """Draws a thing with a light from one side.

    Args:
        rng: Source of its proportions and details.
        thing: Index into `world.THING_NAMES`.
        hue: Body hue, index into `world.HUES`.
        pose: Where it lies.
        size: Side of the picture in pixels.
    """
    body = np.asarray(world.HUE_COLORS[hue]) + rng.uniform(-0.05, 0.05, 3)
    red, green, blue = np.clip(body, 0.0, 1.0)
    sketch = Sketch(rng, (float(red), float(green), float(blue)))
    DRAWINGS[world.THING_NAMES[thing]](sketch)
    patch = draw(sketch.parts, pose, size)
    rows, columns = (np.arange(part.start, part.stop, dtype=np.float32) for part in patch.area)
    direction = rng.uniform(0.0, 2.0 * np.pi)
    across, down = (columns - pose.x) * np.cos(direction), (rows - pose.y) * np.sin(direction)
    ramp = 1.0 + 0.14 * (across[None, :] + down[:, None]) / pose.radius
    return Patch(patch.area, patch.paint * ramp[..., None].astype(np.float32), patch.coverage)
