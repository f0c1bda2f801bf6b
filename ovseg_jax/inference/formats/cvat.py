"""CVAT for images 1.1: one XML with a mask element per segment, exact to the pixel.

The labels stand in the file as the task that receives it must have them; the most certain segment
has the highest `z_order`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import BinaryIO
from xml.etree.ElementTree import Element, SubElement, tostring

from ovseg_jax.inference.formats.photo import AnsweredPhoto, Category
from ovseg_jax.inference.formats.writer import Answers, Writer, color_code, xml_text
from ovseg_jax.masks.box_rle import encode_box_rle


class Cvat(Writer):
    """One file for all photos."""

    folder_names = ("annotations.xml",)

    def write_folder(self, name: str, answers: Answers, file: BinaryIO) -> None:
        """Writes labels, then image by image."""
        file.write(b'<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n')
        file.write(b"<version>1.1</version>\n")
        for element in _elements(answers):
            file.write(tostring(element, encoding="unicode").encode() + b"\n")
        file.write(b"</annotations>\n")


WRITER = Cvat()


def _elements(answers: Answers) -> Iterator[Element]:
    names = answers.file_names
    yield _meta(answers.categories, len(names))
    for number, (photo, name) in enumerate(zip(answers, names, strict=True)):
        yield _image(photo, number, name)


def _meta(categories: Sequence[Category], count: int) -> Element:
    meta = Element("meta")
    task = SubElement(meta, "task")
    for key, value in (("name", "ovseg"), ("size", str(count)), ("mode", "annotation")):
        SubElement(task, key).text = value
    labels = SubElement(task, "labels")
    for category in categories:
        label = SubElement(labels, "label")
        SubElement(label, "name").text = xml_text(category.name)
        SubElement(label, "color").text = color_code(category.color)
        SubElement(label, "type").text = "any"
        SubElement(label, "attributes")
    return meta


def _image(photo: AnsweredPhoto, number: int, name: str) -> Element:
    sides = {"width": str(photo.width), "height": str(photo.height)}
    image = Element("image", {"id": str(number), "name": xml_text(name)} | sides)
    for order, segment in enumerate(photo.by_score()):
        stored = dataclasses.asdict(encode_box_rle(segment.mask()))
        about = {"label": xml_text(segment.category.name), "source": "auto", "occluded": "0"}
        place = {key: str(value) for key, value in stored.items()}
        SubElement(image, "mask", about | place | {"z_order": str(order)})
    return image
