"""Predictions on disk, as `ovseg evaluate --save-predictions` writes them, read back."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from ovseg_jax.config import EvaluationConfig, ModelConfig
from ovseg_jax.disk.configs_io import from_dict
from ovseg_jax.disk.json_text import parse_json
from ovseg_jax.evaluation.predictions.keeping import (
    FORMAT,
    INSTANCES,
    PANOPTIC,
    PREDICTIONS,
    SEMANTIC,
    digest,
    picture_name,
)
from ovseg_jax.evaluation.predictions.lists import read_results, read_segments_info
from ovseg_jax.evaluation.protocol import ProtocolCard
from ovseg_jax.foundation.errors import OperandError, OvsegError, first_few
from ovseg_jax.masks import id_pictures as pictures
from ovseg_jax.vocabulary.published_ids import image_id


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
        photos: File names of the photos that are predicted.
        written: Of each file that the model wrote, by its name below the folder, a digest.
    """

    folder: Path
    config: EvaluationConfig
    model: ModelConfig
    card: ProtocolCard
    ids: tuple[int, ...]
    segments: Mapping[Any, Mapping[int, int]]
    instances: Mapping[Any, list[dict[str, Any]]]
    photos: tuple[str, ...] = ()
    written: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def semantic(self, file_name: str) -> Int[np.ndarray, "H W"]:
        """Reads the class of each pixel of a photo, -1 for none."""
        path, content = self._picture(SEMANTIC, file_name)
        with _named(path):
            return pictures.read_classes(content, self.ids)

    def panoptic(self, file_name: str) -> tuple[Int[np.ndarray, "H W"], Mapping[int, int]]:
        """Reads the segment of each pixel of a photo, and the class of each segment."""
        path, content = self._picture(PANOPTIC, file_name)
        classes = self.segments[image_id(file_name)]
        with _named(path):
            found = pictures.read_segments(content)
            if unknown := sorted(set(np.unique(found).tolist()) - {0, *classes}):
                listed = f"{self.config.name}{PANOPTIC}.json"
                raise OperandError(f"has segments {first_few(unknown)}, which {listed} lacks")
        return found, classes

    def by_others(self) -> list[str]:
        """Names the files that are not as the model wrote them."""
        return [
            name
            for name, known in self.written.items()
            if not (self.folder / name).is_file()
            or digest((self.folder / name).read_bytes()) != known
        ]

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

    def _picture(self, kind: str, file_name: str) -> tuple[Path, bytes]:
        path = self.folder / picture_name(self.config.name, kind, file_name)
        try:
            return path, path.read_bytes()
        except OSError as error:
            reason = error.strerror or error
            raise OperandError(f"{path}: the prediction cannot be read: {reason}") from error


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Names the file whose content is refused inside."""
    try:
        yield
    except OperandError as error:
        raise OperandError(f"{path}: {error}") from error


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
        photos = tuple(entry["file_name"] for entry in content["images"])
        known = [image_id(photo) for photo in photos]
        segments, instances = {}, {}
        if "panoptic" in config.metrics:
            path = Path(f"{name}{PANOPTIC}.json")
            segments = read_segments_info(_read(path), str(path), ids, known)
        if "instance" in config.metrics:
            path = Path(name + INSTANCES)
            instances = read_results(_read(path), str(path), ids, known)
        model = from_dict(ModelConfig, content["model"], str(file))
        card = ProtocolCard(**content["protocol"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, OvsegError):
            raise
        raise OperandError(f"{file}: these predictions are damaged: {error!r}") from error
    written = content.get("written", {})
    return Stored(file.parent, config, model, card, ids, segments, instances, photos, written)


def _read(path: Path) -> Any:
    try:
        return parse_json(path.read_bytes(), str(path))
    except OSError as error:
        raise OperandError(f"{path} cannot be read: {error.strerror or error}") from error
