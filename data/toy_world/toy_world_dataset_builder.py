"""TFDS builder of the toy world: draws its examples, needs no download.

Run `ovseg data build toy_world --config full` (or `scenes`, or `tiny`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow_datasets as tfds

from data.features import segmentation_example, segmentation_features
from data.segments import Segments
from data.toy_world.canvas import SIZE
from data.toy_world.splits import FULL_COUNTS, draw_example
from ovseg_jax.vocabulary.classes import ClassList, load_preset


@dataclasses.dataclass(eq=False)
class ToyWorldConfig(tfds.core.BuilderConfig):
    """How many pictures each split has, and their side in pixels.

    Picture i of a split is the same in every config of the same size.
    """

    counts: Mapping[str, int] = dataclasses.field(default_factory=lambda: dict(FULL_COUNTS))
    size: int = SIZE


_SCENE_COUNTS = {name: FULL_COUNTS[name] for name in ("train", "validation", "test")}
_TINY_COUNTS = {"web": 12, "parts": 12, "train": 12, "masks": 12, "validation": 6, "test": 6}


def class_list(root: str, config: str) -> ClassList:
    """Returns the classes whose positions are the categories; the same for all folders."""
    del root, config
    return load_preset("toy_world48")


class Builder(tfds.core.GeneratorBasedBuilder):
    """Scenes of drawn things on drawn ground, with exact masks and captions."""

    VERSION = tfds.core.Version("2.0.0")
    RELEASE_NOTES = {
        "2.0.0": "Another world: things drawn from parts, 128 x 128 pixels, parts, all masks.",
    }
    BUILDER_CONFIGS = [
        ToyWorldConfig(name="full", description="All splits."),
        ToyWorldConfig(name="scenes", description="What methods need.", counts=_SCENE_COUNTS),
        ToyWorldConfig(
            name="tiny", description="A handful of each, for tests.", counts=_TINY_COUNTS
        ),
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(features=segmentation_features())

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        del dl_manager
        return {split: self._generate_examples(split) for split in self.builder_config.counts}

    def _generate_examples(self, split: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for index in range(self.builder_config.counts[split]):
            scene = draw_example(split, index, self.builder_config.size)
            key = f"{split}_{index:06d}"
            yield (
                key,
                segmentation_example(
                    scene.image, Segments(scene.segment_ids, scene.categories), scene.captions, key
                ),
            )
