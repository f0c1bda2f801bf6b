"""Animates where Mask-Adapter looks: python -m tools.maps_animation docs/images/maps.gif.

Two pictures side by side, one true mask of a scene after the other: the mask with the name that the
shipped model gives it, and the photo as bright as the mean of the mask's activation maps.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from data.toy_world import world
from ovseg_jax.api import load_segmenter
from tools.demo_picture import named
from tools.draw_scene import draw
from tools.named_outlines import outlined

SCENE, SIDE, MILLISECONDS = 1, 240, 1200


def frames(seed: int = SCENE) -> list[Image.Image]:
    """Returns a frame for each segment of a scene."""
    segmenter = load_segmenter("toy")
    segmenter.set_vocabulary("; ".join(world.CLASS_NAMES), "none")
    photo, masks, truth = draw(seed)
    found = segmenter.classify(photo, np.stack(masks), with_maps=True)
    assert found.maps is not None, "the adapter has maps"
    shown = []
    best = found.probabilities[:, :-1].argmax(-1)
    for mask, name, index, maps in zip(masks, truth, best, found.maps, strict=True):
        left = outlined(photo, [named(mask, world.CLASS_NAMES[index], true_name=name)])
        shown.append(_beside(left, lit_by(photo, maps)))
    return shown


def lit_by(photo: Image.Image, maps: np.ndarray) -> Image.Image:
    """Returns a photo as bright as the mean of activation maps.

    Args:
        photo: RGB; maps cover all of it.
        maps: Logits; (m, h, w).
    """
    light = (1 / (1 + np.exp(-maps))).mean(0)
    light = (light - light.min()) / max(float(np.ptp(light)), 1e-6)
    shade = Image.fromarray(np.round(40 + 215 * light).astype(np.uint8))
    shade = shade.resize(photo.size, Image.Resampling.BILINEAR)
    return Image.composite(photo, Image.new("RGB", photo.size), shade)


def _beside(left: Image.Image, right: Image.Image) -> Image.Image:
    frame = Image.new("RGB", (2 * SIDE + 6, SIDE), "white")
    for place, picture in enumerate((left, right)):
        small = picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        frame.paste(small, (place * (SIDE + 6), 0))
    return frame


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("file", type=Path)
    options = parser.parse_args()
    first, *others = (frame.quantize(64, dither=Image.Dither.NONE) for frame in frames())
    first.save(options.file, save_all=True, append_images=others, duration=MILLISECONDS, loop=0)


if __name__ == "__main__":
    main()
