"""TFDS's own checks of the builders that read folders of the user's own, on drawn folders."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from label_trees import draw_map, draw_photo

tfds = pytest.importorskip("tensorflow_datasets")

from data.label_maps import label_maps_dataset_builder as label_maps  # noqa: E402
from data.photo_set import photo_set_dataset_builder as photo_set  # noqa: E402
from tests.data.photo_folder import DOG, PERSON, Folder, rectangle  # noqa: E402


class LabelMapsTest(tfds.testing.DatasetBuilderTestCase):
    """A folder with its usual tree."""

    DATASET_CLASS = label_maps.Builder
    SPLITS = {"train": 2, "validation": 1}

    @classmethod
    def setUpClass(cls):
        place = Path(tempfile.mkdtemp())
        cls.EXAMPLE_DIR = str(place)
        for folder, name in (("train", "a"), ("train", "b"), ("val", "c")):
            draw_photo(place / "images" / folder / f"{name}.jpg")
            labels = np.array([[0, 1], [255, 2]], np.uint8)
            draw_map(place / "labels" / folder / f"{name}.png", labels)
        (place / "classes.txt").write_text("sky\nroad\ntree\n")
        super().setUpClass()


class PhotoSetTest(tfds.testing.DatasetBuilderTestCase):
    """A folder with a manifest."""

    DATASET_CLASS = photo_set.Builder
    SPLITS = {"train": 2}
    BUILDER_CONFIG_NAMES_TO_TEST = ["coco128_instances"]

    @classmethod
    def setUpClass(cls):
        folder = Folder(Path(tempfile.mkdtemp()) / "photos")
        cls.EXAMPLE_DIR = str(folder.place)
        folder.instances("a.png", [rectangle(PERSON, 0, 0, 10, 20)])
        folder.instances("b.png", [rectangle(DOG, 5, 5, 20, 30)])
        folder.write()
        super().setUpClass()
