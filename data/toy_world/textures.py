"""Textures of the stuff classes: what a patch of ground, wall or sky shows, drawn afresh each time.

Every texture is a function `(rng, size) -> float32 [size, size, 3]` of values about 0 to 1. Lengths
are shares of a 128-pixel picture, so a larger picture shows the same with more pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

TextureFunction = Callable[[np.random.Generator, int], np.ndarray]

REFERENCE = 128
_SMOOTH = 2
"""Subpixels per pixel of what is drawn with a pen."""


def smooth_noise(rng: np.random.Generator, size: int, rows: int, columns: int = 0) -> np.ndarray:
    """Returns a random field of about -1 to 1 that varies over 1/rows and 1/columns of it."""
    grid = rng.uniform(-1.0, 1.0, (rows + 1, (columns or rows) + 1)).astype(np.float32)
    return np.asarray(Image.fromarray(grid).resize((size, size), Image.Resampling.BICUBIC))


def grass(rng: np.random.Generator, size: int) -> np.ndarray:
    """Green, with upright blades in lighter and darker greens, and now and then a daisy."""
    ground = _tinted(rng, (0.36, 0.60, 0.20), 0.06 * smooth_noise(rng, size, 4))
    image, pen = _canvas(size)
    length, scale = rng.uniform(7.0, 11.0), size * _SMOOTH / REFERENCE
    y, x = np.mgrid[3:140:7.5, -2:134:6.5].reshape(2, -1)
    y, x = y + rng.uniform(-3.5, 3.5, y.shape), x + rng.uniform(-3.5, 3.5, x.shape)
    top = y - length * rng.uniform(0.6, 1.2, x.shape)
    corners = np.stack([x - 1.2, y, x + rng.normal(0.0, 2.5, x.shape), top, x + 1.2, y], 1)
    tones = [(40, 104, 26), (58, 132, 32), (136, 194, 66), (100, 168, 48)]
    for blade, tone in zip((corners * scale).tolist(), rng.integers(4, size=len(x)), strict=True):
        pen.polygon(blade, (*tones[tone], 255))
    for place in rng.uniform(0, REFERENCE, (int(rng.integers(0, 7)), 2)) * scale:
        for half, color in ((2 * scale, (255, 255, 255, 255)), (scale, (250, 205, 60, 255))):
            pen.ellipse([*(place - half).tolist(), *(place + half).tolist()], color)
    return _over(ground, image)


def water(rng: np.random.Generator, size: int) -> np.ndarray:
    """Blue-green, darker towards the viewer, with rows of broken crests."""
    y, x = _coordinates(size)
    sway = 1.6 * np.sin(x * rng.uniform(0.12, 0.2) + rng.uniform(0.0, 6.3) + 0.05 * y)
    row = y * rng.uniform(0.55, 0.75) + sway
    swell = np.sin(row)
    broken = np.clip(0.35 + 1.3 * smooth_noise(rng, size, 16, 6), 0.0, 1.0)
    base = _tinted(rng, (0.11, 0.43, 0.62), 0.05 * swell - 0.0009 * y)
    crest = (np.maximum(swell, 0.0) ** 5 * broken)[..., None]
    return base + (np.asarray((0.80, 0.93, 0.96), np.float32) - base) * (0.8 * crest)


def sand(rng: np.random.Generator, size: int) -> np.ndarray:
    """Yellow-brown ripples with a bright and a dark flank, grains, and a few pebbles."""
    y, x = _coordinates(size)
    sway = 2.0 * np.sin(x * rng.uniform(0.04, 0.08) + rng.uniform(0.0, 6.3))
    row = y * rng.uniform(0.3, 0.45) + sway + 1.2 * smooth_noise(rng, size, 4)
    ripple = np.sin(row + 0.6 * np.sin(row))
    grid = rng.standard_normal((REFERENCE, REFERENCE), np.float32)
    grains = np.asarray(Image.fromarray(grid).resize((size, size), Image.Resampling.NEAREST))
    grains = 0.04 * grains - 0.16 * (grains > 2.2)
    return _tinted(rng, (0.87, 0.73, 0.46), 0.055 * ripple + grains)


_PUFFS = ((-1.1, 0.1, 0.5), (-0.4, -0.2, 0.8), (0.4, -0.1, 0.7), (1.1, 0.15, 0.45))
"""Of a cloud: right, down, half width, in its own unit."""


def sky(rng: np.random.Generator, size: int) -> np.ndarray:
    """Blue above, paler below, with a few white clouds."""
    y, _ = _coordinates(size)
    deep = _tinted(rng, (0.33, 0.61, 0.93), np.zeros_like(y))
    blue = deep + (np.float32(0.93) - deep) * (0.0045 * y)[..., None]
    mask = Image.new("L", (size, size))
    pen, scale = ImageDraw.Draw(mask), size / REFERENCE
    for x, y0, wide in rng.uniform((0, 8, 9), (128, 120, 17), (int(rng.integers(3, 7)), 3)):
        for shift, lift, share in _PUFFS:
            left, top, half = x + shift * wide, y0 + lift * wide, share * wide
            box = (left - half, top - 0.65 * half, left + half, top + 0.65 * half)
            pen.ellipse([value * scale for value in box], int(rng.integers(190, 255)))
    soft = np.asarray(mask.filter(ImageFilter.GaussianBlur(1.6 * scale)), np.float32) / 255
    return blue + (np.float32(0.98) - blue) * (0.95 * soft)[..., None]


def snow(rng: np.random.Generator, size: int) -> np.ndarray:
    """Nearly white, with a few soft bluish drifts and six-armed flakes."""
    y, x = _coordinates(size)
    slow = rng.uniform(0.02, 0.05)
    row = y * rng.uniform(0.025, 0.04) + 0.35 * np.sin(x * slow + rng.uniform(0, 6.3))
    row = row + 0.3 * smooth_noise(rng, size, 3)
    hollow = ((row - np.floor(row)) ** 3)[..., None]
    white = _tinted(rng, (0.95, 0.96, 0.98), np.zeros_like(y))
    ground = white - hollow * np.asarray((0.27, 0.17, 0.05), np.float32)
    image, pen = _canvas(size)
    scale = size * _SMOOTH / REFERENCE
    for place_x, place_y, arm in rng.uniform((0, 0, 2.5), (128, 128, 6.0), (30, 3)).tolist():
        tone = (255, 255, 255, 255) if rng.random() < 0.3 else (104, 152, 220, 255)
        for angle in rng.uniform(0, 1) + np.arange(3) * (np.pi / 3):
            dx, dy = arm * np.cos(angle), arm * np.sin(angle)
            ends = (place_x - dx, place_y - dy, place_x + dx, place_y + dy)
            pen.line([value * scale for value in ends], tone, max(1, round(0.8 * scale)))
    return _over(ground, image)


def brick(rng: np.random.Generator, size: int) -> np.ndarray:
    """A wall: red-brown bricks of varied tone in courses, light mortar, a shadow below each."""
    y, x = _coordinates(size)
    height, width = rng.uniform(8.0, 11.0), rng.uniform(18.0, 24.0)
    down = y / height + rng.uniform(0.0, 1.0)
    along = x / width + rng.uniform(0.0, 1.0) + 0.5 * (np.floor(down) % 2)
    tones = rng.uniform(-0.09, 0.09, (32, 16)).astype(np.float32)
    tone = tones[np.floor(down).astype(int) % 32, np.floor(along).astype(int) % 16]
    edge = (down % 1.0) > 1.0 - 1.2 / height
    wall = _tinted(rng, (0.66, 0.30, 0.22), tone - 0.13 * edge + 0.03 * smooth_noise(rng, size, 30))
    nearest = np.minimum(_from_whole(down) * height, _from_whole(along) * width)
    mortar = np.clip(1.4 - nearest, 0.0, 1.0)[..., None]
    return wall + (np.float32(0.80) - wall) * mortar


def _from_whole(values: np.ndarray) -> np.ndarray:
    """Returns the distance of each value from the nearest whole number."""
    return np.abs(values - np.round(values))


def road(rng: np.random.Generator, size: int) -> np.ndarray:
    """Dark asphalt with speckles; a broken white line, a solid one, again and again."""
    y, x = _coordinates(size)
    angle = rng.uniform(-0.35, 0.35)
    across = x * math.sin(angle) + y * math.cos(angle)
    along = x * math.cos(angle) - y * math.sin(angle)
    lane = rng.uniform(20.0, 27.0)
    place = (across + rng.uniform(0.0, 2 * lane)) % (2 * lane)
    dashes = (along + rng.uniform(0.0, 26.0)) % 26.0 < 15.0
    broken = np.clip(2.3 - np.abs(place - 0.5 * lane), 0.0, 1.0) * dashes
    solid = np.clip(1.6 - np.abs(place - 1.5 * lane), 0.0, 1.0)
    grid = rng.standard_normal((REFERENCE, REFERENCE), np.float32)
    speckles = np.asarray(Image.fromarray(grid).resize((size, size), Image.Resampling.NEAREST))
    asphalt = _tinted(rng, (0.31, 0.31, 0.34), 0.035 * speckles + 0.03 * smooth_noise(rng, size, 5))
    yellow = np.asarray((0.93, 0.78, 0.25), np.float32)
    asphalt += (yellow - asphalt) * solid[..., None]
    return asphalt + (np.float32(0.93) - asphalt) * broken[..., None]


def forest(rng: np.random.Generator, size: int) -> np.ndarray:
    """Rows of trees before dark green: firs, and round crowns on trunks."""
    ground = _tinted(rng, (0.10, 0.24, 0.11), 0.03 * smooth_noise(rng, size, 6))
    image, pen = _canvas(size)
    scale, firs = size * _SMOOTH / REFERENCE, rng.choice([0.2, 0.5, 0.8])
    for y in np.arange(12.0, 158.0, 17.0).tolist():
        for x in np.arange(rng.uniform(-8.0, 2.0), 136.0, rng.uniform(14.0, 17.0)).tolist():
            foot = (x + rng.uniform(-2.0, 2.0), y + rng.uniform(-4.0, 4.0))
            green = [int(v) for v in np.array([48, 122, 52]) * rng.uniform(0.68, 1.25)]
            shapes = _fir(rng.uniform(19.0, 25.0)) if rng.random() < firs else _round_tree(21.0)
            for ink, points in shapes:
                corners = [(points[n] + foot[n % 2]) * scale for n in range(len(points))]
                tone = (*(_INKS[ink] or [int(v * _GREENS[ink]) for v in green]), 255)
                (pen.ellipse if len(points) == 4 else pen.polygon)(corners, tone)
    return _over(ground, image)


_GREENS = {"dark": 0.5, "green": 1.0, "light": 1.4, "wood": 1.0}
_INKS = {"wood": (104, 70, 40), "dark": None, "green": None, "light": None}


def _fir(height: float) -> list[tuple[str, tuple[float, ...]]]:
    """Returns the inks and corners of a trunk and three tiers, from the foot."""
    shapes = [("wood", (-1.4, -0.3 * height, 1.4, -0.3 * height, 1.4, 0.0, -1.4, 0.0))]
    for low, half in ((0.15, 0.36), (0.4, 0.27), (0.65, 0.18)):
        for ink, more in (("dark", 1.0), ("green", 0.0)):
            wide, bottom, top = height * half + more, -height * low, -height * (low + 0.4) - more
            shapes.append((ink, (-wide, bottom, 0.0, top, wide, bottom)))
    return shapes


def _round_tree(height: float) -> list[tuple[str, tuple[float, ...]]]:
    """Returns the inks and corners of a trunk and a crown; four numbers are an ellipse's box."""
    shapes = [("wood", (-1.6, -0.5 * height, 1.6, -0.5 * height, 1.6, 0.0, -1.6, 0.0))]
    spots = (("dark", 0.0, 0.6, 0.39), ("green", 0.0, 0.61, 0.34), ("light", -0.1, 0.7, 0.14))
    for ink, x, up, radius in spots:
        corners = (x - radius, -up - radius, x + radius, -up + radius)
        shapes.append((ink, tuple(value * height for value in corners)))
    return shapes


