"""Draws the dummy data of LVIS and of COCO captions in the publishers' layouts.

`python -m data.make_dummy_lvis [FOLDER]` writes FOLDER/lvis/dummy_data and
FOLDER/coco_captions/dummy_data (FOLDER is this one by default). The photos are toy scenes whose
classes are given names of LVIS, each object a box around its pixels, so that some overlap. The
last object of a photo is left out, and its class is not exhaustive where another one of it is
marked. Validation photos lie in both folders, and one category is known by a synonym only.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from data.dummy_scenes import draw_upper_part
from data.toy_world.scenes import Scene

HEIGHT, WIDTH = 48, 64
TRAIN = ("train2017/000000000009", "train2017/000000000025", "train2017/000000000030")
VALIDATION = ("val2017/000000000139", "train2017/000000000034", "val2017/000000000285")
CATEGORIES = {
    3: ("airplane", "f", ("airplane", "aeroplane")),
    17: ("arctic_(type_of_shoe)", "r", ("arctic_(type_of_shoe)", "galosh")),
    162: ("bull", "c", ("horned_cow",)),
    207: ("car_(automobile)", "f", ("car_(automobile)", "auto_(automobile)")),
    705: ("mouse_(computer_equipment)", "c", ("mouse_(computer_equipment)",)),
}
"""Name, frequency and synonyms of some categories, by id."""


def _scene(name: str) -> Scene:
    return draw_upper_part([41, int(name[-6:])], HEIGHT, WIDTH)


def _photo(root: Path, name: str) -> None:
    path = root / f"{name}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(_scene(name).image).save(path, quality=85)


def _boxes(scene: Scene) -> list[tuple[int, list[float]]]:
    """A category and a polygon around each segment that is in the picture."""
    found = []
    for number, label in enumerate(scene.categories.tolist(), start=1):
        rows, columns = np.nonzero(scene.segment_ids == number)
        if len(rows):
            top, bottom = float(rows.min()), float(rows.max() + 1)
            left, right = float(columns.min()), float(columns.max() + 1)
            polygon = [left, top, right, top, right, bottom, left, bottom]
            found.append((list(CATEGORIES)[label % len(CATEGORIES)], polygon))
    return found


def _lvis_file(names: tuple[str, ...]) -> dict[str, Any]:
    images, annotations = [], []
    for name in names:
        number, boxes = int(name[-12:]), _boxes(_scene(name))
        unmarked = [boxes.pop()[0]] if len(boxes) > 1 else []
        marked = {category for category, _ in boxes}
        absent = [category for category in CATEGORIES if category not in marked]
        images.append(
            {
                "id": number,
                "coco_url": f"http://images.cocodataset.org/{name}.jpg",
                "height": HEIGHT,
                "width": WIDTH,
                "neg_category_ids": [x for x in absent if x not in unmarked][:2],
                "not_exhaustive_category_ids": [x for x in unmarked if x in marked],
            }
        )
        annotations += [
            {"image_id": number, "category_id": category, "segmentation": [polygon]}
            for category, polygon in boxes
        ]
    numbered = [{"id": n, **item} for n, item in enumerate(annotations, start=1)]
    categories = [
        {"id": number, "name": name, "frequency": letter, "synonyms": list(synonyms)}
        for number, (name, letter, synonyms) in CATEGORIES.items()
    ]
    return {"images": images, "annotations": numbered, "categories": categories}


def _captions_file(names: list[str]) -> dict[str, Any]:
    images = [
        {"id": int(x[-12:]), "file_name": f"{x[-12:]}.jpg", "height": HEIGHT, "width": WIDTH}
        for x in names
    ]
    texts = [(int(name[-12:]), text) for name in names for text in _scene(name).captions]
    return {
        "images": images,
        "annotations": [
            {"id": n, "image_id": image, "caption": f"{text} \n"}
            for n, (image, text) in enumerate(texts, start=1)
        ],
    }


def _instances_file(names: list[str]) -> dict[str, Any]:
    """The first segment of each photo as a person."""
    content = _captions_file(names)
    content["categories"] = [{"id": 1, "name": "person"}]
    content["annotations"] = [
        {"id": n, "image_id": int(x[-12:]), "category_id": 1, "iscrowd": 0}
        | {"segmentation": [_boxes(_scene(x))[0][1]]}
        for n, x in enumerate(names, start=1)
    ]
    return content


def _write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")


def main(folder: Path) -> None:
    """Writes both trees below `folder`."""
    root = folder / "lvis" / "dummy_data"
    for name in TRAIN + VALIDATION:
        _photo(root, name)
    _write(root / "lvis_v1_train.json", _lvis_file(TRAIN))
    _write(root / "lvis_v1_val.json", _lvis_file(VALIDATION))
    root = folder / "coco_captions" / "dummy_data"
    for split in ("train2017", "val2017"):
        names = [name for name in TRAIN + VALIDATION if name.startswith(split)]
        for name in names:
            _photo(root, name)
        for kind, make in (("captions", _captions_file), ("instances", _instances_file)):
            _write(root / "annotations" / f"{kind}_{split}.json", make(names))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
