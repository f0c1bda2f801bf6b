"""TFDS builder of a folder of photos whose `manifest.json` names their annotations.

A folder with one COCO instances file needs no manifest; its classes are those that the file names.

The split `train` holds the photos of one set in the order of the manifest, so that `train[:64]`
are its first 64; those that it puts apart are in `validation`. The folder is the user's:
`config_of_folder` gives each state of each folder records of its own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import tensorflow_datasets as tfds
from etils import epath

from data.checks.layout import Layout
from data.features import segmentation_example, segmentation_features
from data.manual_files import ManualFileError, read_upright
from data.parallel import in_order
from data.photo_set.annotations import VOCABULARIES, classes_of_set, decoder
from data.photo_set.labels import LabelDecoder
from data.photo_set.layout import describe
from data.photo_set.manifest import SPLITS, fingerprint, only_set, read_manifest, split_of
from ovseg_jax.vocabulary.classes import ClassList


@dataclasses.dataclass(eq=False)
class PhotoSetConfig(tfds.core.BuilderConfig):
    """One set of the manifest; `set_name` is the config's name without its fingerprint."""

    set_name: str = ""


def config_of_folder(root: str, set_name: str = "") -> PhotoSetConfig:
    """Returns a config whose records belong to a folder as it is now.

    TFDS knows records by the config's name, and would hand those of one folder to another.

    Args:
        root: Folder with `manifest.json`.
        set_name: One of `VOCABULARIES`; empty for the only one in the folder.

    Raises:
        ManualFileError: The set is unknown, or the manifest is missing or has no such set.
    """
    folder, set_name = _chosen(root, set_name)
    name = f"{set_name}-{fingerprint(folder, set_name)}"
    return PhotoSetConfig(name=name, set_name=set_name, description=f"{set_name} of one folder.")


def class_list(root: str, set_name: str = "") -> ClassList:
    """Returns the classes whose positions are the categories of a folder's records.

    Raises:
        ManualFileError: See `config_of_folder`; or the annotations name no classes.
    """
    folder, set_name = _chosen(root, set_name)
    return classes_of_set(folder, set_name, read_manifest(folder, set_name))


def layout(root: str, config: str) -> Layout:
    """Describes the files on disk, for `ovseg data check`."""
    return describe(root, config)


def _chosen(root: str, set_name: str) -> tuple[epath.Path, str]:
    if not root:
        raise ManualFileError("photo_set: no folder of photos given")
    folder = epath.Path(root)
    set_name = set_name or only_set(folder)
    if set_name not in VOCABULARIES:
        raise ManualFileError(
            f"photo_set: no config {set_name!r}; known: {', '.join(VOCABULARIES)}"
        )
    return folder, set_name


class Builder(tfds.core.GeneratorBasedBuilder):
    """A folder's photos with segments, in the order of its manifest."""

    VERSION = tfds.core.Version("2.1.0")
    RELEASE_NOTES = {
        "1.0.0": "First version.",
        "1.1.0": "Classes of COCO files by the names in 'categories', not by ids.",
        "1.2.0": "Photos as displayed, after any EXIF rotation.",
        "2.0.0": "Crowds and what lies hidden are kept.",
        "2.1.0": "Numbers in classes.txt are labels; categories that only head others are none.",
    }
    BUILDER_CONFIGS = [
        PhotoSetConfig(
            name=name, set_name=name, description=f"Classes of {vocabulary or 'the annotations'}."
        )
        for name, vocabulary in VOCABULARIES.items()
    ]
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Give the folder of photos with manifest.json, or with one COCO instances file, as "
        "manual_dir. See data/photo_set/README.md."
    )

    def _info(self) -> tfds.core.DatasetInfo:
        # Unshuffled, records keep the order in which they are generated.
        return self.dataset_info_from_configs(
            features=segmentation_features(), disable_shuffling=True
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        root = epath.Path(dl_manager.manual_dir)
        entries = read_manifest(root, self.builder_config.set_name)
        present = {split_of(entry) for entry in entries}
        return {
            split: self._generate_examples(root, entries, split)
            for split in SPLITS
            if split in present
        }

    def _generate_examples(
        self, root: epath.Path, entries: list[dict[str, Any]], split: str
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        set_name = self.builder_config.set_name
        decode = decoder(set_name, classes_of_set(root, set_name, entries))
        chosen = [entry for entry in entries if split_of(entry) == split]

        def read(entry: dict[str, Any]) -> dict[str, Any]:
            content = read_upright(root / entry["image"], (entry["height"], entry["width"]))
            segments = decode(root, entry)
            height, width = segments.ids.shape
            if (height, width) != (entry["height"], entry["width"]):
                raise ManualFileError(
                    f"{root / entry['gt']}: the annotation has {height} x {width} pixels, its "
                    f"photo {entry['height']} x {entry['width']}"
                )
            return segmentation_example(content, segments, (), entry["image"])

        yield from enumerate(in_order(read, chosen, f"{set_name} {split}"))
        if isinstance(decode, LabelDecoder):
            decode.tell(root)
