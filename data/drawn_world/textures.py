"""Textures of the stuff classes; all but snow and forest are those of the toy world."""

from __future__ import annotations

import numpy as np

from data.toy_world.textures import (
    TextureFunction,
    brick,
    grass,
    road,
    sand,
    sky,
    smooth_noise,
    water,
)


def snow(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """White with the bluish shadows of drifts and flakes that sparkle."""
    sway = smooth_noise(rng, x.shape, 4)
    drifts = np.clip(np.sin(y * rng.uniform(0.16, 0.24) + 2.5 * sway), 0.0, 1.0)[..., None]
    white = np.asarray((0.93, 0.95, 0.98)) + rng.uniform(-0.03, 0.03, 3)
    flakes = (rng.random(x.shape, np.float32) > 0.985)[..., None]
    shadowed = white - drifts**3 * np.asarray((0.22, 0.15, 0.05), np.float32)
    return np.where(flakes, 1.25, shadowed).astype(np.float32)


def forest(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Rows of firs, each before the one above it, on dark ground."""
    pixels = np.full((*x.shape, 3), (0.08, 0.16, 0.10), np.float32)
    high, wide = rng.uniform(36.0, 50.0), rng.uniform(18.0, 25.0)
    for row, foot in enumerate(np.arange(8.0, 170.0, 0.42 * high)):
        shift = rng.uniform(-2.0, 2.0) + (row % 2) * wide / 2
        along = (x + shift) % wide - wide / 2
        tip = foot - high + rng.uniform(-3.0, 3.0)
        rise = (y - tip) / high
        skirts = 0.30 + 0.70 * (3.0 * rise % 1.0)  # three layers of branches
        inside = (rise > 0) & (y < foot) & (np.abs(along) < wide * 0.55 * rise * skirts + 0.6)
        tone = rng.uniform(0.75, 1.15) * (1.0 - 0.35 * along / wide)
        tree = tone[..., None] * np.asarray((0.14, 0.38, 0.18), np.float32)
        pixels = np.where(inside[..., None], tree.astype(np.float32), pixels)
    return pixels


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
"""In the order of `world.STUFF_NAMES`; coordinates in units of a 128-pixel picture."""
