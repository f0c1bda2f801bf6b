"""TFDS builder of LVIS v1 from the publisher's files.

Photos are COCO's, those of the validation split from both of its folders. Each photo was searched
for some of the 1203 classes only, so records also say for which in vain, and of which not every
object is marked; the records' metadata say which classes are rare. Scores need all three.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds
from etils import epath

from data.checks.describe import listed_objects, read_objects
from data.checks.layout import Layout, Needed, Part
from data.features import segmentation_example, segmentation_features
from data.label_map_files import tell_count
from data.lvis import annotations
from data.lvis.annotations import FOLDERS, MINIVAL, TRAIN, VALIDATION, LvisFile
from data.manual_files import read_picture
from ovseg_jax.vocabulary.classes import ClassList, load_preset

FILES = {"train": (TRAIN,), "validation": (VALIDATION,), "minival": (VALIDATION, MINIVAL)}
"""The annotation file of each split, the better one first."""
SPLITS = {
    "full": ("train", "validation", "minival"),
    "validation": ("validation", "minival"),
    "minival": ("minival",),
}
COUNTS = {"train": 100_170, "validation": 19_809, "minival": 4_809}
"""Photos of the published set."""
FREQUENCY = "frequency"
"""Name under which the records' metadata have the letter of each class."""


def class_list(root: str, config: str) -> ClassList:
    """Returns the classes whose positions are the categories; the same for all folders."""
    del root, config
    return load_preset("lvis1203")


def layout(root: str, config: str) -> Layout:
    """Describes the files on disk, for `ovseg data check`."""
    folder, classes, given = Path(root), class_list(root, config), epath.Path(root)
    photos = annotations.folder_with_photos(given) or given / "coco"
    parts, problems, needed = {}, [], []
    for split in SPLITS[config or "full"]:
        source = annotations.find_file(given, *FILES[split])
        places = tuple(f"{x}/{name}".lstrip("/") for name in FILES[split] for x in FOLDERS)
        needed.append(Needed(places, "the LVIS v1 annotations"))
        file, index, wrong = read_objects(Path(source), classes, kind=LvisFile)
        listed = listed_objects(file) if file else {}
        listed = {name: said for name, said in listed.items() if _is_of(split, name)}
        found = {name: Path(photos / name) for name in listed if (photos / name).is_file()}
        parts[split] = Part(found, {}, listed, Path(source), index, COUNTS[split])
        problems += [problem for problem in wrong if problem not in problems]
    for name in ("val2017",) if config == "minival" else ("val2017", "train2017"):
        needed.append(Needed((f"coco/{name}", name), "the photos of COCO 2017", ".jpg"))
    return Layout(folder, parts, len(classes), needed=needed, problems=problems)


class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # TFDS has one too
    """COCO 2017 photos with objects of 1203 classes, each photo searched for some of them."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name="full", description="Train, validation and minival."),
        tfds.core.BuilderConfig(name="validation", description="Validation and minival."),
        tfds.core.BuilderConfig(name="minival", description="Minival: needs val2017 only."),
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Give the folder that holds coco/ (with train2017/ and val2017/) and "
        "lvis/lvis_v1_train.json and lvis_v1_val.json as manual_dir; or COCO's own folder with "
        "the two files in it or in its annotations/. See data/lvis/README.md."
    )

    def _info(self) -> tfds.core.DatasetInfo:
        features = segmentation_features(federated=True)
        metadata = tfds.core.MetadataDict()
        return self.dataset_info_from_configs(features=features, metadata=metadata)

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        root = epath.Path(dl_manager.manual_dir)
        # Validation and minival come from one file; more than one in memory would be too much.
        read = functools.lru_cache(1)(functools.partial(annotations.read_file, root))
        splits = SPLITS[self.builder_config.name]
        return {split: self._generate_examples(root, split, read) for split in splits}

    def _generate_examples(
        self, root: epath.Path, split: str, read: Callable[..., LvisFile]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        photos, file = annotations.photo_root(root), read(*FILES[split])
        index = file.class_indices(classes := class_list("", ""))
        metadata: Any = self.info.metadata
        metadata[FREQUENCY] = file.frequencies(index, len(classes))
        images = [image for image in file.images if _is_of(split, file.name_of(image))]
        tell_count(len(images), COUNTS[split], f"{self.name} {split}")
        for image in images:
            name = file.name_of(image)
            segments = file.segments(image, file.size(image), index)
            content = read_picture(photos / name, segments.ids.shape)
            example = segmentation_example(content, segments, (), name)
            yield name, example | file.searched(image, index)


def _is_of(split: str, name: str) -> bool:
    """Minival is what of validation lies in val2017, as GLIP chose it; other splits are whole."""
    return split != "minival" or not name.startswith("train2017/")
