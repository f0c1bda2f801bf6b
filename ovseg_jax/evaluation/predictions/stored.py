"""Predictions on disk, as `ovseg evaluate --save-predictions` writes them, read back."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int
from PIL import UnidentifiedImageError

from ovseg_jax.config import EvaluationConfig, ModelConfig
from ovseg_jax.disk.configs_io import from_dict
from ovseg_jax.disk.json_text import parse_json
from ovseg_jax.evaluation.predictions.keeping import (
    FORMAT,
    INSTANCES,
    PANOPTIC,
    PREDICTIONS,
    SEMANTIC,
)
from ovseg_jax.evaluation.protocol import ProtocolCard
from ovseg_jax.foundation.errors import OperandError
from ovseg_jax.masks import id_pictures as pictures
from ovseg_jax.vocabulary.published_ids import image_id, stem


@dataclasses.dataclass(frozen=True)
class Stored:
    """Predictions for one evaluation.

    Attributes:
        folder: Where they lie.
        config: The evaluation that they answer.
        model: Description of the model that answered.
        card: The protocol.
        ids: Category id of each class.
        segments: Class of each segment by its id, by the id of the photo; empty without panoptic.
        instances: COCO's results by the id of the photo; empty without instances.
    """

    folder: Path
    config: EvaluationConfig
    model: ModelConfig
    card: ProtocolCard
    ids: tuple[int, ...]
    segments: Mapping[Any, Mapping[int, int]]
    instances: Mapping[Any, list[dict[str, Any]]]

    def semantic(self, file_name: str) -> Int[np.ndarray, "H W"]:
        """Reads the class of each pixel of a photo, -1 for none."""
        return pictures.read_classes(self._picture(SEMANTIC, file_name), self.ids)

    def panoptic(self, file_name: str) -> tuple[Int[np.ndarray, "H W"], Mapping[int, int]]:
        """Reads the segment of each pixel of a photo, and the class of each segment."""
        found = pictures.read_segments(self._picture(PANOPTIC, file_name))
        name = image_id(file_name)
        if name not in self.segments:
            raise OperandError(f"{self.folder}: {self.config.name}{PANOPTIC}.json lacks {name!r}")
        return found, self.segments[name]

    def found(self, file_name: str) -> tuple[dict[str, Any], ...]:
        """Returns the instances of a photo, as `instance.Encoded` holds them."""
        from pycocotools import mask as coco

        items = []
        for item in self.instances.get(image_id(file_name), ()):
            runs = dict(item["segmentation"])
            runs["counts"] = runs["counts"].encode("ascii")
            area = float(coco.area(runs))  # type: ignore[reportArgumentType]
            label = self.ids.index(item["category_id"])
            own = {"category_id": label, "segmentation": runs, "area": area}
            items.append(own | {"iscrowd": 0, "score": item["score"]})
        return tuple(items)

    def _picture(self, kind: str, file_name: str) -> bytes:
        path = self.folder / f"{self.config.name}{kind}" / f"{stem(file_name)}.png"
        try:
            return path.read_bytes()
        except (OSError, UnidentifiedImageError) as error:
            raise OperandError(f"{path}: the prediction cannot be read: {error}") from error


def open_predictions(path: Path) -> list[Stored]:
    """Opens predictions.

    Args:
        path: A folder of results, or one of its files `NAME.predictions.json`.

    Raises:
        OperandError: There are none, or they are damaged.
    """
    files = sorted(path.glob(f"*{PREDICTIONS}")) if path.is_dir() else [path]
    if not files:
        raise OperandError(
            f"{path} holds no predictions (NAME{PREDICTIONS}); "
            "`ovseg evaluate --save-predictions` writes them"
        )
    return [_opened(file) for file in files]


def _opened(file: Path) -> Stored:
    content = _read(file)
    try:
        if content["format"] != FORMAT:
            raise OperandError(f"{file} has format {content['format']}, not {FORMAT}")
        config = from_dict(EvaluationConfig, content["evaluation"], str(file))
        ids = tuple(entry["id"] for entry in content["categories"])
        name = f"{file.parent / config.name}"
        segments: dict[Any, dict[int, int]] = {}
        if "panoptic" in config.metrics:
            listed = _read(Path(f"{name}{PANOPTIC}.json"))["annotations"]
            segments = {
                x["image_id"]: {s["id"]: ids.index(s["category_id"]) for s in x["segments_info"]}
                for x in listed
            }
        instances = defaultdict(list)
        for item in _read(Path(name + INSTANCES)) if "instance" in config.metrics else ():
            instances[item["image_id"]].append(item)
        model = from_dict(ModelConfig, content["model"], str(file))
        card = ProtocolCard(**content["protocol"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, OperandError):
            raise
        raise OperandError(f"{file}: these predictions are damaged: {error!r}") from error
    return Stored(file.parent, config, model, card, ids, segments, dict(instances))


def _read(path: Path) -> Any:
    try:
        return parse_json(path.read_bytes(), str(path))
    except OSError as error:
        raise OperandError(f"{path} cannot be read: {error.strerror or error}") from error
