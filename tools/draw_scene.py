"""Draws what the examples of the documentation use: python -m tools.draw_scene FOLDER.

Writes photo.png, a scene of the toy world four times as large; masks.json, its true masks; and
photos/, four more scenes with one COCO annotation file, as a folder of one's own would be.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from data.toy_world import scenes, world
from ovseg_jax.inference.output.save import encode_rle

SCALE = 4
SEED = 3


def draw(seed: int) -> tuple[Image.Image, list[np.ndarray], list[str]]:
    """Draws a scene.

    Returns:
        The picture, a mask for each segment, and their true names.
    """
    scene = scenes.make_scene(np.random.default_rng(seed), "scene")
    height, width = scene.segment_ids.shape
    picture = Image.fromarray(scene.image).resize((width * SCALE, height * SCALE), 0)
    large = scene.segment_ids.repeat(SCALE, 0).repeat(SCALE, 1)
    masks = [large == number for number in range(1, len(scene.categories) + 1)]
    return picture, masks, [world.CLASS_NAMES[index] for index in scene.categories]


def write(folder: Path) -> None:
    """Writes photo, masks and the annotated photos."""
    photos = folder / "photos"
    photos.mkdir(parents=True, exist_ok=True)
    picture, masks, _ = draw(SEED)
    picture.save(folder / "photo.png")
    proposals = [{"segmentation": encode_rle(mask)} for mask in masks]
    size = {"width": picture.width, "height": picture.height}
    (folder / "masks.json").write_text(json.dumps({"photo.png": size | {"proposals": proposals}}))
    (photos / "instances.json").write_text(json.dumps(_annotated(photos, range(4, 8))))


def _annotated(folder: Path, seeds: range) -> dict[str, Any]:
    """Saves scenes as photos and returns their COCO instances."""
    images, annotations, categories = [], [], {}
    for seed in seeds:
        picture, masks, names = draw(seed)
        image = {"id": seed, "file_name": f"{seed}.png"}
        images.append(image | {"width": picture.width, "height": picture.height})
        picture.save(folder / image["file_name"])
        for mask, name in zip(masks, names, strict=True):
            number = categories.setdefault(name, len(categories) + 1)
            entry = {"id": len(annotations) + 1, "image_id": seed, "category_id": number}
            area = {"area": int(mask.sum()), "iscrowd": 0, "segmentation": encode_rle(mask)}
            annotations.append(entry | area)
    named = [{"id": number, "name": name} for name, number in categories.items()]
    return {"images": images, "annotations": annotations, "categories": named}


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="made if it is missing")
    write(parser.parse_args().folder)


if __name__ == "__main__":
    main()
