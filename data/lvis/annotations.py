"""LVIS v1's annotation files: COCO's layout, with the address in place of the file name.

What they say beside COCO's: how often each class occurs in training, by its letter, and of each
photo the classes that it was searched for in vain, and those of which not every object is marked.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from data.categories import class_indices, read_categories
from data.instances import InstancesFile, with_slashes
from data.manual_files import ManualFileError
from ovseg_jax.vocabulary.classes import ClassList
from ovseg_jax.vocabulary.matching import finder, folded

FREQUENCIES = ("r", "c", "f")
"""Rare: in at most 10 training photos; common: in at most 100; frequent."""


class LvisFile(InstancesFile):
    """One file of LVIS v1; photos are called "train2017/000000000009.jpg"."""

    def name_of(self, image: Mapping[str, Any]) -> str:
        """Returns folder and file name; GLIP's list has a `file_name` without the folder."""
        name = image.get("coco_url") or image["file_name"]
        return "/".join(PurePosixPath(with_slashes(name)).parts[-2:])

    def class_indices(self, classes: ClassList) -> dict[int, int]:
        """Returns the class of each category id, by its name or else by one of its synonyms.

        Raises:
            ManualFileError: A category is no class; the message has both lists.
        """
        names, find = read_categories(self.content, str(self.path)), finder(classes)
        synonyms = {
            folded(entry["name"]): next(
                (x for x in entry.get("synonyms") or () if find(x) is not None), entry["name"]
            )
            for entry in self.content["categories"]
        }
        used = {self._category(item) for image in self._objects for item in self.objects(image)}
        return class_indices(names, used | set(names), classes, str(self.path), synonyms)

    def frequencies(self, index: Mapping[int, int], count: int) -> list[str]:
        """Returns the letter of each class, "" for classes that the file does not list.

        Args:
            index: See `class_indices`.
            count: How many classes there are.

        Raises:
            ManualFileError: A category has none of `FREQUENCIES`.
        """
        letters = [""] * count
        for entry in self.content["categories"]:
            letter = entry.get("frequency")
            if letter not in FREQUENCIES:
                raise ManualFileError(
                    f"{self.path}: category {entry['name']!r} should have as 'frequency' one of "
                    f"{', '.join(FREQUENCIES)}, found {letter!r}; give LVIS's own file"
                )
            letters[index[entry["id"]]] = letter
        return letters

    def size(self, image: Mapping[str, Any]) -> tuple[int, int]:
        """Returns height and width of a photo.

        Raises:
            ManualFileError: Its entry does not say.
        """
        height, width = image.get("height"), image.get("width")
        if not (isinstance(height, int) and isinstance(width, int) and min(height, width) > 0):
            raise ManualFileError(
                f"{self.path}: image {image['id']} should have 'height' and 'width' in pixels, "
                f"found {height!r} and {width!r}"
            )
        return height, width

    def searched(self, image: Mapping[str, Any], index: Mapping[int, int]) -> dict[str, list[int]]:
        """Returns what records keep of a photo beside its objects; see `data.features.FEDERATED`.

        Raises:
            ManualFileError: A list is missing, or holds an id that is no category.
        """
        fields = {
            "negatives": "neg_category_ids",
            "not_exhaustive": "not_exhaustive_category_ids",
        }
        return {field: self._listed(image, key, index) for field, key in fields.items()}

    def _listed(self, image: Mapping[str, Any], key: str, index: Mapping[int, int]) -> list[int]:
        ids = image.get(key)
        if not isinstance(ids, list) or not all(number in index for number in ids):
            raise ManualFileError(
                f"{self.path}: image {image['id']} should have as {key!r} a list of category ids, "
                f"found {ids!r:.80}"
            )
        return sorted({index[number] for number in ids})
