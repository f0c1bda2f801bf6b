"""Draws the dummy data of Cityscapes and Mapillary Vistas in the publishers' layouts.

`python -m data.make_dummy_streets [FOLDER]` writes FOLDER/cityscapes/dummy_data and
FOLDER/mapillary/dummy_data (FOLDER is this one by default): a road, a sky, cars and what is not
evaluated, as rectangles. Cityscapes has the maps of its download, and in `dummy_data_detectron2`
what cityscapesScripts makes of them; Mapillary has the tree of v1.2.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ovseg_jax.vocabulary.classes import load_preset

HEIGHT, WIDTH = 24, 32
CITIES = {"train": ("aachen", 3), "val": ("lindau", 2)}
FOLDERS = {"training": 3, "validation": 2}
NUMBERS = {"sky": 23, "road": 7, "car": 26000, "next car": 26001, "cars": 26, "ego": 1}
"""Ids of Cityscapes' maps of instances; Mapillary's are drawn from the same scene."""
CATEGORIES = {"sky": 28, "road": 14, "car": 56, "next car": 56, "cars": 56, "ego": 66}
"""Categories of Mapillary's panoptic file; the bonnet of the own car is unlabeled here."""
PUBLISHED = {8: "Crosswalk - Plain", 23: "Lane Marking - Crosswalk", 24: "Lane Marking - General"}
"""Names of the panoptic file that differ from those of the preset by more than case."""


def _scene(index: int, split: int) -> np.ndarray:
    """Returns strings [H, W]: what is seen where; no two photos of a set are the same."""
    scene = np.full((HEIGHT, WIDTH), "sky", dtype=object)
    scene[HEIGHT // 2 :] = "road"
    scene[10:16, 2 + index : 8 + index] = "car"
    scene[10:16, 8 + index : 13 + index] = "next car"
    scene[9:13, 20 : 26 + 2 * split] = "cars"
    scene[-3:] = "ego"
    return scene


def _numbered(scene: np.ndarray, numbers: dict[str, int]) -> np.ndarray:
    return np.vectorize(numbers.__getitem__, otypes=[np.int32])(scene)


def _save(path: Path, image: Image.Image) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def _photo(scene: np.ndarray, grey: bool) -> Image.Image:
    """Returns a photo with a tone per object, and some grain."""
    tones = {name: (40 * n, 200 - 30 * n, 90 + 20 * n) for n, name in enumerate(NUMBERS)}
    pixels = np.array([[tones[name] for name in row] for row in scene], np.int32)
    grain = np.random.default_rng(int(grey)).integers(-8, 9, pixels.shape)
    photo = Image.fromarray(np.clip(pixels + grain, 0, 255).astype(np.uint8))
    return photo.convert("L") if grey else photo


def _write_cityscapes(root: Path) -> None:
    for split, (folder, (city, count)) in enumerate(CITIES.items()):
        for index in range(count):
            scene, name = _scene(index, split), f"{city}_{index:06d}_000019"
            numbers = _numbered(scene, NUMBERS)
            labels = np.where(numbers < 1000, numbers, numbers // 1000)
            start = root / "gtFine" / folder / city / f"{name}_gtFine"
            instances = Image.fromarray(numbers.astype(np.uint16))
            _save(Path(f"{start}_instanceIds.png"), instances)
            _save(Path(f"{start}_labelIds.png"), Image.fromarray(labels.astype(np.uint8)))
            photo = root / "leftImg8bit" / folder / city / f"{name}_leftImg8bit.png"
            _save(photo, _photo(scene, grey=False))


def _write_derived(published: Path, root: Path) -> None:
    """Writes what cityscapesScripts derives: train ids, and panoptic maps with their list."""
    classes = load_preset("cityscapes19").classes
    train_ids = {x.original_id: n for n, x in enumerate(classes)}
    named = [{"id": x.original_id, "name": x.name} for x in classes]
    shutil.copytree(published / "leftImg8bit", root / "leftImg8bit", dirs_exist_ok=True)
    for folder in CITIES:
        maps, entries = root / "gtFine" / f"cityscapes_panoptic_{folder}", []
        for path in sorted((published / "gtFine" / folder).rglob("*_instanceIds.png")):
            numbers = np.asarray(Image.open(path)).astype(np.int32)
            labels = np.where(numbers < 1000, numbers, numbers // 1000)
            ids = np.where(np.isin(labels, list(train_ids)), numbers, 0)
            table = np.array([train_ids.get(n, 255) for n in range(34)], np.uint8)
            twin = root / path.relative_to(published)
            made = twin.with_name(path.name.replace("instanceIds", "labelTrainIds"))
            _save(made, Image.fromarray(table[labels]))
            colors = np.stack([ids % 256, ids // 256 % 256, ids // 65536], axis=-1)
            name = path.name.replace("instanceIds", "panoptic")
            _save(maps / name, Image.fromarray(colors.astype(np.uint8)))
            found = [n for n in np.unique(ids).tolist() if n]
            info = [_segment(n, n // 1000 if n >= 1000 else n) for n in found]
            image = name.removesuffix("_gtFine_panoptic.png")
            entries.append({"image_id": image, "file_name": name, "segments_info": info})
        content = {"annotations": entries, "categories": named}
        maps.with_suffix(".json").write_text(json.dumps(content, indent=1) + "\n")


def _segment(number: int, label: int) -> dict[str, int]:
    """Things that are not counted one by one are a crowd."""
    return {"id": number, "category_id": label, "iscrowd": int(number == NUMBERS["cars"])}


def _write_mapillary(root: Path) -> None:
    ids = {name: 256 * n + 70 * n for n, name in enumerate(NUMBERS, 1)}
    for split, (folder, count) in enumerate(FOLDERS.items()):
        entries = []
        for index in range(count):
            scene, name = _scene(index, split), f"photo{index}"
            _save(root / folder / "images" / f"{name}.jpg", _photo(scene, grey=index == 1))
            labels = Image.fromarray((_numbered(scene, CATEGORIES) - 1).astype(np.uint8))
            labels.putpalette([value for n in range(66) for value in (3 * n, 9, 255 - n)])
            _save(root / folder / "labels" / f"{name}.png", labels)
            raw = _numbered(scene, ids)
            colors = np.stack([raw % 256, raw // 256, 0 * raw], axis=-1).astype(np.uint8)
            _save(root / folder / "panoptic" / f"{name}.png", Image.fromarray(colors))
            entries.append(_entry(name, ids))
        path = root / folder / "panoptic" / "panoptic_2018.json"
        content = {"annotations": entries, "categories": _categories()}
        path.write_text(json.dumps(content, indent=1) + "\n")


def _entry(name: str, ids: dict[str, int]) -> dict[str, Any]:
    segments = [
        {"id": ids[what], "category_id": CATEGORIES[what], "iscrowd": int(what == "cars")}
        for what in NUMBERS
    ]
    return {"image_id": name, "file_name": f"{name}.png", "segments_info": segments}


def _categories() -> list[dict[str, Any]]:
    classes = load_preset("mapillary65").classes
    named = [(PUBLISHED.get(n, x.name.title()), int(x.is_thing)) for n, x in enumerate(classes)]
    named.append(("Unlabeled", 0))
    return [{"id": n, "name": name, "isthing": thing} for n, (name, thing) in enumerate(named, 1)]


def main(folder: Path) -> None:
    """Writes all trees below `folder`."""
    streets = folder / "cityscapes"
    _write_cityscapes(streets / "dummy_data")
    _write_derived(streets / "dummy_data", streets / "dummy_data_detectron2")
    _write_mapillary(folder / "mapillary" / "dummy_data")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
