"""What every format has: files of each photo, and files of the whole folder."""

from __future__ import annotations

import abc
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from ovseg_jax.disk.json_text import json_bytes
from ovseg_jax.inference.formats.photo import AnsweredPhoto, Category
from ovseg_jax.vocabulary.published_ids import image_id

ILLEGAL = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write, among it halves of letters from names that are no text."""


class Answers(abc.ABC):
    """The answers of a folder, photo by photo, each read when it is its turn.

    Attributes:
        file_names: Name of each photo's file, with the folders that tell photos apart.
    """

    file_names: Sequence[str]

    @property
    @abc.abstractmethod
    def categories(self) -> tuple[Category, ...]:
        """The vocabulary, the same for all photos."""

    @abc.abstractmethod
    def __iter__(self) -> Iterator[AnsweredPhoto]:
        """Yields the photos in the order of `file_names`."""


class Writer:
    """One format; a subclass writes files of each photo, files of the folder, or both.

    Names are below the format's own folder.

    Attributes:
        folder_names: Files of the folder.
    """

    folder_names: tuple[str, ...] = ()

    def photo_names(self, stem: str) -> tuple[str, ...]:
        """Returns the names of the files of a photo."""
        return ()

    def photo_files(self, photo: AnsweredPhoto) -> Iterator[bytes]:
        """Yields their contents."""
        yield from ()

    def write_folder(self, name: str, answers: Answers, file: BinaryIO) -> None:
        """Writes one file of the folder.

        Args:
            name: Which of `folder_names`.
            answers: All photos.
            file: Open for writing.
        """
        raise NotImplementedError(f"{type(self).__name__} has no file {name}")


def image_ids(file_names: Sequence[str]) -> list[int]:
    """Numbers photos: by COCO's own where all names are such numbers, else from 1 on."""
    found = [image_id(name) for name in file_names]
    numbers = [number for number in found if isinstance(number, int)]
    if len(set(numbers)) == len(found):
        return numbers
    return list(range(1, len(found) + 1))


def coco_categories(categories: Sequence[Category]) -> list[dict[str, Any]]:
    """Lists the vocabulary as COCO does."""
    return [
        {"id": x.id, "name": x.name, "isthing": int(x.is_thing), "color": list(x.color)}
        for x in categories
    ]


def write_object(
    file: BinaryIO, head: Mapping[str, Any], lists: Mapping[str, Iterable[Any]]
) -> None:
    """Writes a JSON object whose lists may be longer than memory.

    Args:
        file: Open for writing.
        head: What stands before the lists.
        lists: Each begun when the one before is written.
    """
    mark = b"{"
    for key, value in head.items():
        file.write(mark + json_bytes(key) + b": " + json_bytes(value))
        mark = b",\n"
    for key, items in lists.items():
        file.write(mark + json_bytes(key) + b": ")
        write_list(file, items)
        mark = b",\n"
    file.write(b"}\n")


def write_list(file: BinaryIO, items: Iterable[Any]) -> None:
    """Writes a JSON list, an item a line."""
    file.write(b"[")
    for number, item in enumerate(items):
        file.write(b",\n" if number else b"\n")
        file.write(json_bytes(item))
    file.write(b"\n]")


def xml_text(text: str) -> str:
    """Writes out what XML cannot hold, as escapes; markup is left to the writer of the XML."""
    return ILLEGAL.sub(lambda found: ascii(found[0])[1:-1], text)


def color_code(color: tuple[int, int, int]) -> str:
    """Returns a colour as the web writes it."""
    return "#{:02x}{:02x}{:02x}".format(*color)
