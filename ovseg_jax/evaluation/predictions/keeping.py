"""Keeps what a model answered while it is scored: label maps by photo, lists at the end.

`NAME.panoptic.json` with `NAME.panoptic/` is COCO panoptic, `NAME.instances.json` a list of COCO
results, `NAME.semantic/` holds label maps that `NAME.semantic.json` explains. What they are of, and
how to score them again, stands in `NAME.predictions.json`.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from ovseg_jax.config import EvaluationConfig, ModelConfig
from ovseg_jax.disk.configs_io import to_dict
from ovseg_jax.disk.json_text import json_bytes
from ovseg_jax.evaluation.counted import Counted, PhotoPart
from ovseg_jax.evaluation.protocol import ProtocolCard
from ovseg_jax.foundation.errors import OperandError, first_few
from ovseg_jax.masks import id_pictures as pictures
from ovseg_jax.vocabulary.classes import ClassList
from ovseg_jax.vocabulary.published_ids import categories, category_ids, image_id, stem

FORMAT = 1
PREDICTIONS, INSTANCES = ".predictions.json", ".instances.json"
PANOPTIC, SEMANTIC = ".panoptic", ".semantic"
"""Folders of pictures; behind both, ".json" is the file that explains them."""

Write = Callable[[str, bytes], object]
Note = dict[str, Any]


def endings(metrics: Sequence[str]) -> tuple[str, ...]:
    """Returns how the files end that predictions for these metrics take, without pictures."""
    own = {"instance": INSTANCES, "panoptic": f"{PANOPTIC}.json", "semantic": f"{SEMANTIC}.json"}
    return PREDICTIONS, *(end for metric, end in own.items() if metric in metrics)


class KeptNotes(Protocol):
    """What `evaluation.totals.Totals` has for us."""

    @property
    def notes(self) -> Sequence[Note]:
        """Of all photos."""
        ...

    @property
    def instances(self) -> Sequence[Sequence[dict]] | None:
        """What was found in each photo; None where the instance evaluator did not run."""
        ...


class Keeper:
    """Writes the pictures of one evaluation; threads may share it if `write` may be shared."""

    def __init__(self, name: str, classes: ClassList, write: Write):
        """Writes nothing yet.

        Args:
            name: Of the evaluation.
            classes: That are scored.
            write: Takes a name, with "/" between folder and file, and the content.
        """
        self._name, self._classes, self._write = name, classes, write
        self._ids = category_ids(classes)
        self._written: dict[str, str] = {}

    def keep(
        self,
        names: Sequence[str],
        sizes: Sequence[Sequence[int]],
        counted: Mapping[str, Counted[Any]],
    ) -> list[Note]:
        """Writes the pictures of a batch.

        Args:
            names: File names of its photos.
            sizes: Height and width at which each is scored.
            counted: What evaluators made of it.

        Returns:
            What to note of each photo.

        Raises:
            OperandError: A photo's pictures would lie on those of another.
        """
        for name in names:
            self._claim(name)
        notes = [
            {"id": image_id(name), "file_name": name, "height": size[0], "width": size[1]}
            for name, size in zip(names, sizes, strict=True)
        ]
        for note in notes:
            note["written"] = {}
        for part in counted["semantic"].photos if "semantic" in counted else ():
            content = pictures.classes_png(part.labels(), self._ids)
            self._keep_picture(SEMANTIC, notes[part.row], content)
        for part in counted["panoptic"].photos if "panoptic" in counted else ():
            notes[part.row]["segments"] = self._segments(notes[part.row], part)
        return notes

    def _keep_picture(self, kind: str, note: Note, content: bytes) -> None:
        path = picture_name(self._name, kind, note["file_name"])
        self._write(path, content)
        note["written"][path] = digest(content)

    def _claim(self, name: str) -> None:
        """Tells of two photos by one name where the second comes, not at the end of hours."""
        first = self._written.setdefault(stem(name), name)
        if first != name:
            raise _same_name([first, name])

    def _segments(self, note: Note, part: PhotoPart) -> list[dict[str, int]]:
        assert part.segments is not None, "panoptic answers have segments"
        found, classes = part.segments()
        self._keep_picture(PANOPTIC, note, pictures.segments_png(found))
        numbers, areas = np.unique(found, return_counts=True)
        return [
            {"id": number, "category_id": self._ids[classes[number]], "area": area}
            for number, area in zip(numbers.tolist(), areas.tolist(), strict=True)
            if number
        ]


def lists(
    config: EvaluationConfig,
    model: ModelConfig,
    classes: ClassList,
    card: ProtocolCard,
    kept: KeptNotes,
) -> dict[str, bytes]:
    """Returns what is written behind the pictures, by its ending.

    Args:
        config: Of the evaluation.
        model: The model section.
        classes: That were scored.
        card: The protocol.
        kept: Notes and instances of all photos, in the order of the split.

    Raises:
        OperandError: Two photos have one name.
    """
    notes, instances = kept.notes, kept.instances
    _check_names(notes)
    images = [{k: v for k, v in n.items() if k not in ("segments", "written")} for n in notes]
    listed = categories(classes)
    files: dict[str, Any] = {}
    if "semantic" in config.metrics:
        none = pictures.none_value([entry["id"] for entry in listed])
        files[f"{SEMANTIC}.json"] = {"categories": listed, "none": none, "images": images}
    if "panoptic" in config.metrics:
        files[f"{PANOPTIC}.json"] = {
            "images": images,
            "annotations": [
                {
                    "image_id": note["id"],
                    "file_name": f"{stem(note['file_name'])}.png",
                    "segments_info": note["segments"],
                }
                for note in notes
            ],
            "categories": listed,
        }
    if instances is not None:
        files[INSTANCES] = _results(images, instances, category_ids(classes))
    contents = {ending: json_bytes(content) for ending, content in files.items()}
    written = {f"{config.name}{ending}": digest(content) for ending, content in contents.items()}
    for note in notes:
        written |= note["written"]
    about = {
        "format": FORMAT,
        "evaluation": to_dict(config),
        "model": to_dict(_portable(model)),
        "protocol": dataclasses.asdict(card),
        "categories": listed,
        "images": images,
        "written": written,
    }
    return {PREDICTIONS: json_bytes(about), **contents}


def digest(content: bytes) -> str:
    """Tells one file from another, so that answers by others are not taken for ours."""
    return hashlib.sha256(content).hexdigest()[:16]


def picture_name(name: str, kind: str, file_name: str) -> str:
    """Returns where a photo's picture lies, below the folder of results.

    Args:
        name: Of the evaluation.
        kind: `PANOPTIC` or `SEMANTIC`.
        file_name: Of the photo.
    """
    return f"{name}{kind}/{stem(file_name)}.png"


def _portable(model: ModelConfig) -> ModelConfig:
    """The description without the place of a tokenizer, which scores do not need."""
    return dataclasses.replace(model, clip=dataclasses.replace(model.clip, tokenizer_file=""))


def _check_names(notes: Sequence[Note]) -> None:
    twice = [
        str(name)
        for key in (lambda note: note["id"], lambda note: stem(note["file_name"]))
        for name, count in Counter(map(key, notes)).items()
        if count > 1
    ]
    if twice:
        raise _same_name(twice)


def _same_name(names: Sequence[str]) -> OperandError:
    return OperandError(
        f"predictions of several photos would have one name: {first_few(names, 3)}; "
        "rename these photos, or leave out --save-predictions"
    )


def _results(
    images: Sequence[Note], instances: Sequence[Sequence[dict]], ids: Sequence[int]
) -> list[dict[str, Any]]:
    """COCO's list of results."""
    return [
        {
            "image_id": image["id"],
            "category_id": ids[item["category_id"]],
            "segmentation": item["segmentation"]
            | {"counts": item["segmentation"]["counts"].decode("ascii")},
            "score": item["score"],
        }
        for image, found in zip(images, instances, strict=True)
        for item in found
    ]
