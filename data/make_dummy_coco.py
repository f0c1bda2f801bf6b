"""Draws the dummy data of the three COCO builders in the publisher's layout.

`python -m data.make_dummy_coco [FOLDER]` writes `dummy_data` below FOLDER/coco_panoptic,
FOLDER/coco_stuff and FOLDER/coco_instances (FOLDER is this one by default), and the maps that
scripts make of COCO-Stuff in FOLDER/coco_stuff/dummy_data_detectron2. The photos are toy
scenes whose classes are given COCO ids; among them are a grey photo, a crowd, void pixels, ids from
the gaps of COCO's numbering, a map without any label, and a photo without any object.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from data.dummy_scenes import draw_upper_part
from data.toy_world.scenes import Scene
from ovseg_jax.vocabulary.classes import ClassList, load_preset

HEIGHT, WIDTH = 64, 80
PHOTOS = {"train2017": 6, "val2017": 3}
GAP_ID = 12
"""COCO's numbering skips this id ("street sign")."""

UNLABELLED = 255


def _scene(folder: str, index: int) -> Scene:
    return draw_upper_part([23, list(PHOTOS).index(folder), index], HEIGHT, WIDTH)


def _write_photo(path: Path, image: np.ndarray, grey: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    photo = Image.fromarray(image)
    (photo.convert("L") if grey else photo).save(path, quality=85)


def _coco_id(toy_class: int, classes: ClassList) -> int:
    """Toy things become COCO things, toy stuff becomes COCO stuff."""
    entry = classes.classes[2 * toy_class]
    assert entry.original_id is not None
    return entry.original_id


def _write_panoptic(root: Path) -> None:
    classes = load_preset("coco_panoptic133")
    for folder, count in PHOTOS.items():
        annotations = []
        for index in range(count):
            scene, stem = _scene(folder, index), f"{index + 1:012d}"
            _write_photo(root / folder / f"{stem}.jpg", scene.image, grey=index == 1)
            ids = _segment_numbers(scene)
            raw = np.where(scene.segment_ids > 0, ids[scene.segment_ids], 0)
            raw[:4, :10] = 0
            colors = np.stack([raw % 256, raw // 256 % 256, raw // 65536], axis=-1)
            path = root / f"panoptic_{folder}" / f"{stem}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(colors.astype(np.uint8)).save(path)
            annotations.append(_annotation(scene, index, raw, ids, classes))
        path = root / "annotations" / f"panoptic_{folder}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(_panoptic_file(annotations, classes), indent=1) + "\n")


def _segment_numbers(scene: Scene) -> np.ndarray:
    """Ids with all three bytes in use, as COCO's are."""
    return np.arange(len(scene.categories) + 1) * 70001 + 300


def _annotation(
    scene: Scene, index: int, raw: np.ndarray, ids: np.ndarray, classes: ClassList
) -> dict[str, Any]:
    """The first photo's last segment is a crowd."""
    last = len(scene.categories)
    segments = [
        {
            "id": int(ids[number]),
            "category_id": _coco_id(int(scene.categories[number - 1]), classes),
            "iscrowd": int(index == 0 and number == last),
            "area": int((raw == ids[number]).sum()),
        }
        for number in range(1, last + 1)
        if (raw == ids[number]).any()
    ]
    name = f"{index + 1:012d}.png"
    return {"image_id": index + 1, "file_name": name, "segments_info": segments}


def _panoptic_file(annotations: list[dict[str, Any]], classes: ClassList) -> dict[str, Any]:
    images = [
        {"id": a["image_id"], "file_name": a["file_name"].replace(".png", ".jpg")}
        | {"height": HEIGHT, "width": WIDTH}
        for a in annotations
    ]
    categories = [
        {"id": entry.original_id, "name": entry.name, "isthing": int(entry.is_thing)}
        for entry in classes.classes
    ]
    return {"images": images, "annotations": annotations, "categories": categories}


def _write_stuff(root: Path) -> None:
    classes = load_preset("coco_stuff171")
    for folder, count in PHOTOS.items():
        for index in range(count):
            scene, stem = _scene(folder, index), f"{index + 1:012d}"
            _write_photo(root / folder / f"{stem}.jpg", scene.image, grey=index == 1)
            values = [UNLABELLED] + [_coco_id(int(c), classes) - 1 for c in scene.categories]
            raw = np.asarray(values, np.uint8)[scene.segment_ids]
            raw[:4, :10] = GAP_ID - 1
            raw[:4, 10:20] = UNLABELLED
            if folder == "train2017" and index == count - 1:
                raw[:] = UNLABELLED
            path = root / "stuffthingmaps" / folder / f"{stem}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(raw).save(path)


def _write_prepared_stuff(published: Path, root: Path) -> None:
    """Writes the same truth as scripts do: labels in turn, and no map where none has any."""
    table = np.full(256, UNLABELLED, np.uint8)
    for index, entry in enumerate(load_preset("coco_stuff171").classes):
        if entry.original_id is not None:
            table[entry.original_id - 1] = index
    for folder in PHOTOS:
        shutil.copytree(published / folder, root / folder, dirs_exist_ok=True)
        for path in sorted((published / "stuffthingmaps" / folder).glob("*.png")):
            labels = table[np.asarray(Image.open(path))]
            twin = root / "stuffthingmaps_detectron2" / folder / path.name
            twin.parent.mkdir(parents=True, exist_ok=True)
            if (labels != UNLABELLED).any():
                Image.fromarray(labels).save(twin)


def _write_instances(root: Path) -> None:
    """Things as polygons of their boxes, so that they overlap; the crowd as plain run lengths."""
    classes = load_preset("coco_things80")
    for folder, count in PHOTOS.items():
        images: list[dict[str, Any]] = []
        objects: list[dict[str, Any]] = []
        for index in range(count):
            scene, name = _scene(folder, index), f"{index + 1:012d}.jpg"
            _write_photo(root / folder / name, scene.image, grey=index == 1)
            size = {"height": HEIGHT, "width": WIDTH}
            images.append({"id": index + 1, "file_name": name} | size)
            if index < count - 1:
                objects += _objects(scene, index, len(objects), classes)
        categories = [{"id": x.original_id, "name": x.name} for x in classes.classes]
        content = {"images": images, "annotations": objects, "categories": categories}
        path = root / "annotations" / f"instances_{folder}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=1) + "\n")


def _objects(scene: Scene, index: int, first: int, classes: ClassList) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    things = [n for n, toy in enumerate(scene.categories, 1) if toy < 40]
    for segment in (n for n in things if (scene.segment_ids == n).any()):
        mask = scene.segment_ids == segment
        rows, columns = np.nonzero(mask)
        left, top = int(columns.min()), int(rows.min())
        right, bottom = int(columns.max()) + 1, int(rows.max()) + 1
        is_crowd = index == 0 and segment == things[-1]
        outline: Any = [[left, top, right, top, right, bottom, left, bottom]]
        entry = classes.classes[2 * int(scene.categories[segment - 1])]
        numbers = {"id": first + len(found) + 1, "image_id": index + 1}
        if is_crowd:
            outline = {"size": [HEIGHT, WIDTH], "counts": _runs(mask)}
        shape = {"segmentation": outline, "iscrowd": int(is_crowd), "area": int(mask.sum())}
        box = {"bbox": [left, top, right - left, bottom - top]}
        found.append(numbers | {"category_id": entry.original_id} | shape | box)
    return found


def _runs(mask: np.ndarray) -> list[int]:
    """Returns run lengths column by column, from a run of 0."""
    flat = np.concatenate([[False], mask.ravel(order="F")])
    ends = np.append(np.flatnonzero(flat[1:] != flat[:-1]), mask.size)
    return np.diff(np.append(0, ends)).tolist()


def main(folder: Path) -> None:
    """Writes all trees below `folder`."""
    _write_panoptic(folder / "coco_panoptic" / "dummy_data")
    stuff = folder / "coco_stuff"
    _write_stuff(stuff / "dummy_data")
    _write_prepared_stuff(stuff / "dummy_data", stuff / "dummy_data_detectron2")
    _write_instances(folder / "coco_instances" / "dummy_data")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
