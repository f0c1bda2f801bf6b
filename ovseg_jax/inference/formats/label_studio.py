"""Label Studio: tasks whose predictions are brushes, and the labelling config that shows them.

Photos are named as its local storage serves them: set `LOCAL_FILES_DOCUMENT_ROOT` to the folder
of the photos.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO
from urllib.parse import quote
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from ovseg_jax.inference.formats.photo import AnsweredPhoto, Segment
from ovseg_jax.inference.formats.writer import (
    Answers,
    Writer,
    color_code,
    write_list,
    xml_text,
)
from ovseg_jax.masks.bit_rle import encode_bit_rle

TASKS, LABELS = "tasks.json", "labels.xml"
LOCAL = "/data/local-files/?d="
"""How an address begins of a file below the root of Label Studio's local storage."""


class LabelStudio(Writer):
    """One list of tasks, and the config of a project for it."""

    folder_names = (TASKS, LABELS)

    def write_folder(self, name: str, answers: Answers, file: BinaryIO) -> None:
        """Writes the tasks photo by photo, or the config."""
        if name == TASKS:
            pairs = zip(answers, answers.file_names, strict=True)
            write_list(file, (_task(photo, file_name) for photo, file_name in pairs))
        else:
            file.write(_config(answers))


WRITER = LabelStudio()


def _task(photo: AnsweredPhoto, file_name: str) -> dict[str, Any]:
    scores = [segment.score for segment in photo.segments]
    prediction = {
        "model_version": photo.model,
        "score": round(sum(scores) / len(scores), 6) if scores else 0.0,
        "result": list(_results(photo)),
    }
    address = LOCAL + quote(file_name, errors="surrogateescape")
    return {"data": {"image": address}, "predictions": [prediction]}


def _results(photo: AnsweredPhoto) -> Iterator[dict[str, Any]]:
    for segment in photo.by_score():  # later ones lie on top
        yield {
            "id": f"{photo.stem}-{segment.number}",
            "type": "brushlabels",
            "from_name": "label",
            "to_name": "image",
            "original_width": photo.width,
            "original_height": photo.height,
            "image_rotation": 0,
            "score": segment.score,
            "value": _value(segment),
        }


def _value(segment: Segment) -> dict[str, Any]:
    rle = encode_bit_rle(segment.mask())
    return {"format": "rle", "rle": rle, "brushlabels": [segment.category.name]}


def _config(answers: Answers) -> bytes:
    view = Element("View")
    SubElement(view, "Image", {"name": "image", "value": "$image", "zoom": "true"})
    labels = SubElement(view, "BrushLabels", {"name": "label", "toName": "image"})
    for category in answers.categories:
        shown = {"value": xml_text(category.name), "background": color_code(category.color)}
        SubElement(labels, "Label", shown)
    indent(view)
    return tostring(view, encoding="unicode").encode() + b"\n"
