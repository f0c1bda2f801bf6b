"""Panoptic maps drawn small, and records of one photo read as training reads them."""

import json
import tempfile

import numpy as np
from label_trees import SIZE, classes_of
from PIL import Image

from ovseg_jax.config import DataConfig
from ovseg_jax.inputs.datasets import decode, open_split
from ovseg_jax.inputs.labels import class_list


def draw_ids(path, ids):
    """Draws a panoptic map: one block per id."""
    numbers = blocks(ids)
    colors = np.stack([numbers % 256, numbers // 256 % 256, numbers // 65536], axis=-1)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(colors.astype(np.uint8)).save(path)


def blocks(ids):
    return np.kron(np.array(ids), np.ones((SIZE[0] // 2, SIZE[1] // 2), int))


def write_list(path, file_name, numbers, categories, crowds=()):
    """Writes the list of one map: the category of each id, the name of each category."""
    segments = [
        {"id": number, "category_id": category, "iscrowd": int(number in crowds)}
        for number, category in numbers.items()
    ]
    entry = {"image_id": "x", "file_name": file_name, "segments_info": segments}
    named = [{"id": number, "name": name} for number, name in categories.items()]
    path.write_text(json.dumps({"annotations": [entry], "categories": named}))


def read(root, name, config):
    """Returns class names at the blocks, and the record, of the only photo of a set."""
    prepared = tempfile.mkdtemp(dir=root.parent)
    data = DataConfig(
        name=name,
        config=config,
        split="validation",
        root=str(root),
        prepared=prepared,
        vocabulary="",
    )
    (example,) = [decode(record) for record in open_split(data)]
    return classes_of(example, class_list(data).names), example
