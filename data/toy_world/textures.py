"""Textures of the stuff classes: a base colour and a pattern each, drawn afresh per picture.

Every texture is a function `(rng, x, y) -> [H, W, 3]` of pixel coordinates in units of a 96-pixel
picture, so a larger picture shows the same pattern with more pixels. Values are about 0 to 1.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

TextureFunction = Callable[[np.random.Generator, np.ndarray, np.ndarray], np.ndarray]


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], cells: int) -> np.ndarray:
    """Returns a random field of about -1 to 1 that varies over 1/cells of the picture."""
    grid = rng.uniform(-1.0, 1.0, (cells + 1, cells + 1)).astype(np.float32)
    return np.asarray(Image.fromarray(grid).resize((shape[1], shape[0]), Image.BICUBIC))


def _tinted(rng: np.random.Generator, base: tuple[float, ...], field: np.ndarray) -> np.ndarray:
    color = np.asarray(base, np.float32) + rng.uniform(-0.03, 0.03, 3).astype(np.float32)
    return color + field[..., None].astype(np.float32)


def grass(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Light green with fine upright blades."""
    blades = np.sin(x * rng.uniform(1.5, 2.1) + 2.0 * smooth_noise(rng, x.shape, 8) * 3.0)
    return _tinted(rng, (0.48, 0.70, 0.26), 0.09 * blades + 0.05 * smooth_noise(rng, x.shape, 6))


def water(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Blue-green with lying waves."""
    phase = rng.uniform(0.0, 6.3)
    sway = 2.2 * np.sin(x * rng.uniform(0.08, 0.16) + phase)
    return _tinted(rng, (0.16, 0.52, 0.62), 0.10 * np.sin(y * rng.uniform(0.6, 0.9) + sway))


def sand(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Pale yellow-brown with grains and weak dunes."""
    grains = rng.standard_normal(x.shape, np.float32)
    return _tinted(rng, (0.83, 0.70, 0.46), 0.055 * grains + 0.05 * smooth_noise(rng, x.shape, 3))


def sky(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Light blue with soft clouds."""
    clouds = np.clip(smooth_noise(rng, x.shape, 5), 0.0, 1.0)[..., None]
    blue = _tinted(rng, (0.52, 0.74, 0.95), np.zeros_like(x))
    return blue + (np.float32(1.0) - blue) * 0.55 * clouds


def snow(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Nearly white with bluish hollows."""
    hollows = np.clip(smooth_noise(rng, x.shape, 7), 0.0, 1.0)[..., None]
    white = _tinted(rng, (0.90, 0.92, 0.95), np.zeros_like(x))
    return white - hollows * np.asarray((0.20, 0.14, 0.05), np.float32)


def brick(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Red-brown courses with light mortar."""
    height, width = rng.uniform(6.0, 9.0), rng.uniform(13.0, 18.0)
    down = y / height + rng.uniform(0.0, 1.0)
    along = x / width + rng.uniform(0.0, 1.0) + 0.5 * (np.floor(down) % 2)
    mortar = ((down % 1.0) < 1.4 / height) | ((along % 1.0) < 1.4 / width)
    tone = 0.06 * np.sin(np.floor(down) * 7.1 + np.floor(along) * 12.9)
    wall = _tinted(rng, (0.60, 0.31, 0.24), tone)
    return np.where(mortar[..., None], np.float32(0.76), wall)


def road(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Grey with white broken lane lines."""
    angle = rng.uniform(-0.4, 0.4)
    across = x * np.sin(angle) + y * np.cos(angle)
    along = x * np.cos(angle) - y * np.sin(angle)
    gap = rng.uniform(22.0, 30.0)
    line = ((across + rng.uniform(0.0, gap)) % gap < 2.6) & (along % 16.0 < 10.0)
    grain = 0.03 * rng.standard_normal(x.shape, np.float32)
    asphalt = _tinted(rng, (0.40, 0.40, 0.43), grain)
    return np.where(line[..., None], np.float32(0.90), asphalt)


def forest(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Dark green with clumps of crowns."""
    crowns = smooth_noise(rng, x.shape, 13)
    return _tinted(rng, (0.11, 0.28, 0.15), 0.13 * crowns + 0.05 * smooth_noise(rng, x.shape, 5))


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
