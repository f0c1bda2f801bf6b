"""A folder in COCO's panoptic layout with photos that are drawn, for programs that time reading."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ovseg_jax.config import DataConfig
from ovseg_jax.vocabulary.classes import load_preset

SEGMENTS = 12
"""Per photo; COCO panoptic has eleven on average."""
QUALITY = 90
"""Of JPEG; with the noise below, files are a little larger than COCO's."""


def draw_folder(place: Path, count: int, height: int, width: int) -> DataConfig:
    """Draws photos and panoptic maps, and returns how to read them, see `read_folder`."""
    classes = load_preset("coco_panoptic133").classes
    categories = [{"id": item.original_id, "name": item.name} for item in classes]
    for folder in ("val2017", "annotations", "panoptic_val2017"):
        (place / folder).mkdir(parents=True, exist_ok=True)
    lists: dict[str, list] = {"annotations": [], "categories": categories, "images": []}
    for number in range(count):
        rng = np.random.default_rng(number)
        _draw_photo(rng, height, width).save(
            place / "val2017" / f"{number:012d}.jpg", quality=QUALITY
        )
        info = _draw_map(rng, place / "panoptic_val2017" / f"{number:012d}.png", height, width)
        chosen = rng.choice(len(classes), len(info))
        segments = [
            {"id": segment, "category_id": classes[index].original_id, "iscrowd": 0}
            for segment, index in zip(info, chosen.tolist(), strict=True)
        ]
        lists["annotations"].append(
            {"image_id": number, "file_name": f"{number:012d}.png", "segments_info": segments}
        )
        lists["images"].append({"id": number, "file_name": f"{number:012d}.jpg"})
    (place / "annotations" / "panoptic_val2017.json").write_text(json.dumps(lists))
    return read_folder(place)


def read_folder(place: Path) -> DataConfig:
    """Says how to read drawn photos: at 1024 x 1024, with jitter 0.1 to 2."""
    return DataConfig(
        name="coco_panoptic",
        config="validation",
        split="validation",
        root=str(place),
        prepared=str(place.parent / f"{place.name}_prepared"),
        image_size=(1024, 1024),
        max_segments=96,
    )


def _draw_photo(rng: np.random.Generator, height: int, width: int) -> Image.Image:
    """Soft blobs with a little noise, which compress as photos do."""
    blobs = rng.integers(0, 256, (height // 32 + 1, width // 32 + 1, 3), np.uint8)
    smooth = np.asarray(Image.fromarray(blobs).resize((width, height), Image.Resampling.BICUBIC))
    noise = rng.integers(-6, 7, smooth.shape, np.int16)
    return Image.fromarray(np.clip(smooth + noise, 0, 255).astype(np.uint8))


def _draw_map(rng: np.random.Generator, path: Path, height: int, width: int) -> list[int]:
    """Draws the cells of random centres, each with an id of its own."""
    rows, columns = height // 8 + 1, width // 8 + 1
    at = rng.random((SEGMENTS, 2)) * (rows, columns)
    y, x = np.mgrid[:rows, :columns]
    cells = ((y[..., None] - at[:, 0]) ** 2 + (x[..., None] - at[:, 1]) ** 2).argmin(-1)
    ids = 1000 * (np.arange(SEGMENTS) + 1)
    near: Any = Image.fromarray(cells.astype(np.uint8)).resize((width, height), 0)
    numbers = ids[np.asarray(near)]
    colors = np.stack([numbers % 256, numbers // 256 % 256, numbers // 65536], axis=-1)
    Image.fromarray(colors.astype(np.uint8)).save(path)
    return np.unique(numbers).tolist()
