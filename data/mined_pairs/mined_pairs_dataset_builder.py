"""TFDS builder of what `ovseg mine` wrote: one example per layer of disjoint masks.

One split, `train`, in the order of `pairs.jsonl`. The folder is the user's: `config_of_folder`
gives each state of each folder records of its own.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator
from typing import Any

import tensorflow_datasets as tfds
from etils import epath

from data.features import segmentation_example, segmentation_features
from data.manual_files import ManualFileError, read_upright, require_file
from data.mined_pairs.layers import disjoint_layers, id_map
from data.segments import Segments
from ovseg_jax.masks.rle import decode_rle
from ovseg_jax.mining.pairs import PAIRS, SOURCES, VOCABULARY, PairsError, read_pairs
from ovseg_jax.vocabulary.classes import ClassList, VocabularyError, load_class_file

LINK = "photos"
"""A folder or link of this name beside the pairs takes the place of the recorded folder."""


def config_of_folder(root: str, name: str = "") -> tfds.core.BuilderConfig:
    """Returns a config whose records belong to a folder as it is now.

    Args:
        root: Folder with `pairs.jsonl`.
        name: Empty, or "pairs", the only config.

    Raises:
        ManualFileError: There is no such config, or the folder is not finished.
    """
    if name not in ("", "pairs"):
        raise ManualFileError(f"mined_pairs: no config {name!r}; known: pairs")
    if not root:
        raise ManualFileError("mined_pairs: no folder given; it should hold pairs.jsonl")
    digest = hashlib.sha256()
    for file in (PAIRS, SOURCES, VOCABULARY):
        path = require_file(epath.Path(root) / file, "a file that `ovseg mine` writes at its end")
        with path.open("rb") as content:
            while block := content.read(1 << 20):
                digest.update(block)
    key = f"pairs-{digest.hexdigest()[:12]}"
    return tfds.core.BuilderConfig(name=key, description="Mined pairs of one folder.")


def class_list(root: str, config: str) -> ClassList:
    """Returns the nouns of a folder, whose positions are the categories.

    Raises:
        ManualFileError: The folder has no list of nouns, or one that cannot be read.
    """
    del config
    path = require_file(epath.Path(root) / VOCABULARY, "the nouns that `ovseg mine` writes")
    try:
        return load_class_file(path)
    except VocabularyError as error:
        raise ManualFileError(str(error)) from error


class Builder(tfds.core.GeneratorBasedBuilder):
    """Photos with masks whose categories are positions in the folder's `vocabulary.json`."""

    VERSION = tfds.core.Version("1.1.0")
    RELEASE_NOTES = {"1.0.0": "First version.", "1.1.0": "The fields that all sets share."}
    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name="pairs", description="Mined pairs.")]
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Give the folder that `ovseg mine` wrote as manual_dir. See data/mined_pairs/README.md."
    )

    def _info(self) -> tfds.core.DatasetInfo:
        # Unshuffled, records keep the order in which they are generated.
        return self.dataset_info_from_configs(
            features=segmentation_features(), disable_shuffling=True
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        return {"train": self._generate_examples(epath.Path(dl_manager.manual_dir))}

    def _generate_examples(self, root: epath.Path) -> Iterator[tuple[int, dict[str, Any]]]:
        numbers = {name: n for n, name in enumerate(class_list(str(root), "").names)}
        folders = _photo_folders(root)
        key = itertools.count()
        grouped = itertools.groupby(_pairs(root), lambda p: (p["source"], p["file_name"]))
        for (source, name), group in grouped:
            pairs = list(group)
            if source >= len(folders):
                raise ManualFileError(
                    f"{root / SOURCES}: holds {len(folders)} runs, no run {source}"
                )
            if unknown := [pair["noun"] for pair in pairs if pair["noun"] not in numbers]:
                raise ManualFileError(f"{root / VOCABULARY}: lacks {unknown[0]!r} of {PAIRS}")
            for example in _examples(folders[source] / name, name, pairs, numbers):
                yield next(key), example


def _pairs(root: epath.Path) -> Iterator[dict[str, Any]]:
    try:
        yield from read_pairs(root)
    except PairsError as error:
        raise ManualFileError(str(error)) from error


def _photo_folders(root: epath.Path) -> list[epath.Path]:
    """Returns the folder of photos of each run that is in the pairs."""
    path = require_file(root / SOURCES, "the runs that the pairs come from")
    recorded = [source.get("photos_folder", "") for source in json.loads(path.read_text())]
    if (root / LINK).is_dir():
        return [root / LINK] * len(recorded)
    if "" in recorded:
        raise ManualFileError(
            f"{path}: run {recorded.index('')} has no folder of photos; put them, or a link to "
            f"them, at {root / LINK}"
        )
    return [epath.Path(folder) for folder in recorded]


def _examples(
    path: epath.Path, name: str, pairs: list[dict[str, Any]], numbers: dict[str, int]
) -> Iterator[dict[str, Any]]:
    """Yields one example per layer of a photo's masks."""
    try:
        masks = [decode_rle(pair["segmentation"]) for pair in pairs]
    except ValueError as error:
        raise ManualFileError(f"{PAIRS}: a mask of {name}: {error}") from error
    if len({mask.shape for mask in masks}) > 1:
        raise ManualFileError(f"{PAIRS}: the masks of {name} differ in size")
    picture = read_upright(require_file(path, "a photo of the pairs"), masks[0].shape)
    for layer in disjoint_layers(masks):
        captions = dict.fromkeys(pairs[n]["caption"] for n in layer if pairs[n].get("caption"))
        yield segmentation_example(
            picture,
            Segments(
                id_map([masks[n] for n in layer]),
                [numbers[pairs[n]["noun"]] for n in layer],
            ),
            list(captions),
            name,
        )
