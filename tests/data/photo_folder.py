"""A folder of small photos with annotations, for tests to fill, change and damage."""

from __future__ import annotations

import json

import numpy as np
from PIL import Image

from ovseg_jax.config import DataConfig
from ovseg_jax.vocabulary.classes import load_preset

SIZE = (40, 60)
PERSON, DOG, TOOTHBRUSH = (0, 1), (16, 18), (79, 90)
"""Class index and COCO category id."""


def rectangle(category, top, left, bottom, right, **fields):
    """An annotation that covers exactly rows top to bottom - 1 and columns left to right - 1."""
    polygon = [left, top, right, top, right, bottom, left, bottom]
    return {"category_id": category[1], "segmentation": [polygon], **fields}


class Folder:
    """A folder of small photos that tests change and write."""

    def __init__(self, place):
        self.place = place
        self.entries, self.images, self.objects = [], [], []
        things = load_preset("coco_things80").classes
        self.categories = [{"id": x.original_id, "name": x.name} for x in things]
        for folder in ("images", "gt"):
            (place / folder).mkdir(parents=True)

    def photo(self, name, set_name, gt, size=SIZE, **fields):
        """Writes a photo of noise and lists it."""
        seed = sum(map(ord, name))
        pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
        Image.fromarray(pixels).save(self.place / "images" / name)
        entry = {"set": set_name, "image": f"images/{name}", "gt": gt}
        self.entries.append(entry | {"height": size[0], "width": size[1]} | fields)
        return pixels

    def instances(self, name, objects, size=SIZE):
        """Lists a photo with polygons."""
        self.images.append(
            {"id": len(self.images) + 50, "file_name": name, "height": size[0], "width": size[1]}
        )
        start = len(self.objects) + 1
        self.objects += [
            {"image_id": self.images[-1]["id"], "id": start + place} | item
            for place, item in enumerate(objects)
        ]
        return self.photo(name, "coco128_instances", "gt/instances.json", size)

    def labels(self, name, set_name, labels, **fields):
        """Lists a photo with a label PNG."""
        Image.fromarray(labels).save(self.place / "gt" / name)
        return self.photo(name, set_name, f"gt/{name}", labels.shape[:2], **fields)

    def write(self):
        """Writes manifest and instances."""
        content = {"images": self.images, "annotations": self.objects}
        content["categories"] = self.categories
        (self.place / "gt" / "instances.json").write_text(json.dumps(content))
        (self.place / "manifest.json").write_text(json.dumps(self.entries))
        return self

    def config(self, config="coco128_instances", **fields):
        """How the stream is told to read it: as classes of its own unless they are COCO's."""
        vocabulary = "coco_things80" if config == "coco128_instances" else ""
        return DataConfig(
            name="photo_set",
            config=config,
            root=str(self.place),
            prepared=str(self.place.parent / "prepared"),
            vocabulary=vocabulary,
            **fields,
        )
