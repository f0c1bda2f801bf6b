"""A folder of photos and label maps with a description, for tests to fill, change and damage."""

import json

import numpy as np
import yaml
from label_trees import classes_of, draw_map, draw_photo

from ovseg_jax.config import DataConfig
from ovseg_jax.inputs.datasets import decode, open_split
from ovseg_jax.inputs.labels import class_list

NAMES = ["sky", ["road", "street"], "tree"]
BASE = {"photos": "images", "labels": "labels", "names": NAMES}
LABELS = np.array([[0, 1], [2, 255]], np.uint8)
WANTED = [["sky", "road"], ["tree", ""]]


def make_folder(folder):
    """Draws one photo with labels of all classes, and describes it."""
    draw_photo(folder / "images" / "a.jpg")
    draw_map(folder / "labels" / "a.png", LABELS)
    return describe(folder)


def describe(folder, name="dataset.yaml", **fields):
    """Writes a description: the usual one with some fields changed, or "absent"."""
    content = {key: value for key, value in (BASE | fields).items() if value != "absent"}
    folder.mkdir(exist_ok=True, parents=True)
    text = json.dumps(content) if name.endswith("json") else yaml.safe_dump(content)
    (folder / name).write_text(text)
    return folder


def data_of(root, config="", split="train"):
    """How a split is read, with records beside the folder."""
    place = str(root.parent / "records")
    return DataConfig(
        name="label_maps", config=config, split=split, root=str(root), prepared=place, vocabulary=""
    )


def read(root, config="", split="train"):
    """Class names at the corners of the blocks of each photo."""
    data = data_of(root, config, split)
    names = class_list(data).names
    return [classes_of(decode(record), names) for record in open_split(data)]
