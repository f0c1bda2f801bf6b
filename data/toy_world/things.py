"""One thing of a toy picture: which one, where, and its painted look."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.toy_world import shapes, world

TYPICAL_HUE_PROBABILITY = 0.8
"""With random hues alone the names are not learned in minutes."""

AT_HOME_PROBABILITY = 0.6
EMBLEM_RADIUS = 0.45
"""In radii of the body."""


@dataclass(frozen=True)
class Pose:
    """Where and how large a thing is drawn, in pixels and radians."""

    x: float
    y: float
    radius: float
    angle: float
    aspect: float


_RESIDENTS = tuple(
    [
        thing
        for thing, look in enumerate(world.APPEARANCES)
        for _ in range(2 if thing in world.TWIN_INDICES else 1)
        if look.home == home
    ]
    for home in range(len(world.STUFF_NAMES))
)
"""Things by home; twins count twice, because they never come away from home."""


def choose_thing(rng: np.random.Generator, stuff: list[int]) -> tuple[int, bool]:
    """Returns a thing and whether its centre must lie on its home stuff."""
    if rng.random() < AT_HOME_PROBABILITY:
        home = stuff[rng.integers(len(stuff))]
        return int(rng.choice(_RESIDENTS[home])), True
    thing = int(rng.integers(len(world.THING_NAMES)))
    while thing in world.TWIN_INDICES:
        thing = int(rng.integers(len(world.THING_NAMES)))
    return thing, False


def random_pose(rng: np.random.Generator, radius: float, size: int) -> Pose:
    """Places a thing of `radius` pixels so that a good part lies inside the picture."""
    margin = min(0.8 * radius, 0.4 * size)
    x, y = rng.uniform(margin, size - margin, 2)
    return Pose(x, y, radius, rng.uniform(-0.45, 0.45), rng.uniform(0.85, 1.15))


def window(pose: Pose, size: int) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray]:
    """Returns the picture part that the thing can touch and its coordinates in radii."""
    reach = shapes.EXTENT * pose.radius
    top, left = max(0, int(pose.y - reach)), max(0, int(pose.x - reach))
    bottom, right = min(size, int(pose.y + reach) + 2), min(size, int(pose.x + reach) + 2)
    y = (np.arange(top, bottom, dtype=np.float32) + 0.5 - pose.y)[:, None] / pose.radius
    x = (np.arange(left, right, dtype=np.float32) + 0.5 - pose.x)[None, :] / pose.radius
    cosine, sine, stretch = np.cos(pose.angle), np.sin(pose.angle), np.sqrt(pose.aspect)
    u = ((x * cosine + y * sine) / stretch).astype(np.float32)
    v = ((y * cosine - x * sine) * stretch).astype(np.float32)
    return (slice(top, bottom), slice(left, right)), u, v


def body_hue(rng: np.random.Generator, look: world.Appearance) -> int:
    """Returns the typical hue, or at times another one that lets the emblem stand out."""
    if rng.random() < TYPICAL_HUE_PROBABILITY:
        return look.hue
    others = [hue for hue in range(len(world.HUES)) if hue not in (look.hue, look.emblem_hue)]
    return int(rng.choice(others))


def painted(
    rng: np.random.Generator,
    look: world.Appearance,
    hue: int,
    pose: Pose,
    grid: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> np.ndarray:
    """Paints a thing: body with shading and a dark rim, and its emblem at a random place.

    Args:
        rng: Source of all choices.
        look: The thing's appearance.
        hue: Body hue to use, index into `world.HUES`.
        pose: Where it is drawn; only the radius matters here.
        grid: Coordinates u and v in radii and the distance to the outline, each [h, w].

    Returns:
        Colours, float32 [h, w, 3], also outside the outline.
    """
    u, v, distance = grid
    color = np.asarray(world.HUE_COLORS[hue], np.float32)
    color = 0.75 * color + 0.25 * color.mean() + rng.uniform(-0.03, 0.03, 3).astype(np.float32)
    direction = rng.uniform(0.0, 2.0 * np.pi)
    ramp = 1.0 + 0.18 * (u * np.cos(direction) + v * np.sin(direction))
    rim = shapes.coverage(-distance - max(0.08, 1.2 / pose.radius), pose.radius)
    patch = color * (ramp * (1.0 - 0.5 * rim)).astype(np.float32)[..., None]
    emblem = np.asarray(world.HUE_COLORS[look.emblem_hue], np.float32)
    glyph = _emblem_coverage(rng, look, pose, u, v)[..., None]
    return patch + (emblem - patch) * glyph


def _emblem_coverage(
    rng: np.random.Generator, look: world.Appearance, pose: Pose, u: np.ndarray, v: np.ndarray
) -> np.ndarray:
    """Places the glyph at a random spot well inside the silhouette."""
    spots = rng.uniform(-0.8, 0.8, (2, 48))
    depth = -shapes.SILHOUETTE_FUNCTIONS[look.silhouette](spots[0], spots[1])
    deep = np.flatnonzero(depth >= min(0.30, 0.8 * depth.max()))
    spot = spots[:, deep[0]].astype(np.float32)
    local_u, local_v = (u - spot[0]) / EMBLEM_RADIUS, (v - spot[1]) / EMBLEM_RADIUS
    distance = shapes.GLYPH_FUNCTIONS[look.glyph](local_u, local_v)
    return shapes.coverage(distance, pose.radius * EMBLEM_RADIUS)