def _coordinates(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns y [size, 1] and x [1, size], as if the picture had 128 pixels a side, broadcast."""
    line = (np.arange(size, dtype=np.float32) + 0.5) * np.float32(REFERENCE / size)
    y, x = np.broadcast_arrays(line[:, None], line[None, :])
    return y, x


def _tinted(rng: np.random.Generator, base: tuple[float, ...], field: np.ndarray) -> np.ndarray:
    color = np.asarray(base, np.float32) + rng.uniform(-0.03, 0.03, 3).astype(np.float32)
    return color + field[..., None].astype(np.float32)


def _canvas(size: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGBX", (_SMOOTH * size, _SMOOTH * size))
    return image, ImageDraw.Draw(image)


def _over(ground: np.ndarray, image: Image.Image) -> np.ndarray:
    """Lays a drawing over colours; its fourth band is what it covers, as in `paint`."""
    values = np.asarray(image.reduce(_SMOOTH), np.float32) * np.float32(1 / 255)
    return ground * (1 - values[..., 3:]) + values[..., :3]


TEXTURE_FUNCTIONS: tuple[TextureFunction, ...] = (
    grass,
    water,
    sand,
    sky,
    snow,
    brick,
    road,
    forest,
)
"""In the order of `world.STUFF_NAMES`."""
