"""TFDS builder of COCO captions 2017 from the publisher's files: photos with five captions each.

What CLIP is tuned on and nouns are mined from needs no masks, so by default records have none; the
configs `with_objects` and `validation_with_objects` add the objects of the instances file, which
lies in the same download.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from etils import epath

from data.checks.describe import listed_objects, read_objects
from data.checks.layout import Layout, Listed, Needed, Part
from data.checks.problem import Problem
from data.features import segmentation_example, segmentation_features
from data.instances import InstancesFile
from data.label_map_files import tell_count
from data.manual_files import (
    ManualFileError,
    displayed_size,
    read_picture,
    read_upright,
    require_folder,
)
from data.segments import Segments
from ovseg_jax.mining.captions import CaptionError, Captions, read_captions
from ovseg_jax.vocabulary.classes import ClassList, load_preset

SPLIT_FOLDERS = {"train": "train2017", "validation": "val2017"}
COUNTS = {"train": 118_287, "validation": 5_000}
"""Photos of the published set."""
OBJECTS = "with_objects"
"""Ending of the configs that read the instances file too."""
DAMAGED = "damaged captions"


def class_list(root: str, config: str) -> ClassList:
    """Returns the classes whose positions are the categories; the same for all folders."""
    del root, config
    return load_preset("coco_things80")


def layout(root: str, config: str) -> Layout:
    """Describes the files on disk, for `ovseg data check`."""
    folder, classes = Path(root), class_list(root, config)
    parts, problems, needed = {}, [], []
    for split in _splits(config or "full"):
        name = SPLIT_FOLDERS[split]
        source = folder / f"annotations/captions_{name}.json"
        needed += [
            Needed((name,), "the photos", ".jpg"),
            Needed((f"annotations/captions_{name}.json",), "the captions"),
        ]
        photos = {photo.name: photo for photo in sorted((folder / name).glob("*.jpg"))}
        listed, index = {}, {}
        try:
            listed = {x: Listed() for x in read_captions(source)} if source.is_file() else {}
        except CaptionError as error:
            advice = "get the file again; it is in the archive of the train and val annotations"
            problems.append(Problem(DAMAGED, str(source), str(error), advice=advice))
        if config.endswith(OBJECTS):
            place = f"annotations/instances_{name}.json"
            needed.append(Needed((place,), "the instance annotations"))
            file, index, wrong = read_objects(folder / place, classes)
            listed |= listed_objects(file) if file else {}
            problems += wrong if (folder / place).is_file() else []
        parts[split] = Part(photos, {}, listed, source, index, COUNTS[split])
    return Layout(folder, parts, len(classes), needed=needed, problems=problems)


class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # TFDS has one too
    """COCO 2017 photos with captions, and where wanted with objects of 80 classes."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name="full", description="train2017 and val2017, captions."),
        tfds.core.BuilderConfig(name="validation", description="val2017, captions."),
        tfds.core.BuilderConfig(name=OBJECTS, description="Both, captions and objects."),
        tfds.core.BuilderConfig(
            name=f"validation_{OBJECTS}", description="val2017, captions and objects."
        ),
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Give the COCO folder as manual_dir. It should hold train2017/ and val2017/ (photos), "
        "annotations/captions_train2017.json and captions_val2017.json, and for objects "
        "annotations/instances_train2017.json and instances_val2017.json. "
        "See data/coco_captions/README.md."
    )

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(features=segmentation_features())

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        root, config = epath.Path(dl_manager.manual_dir), self.builder_config.name
        return {split: self._generate_examples(root, split) for split in _splits(config)}

    def _generate_examples(
        self, root: epath.Path, split: str
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        folder = SPLIT_FOLDERS[split]
        photos = require_folder(root / folder, "the photos")
        captions = _captions(root / "annotations" / f"captions_{folder}.json")
        tell_count(len(captions), COUNTS[split], f"{self.name} {split}")
        objects, read = None, read_upright
        if self.builder_config.name.endswith(OBJECTS):
            objects = _Objects(root / "annotations" / f"instances_{folder}.json")
            read = read_picture  # objects are those of photos as stored
        for name, texts in captions.items():
            segments = objects(name) if objects else _nothing(photos / name)
            content = read(photos / name, segments.ids.shape)
            words = [" ".join(text.split()) for text in texts]
            yield epath.Path(name).stem, segmentation_example(content, segments, words, name)


class _Objects:
    """The objects of photos, from an instances file that is read once."""

    def __init__(self, path: epath.Path):
        self._file = InstancesFile(path)
        self._index = self._file.class_indices(class_list("", ""))

    def __call__(self, name: str) -> Segments:
        image = self._file.image(name)
        return self._file.segments(image, (image["height"], image["width"]), self._index)


def _nothing(photo: epath.Path) -> Segments:
    width, height = displayed_size(photo)
    return Segments(np.zeros((height, width), np.int32), [])


def _captions(path: epath.Path) -> Captions:
    try:
        return read_captions(str(path))
    except CaptionError as error:
        raise ManualFileError(str(error)) from error


def _splits(config: str) -> list[str]:
    return ["validation"] if config.startswith("validation") else list(SPLIT_FOLDERS)
