"""Three masks of a small photo, and ways to store and read them."""

import json

import numpy as np
from pycocotools import mask as coco

from ovseg_jax.masks.read import MaskFiles

HEIGHT, WIDTH = 6, 9
MASKS = np.zeros((3, HEIGHT, WIDTH), bool)
MASKS[0, 1:4, 2:7] = True
MASKS[1, 5, 8] = MASKS[1, 0, 0] = True
MASKS[2, 2:, :3] = True
POLYGON = [2, 1, 7, 1, 7, 4, 2, 4]
"""The outline of the first mask."""


def packed(mask):
    rle = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": [int(side) for side in rle["size"]], "counts": rle["counts"].decode()}


def unpacked(mask):
    flat = mask.ravel(order="F")
    changes = np.flatnonzero(np.diff(np.r_[False, flat])).tolist()
    runs = np.diff([0, *changes, flat.size]).tolist()
    return {"size": list(mask.shape), "counts": runs}


ENTRIES = [{"segmentation": packed(mask), "score": 0.5 + 0.1 * i} for i, mask in enumerate(MASKS)]


def store(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def read(path, photo="photo.jpg", height=HEIGHT, width=WIDTH, photos=()):
    return MaskFiles(path, tuple(photos)).read(photo, height, width)


def instances(*names, **sides):
    """COCO's instances file: the n-th image has the id n + 1 and mask n."""
    return {
        "images": [{"id": n + 1, "file_name": name, **sides} for n, name in enumerate(names)],
        "annotations": [
            {"id": n, "image_id": n + 1, "category_id": 3, "segmentation": packed(MASKS[n % 3])}
            for n in range(len(names))
        ],
        "categories": [{"id": 3, "name": "car"}],
    }
