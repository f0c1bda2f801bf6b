"""Small folders of each family that `ovseg data prepare` understands, for tests to damage."""

from __future__ import annotations

import json

import numpy as np
from PIL import Image

SIZE = (20, 30)
BOX = [2, 3, 12, 3, 12, 9, 2, 9]
NAMES = [f"{number}" for number in range(5)]
EXIF = 0x0112


def photo(path, size=SIZE):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(len(str(path))).integers(0, 256, (*size, 3), np.uint8)
    Image.fromarray(pixels).save(path)


def label_map(path, *values, dtype=np.uint8):
    """A map whose rows hold the values in turn."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = np.resize(np.array(values, dtype), SIZE[0])
    Image.fromarray(np.repeat(rows[:, None], SIZE[1], 1)).save(path)


def coco(root):
    images = [
        {"id": n, "file_name": f"{name}.jpg", "width": SIZE[1], "height": SIZE[0]}
        for n, name in enumerate(NAMES)
    ]
    objects = [
        {"id": n + 1, "image_id": n, "category_id": 5 + n % 2, "segmentation": [BOX], "iscrowd": 0}
        for n in range(len(NAMES))
    ]
    categories = [{"id": 5, "name": "cat"}, {"id": 6, "name": "dog"}]
    for name in NAMES:
        photo(root / f"{name}.jpg")
    content = {"images": images, "annotations": objects, "categories": categories}
    write(root / "export.json", content)


def panoptic(root, names=("sky", "sheep")):
    images, entries = [], []
    for number, name in enumerate(NAMES):
        photo(root / "images" / f"{name}.jpg")
        colors = np.zeros((*SIZE, 3), np.uint8)
        colors[:5, :, 0], colors[5:, :, 0] = 7, 8
        (root / "pan").mkdir(exist_ok=True)
        Image.fromarray(colors).save(root / "pan" / f"{name}.png")
        segments = [{"id": 7 + n, "category_id": 90 + n, "iscrowd": 0} for n in range(2)]
        images.append({"id": number, "file_name": f"{name}.jpg"})
        entries.append({"image_id": number, "file_name": f"{name}.png", "segments_info": segments})
    categories = [{"id": 90 + n, "name": name} for n, name in enumerate(names)]
    content = {"images": images, "annotations": entries, "categories": categories}
    write(root / "pan.json", content)


def labelme(root, labels=("cup", "table")):
    for number, name in enumerate(NAMES):
        photo(root / f"{name}.jpg")
        points = [BOX[n : n + 2] for n in range(0, 8, 2)]
        shape = {"label": labels[number % len(labels)], "shape_type": "polygon", "points": points}
        content = {"imagePath": f"{name}.jpg", "shapes": [shape], "imageData": None}
        content |= {"imageHeight": SIZE[0], "imageWidth": SIZE[1]}
        write(root / f"{name}.json", content)


def yolo(root, names="names: [cup, table]\n"):
    for number, name in enumerate(NAMES):
        photo(root / "images" / f"{name}.jpg")
        (root / "labels").mkdir(exist_ok=True)
        text = f"{number % 2} 0.1 0.2 0.5 0.2 0.5 0.6 0.1 0.6\n"
        (root / "labels" / f"{name}.txt").write_text(text)
    (root / "data.yaml").write_text(names)


def maps(root, names="sky\nsea\nsand\n"):
    for name in NAMES:
        photo(root / "images" / f"{name}.jpg")
        label_map(root / "labels" / f"{name}.png", 0, 1, 2, 255)
    (root / "classes.txt").write_text(names)


FAMILIES = {"coco": coco, "panoptic": panoptic, "labelme": labelme, "yolo": yolo, "maps": maps}


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def change(path, edit):
    """Reads a JSON file, lets `edit` change it, and writes it."""
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))
