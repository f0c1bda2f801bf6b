"""Objects of COCO instances files: in which photo they are, and of which class."""

from __future__ import annotations

import collections
import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from etils import epath

from data.categories import class_indices, classes_of, read_categories, without_heads
from data.manual_files import ManualFileError, require_file
from data.segments import Segments, draw_object, stack_masks
from ovseg_jax.foundation.errors import first_few, warn
from ovseg_jax.masks.coco import tell_strays
from ovseg_jax.vocabulary.classes import ClassList


class InstancesFile:
    """One COCO instances file.

    Attributes:
        path: Where it lies.
        content: The file, parsed; "images", "annotations" and "categories" are what is read.
    """

    def __init__(self, path: epath.Path):
        """Reads a file.

        Raises:
            ManualFileError: It is missing or is no COCO instances file.
        """
        self.path = path
        text = require_file(path, "the instance annotations").read_bytes()  # with a mark or not
        try:
            self.content = json.loads(text)
            listed = [(self.name_of(x), x) for x in self.content["images"]]
            self._images, self._objects = dict(listed), {x["id"]: [] for _, x in listed}
            _check_once(path, "'file_name'", [name for name, _ in listed])
            _check_once(path, "'id' of an image", [x["id"] for _, x in listed])
            ids = [item.get("id") for item in self.content["annotations"]]
            _check_once(path, "annotation", [x for x in ids if x is not None], "annotations")
            for item in self.content["annotations"]:
                item = {"id": None, "segmentation": None, "iscrowd": 0} | item
                self._objects.setdefault(item["image_id"], []).append(item)
        except ManualFileError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ManualFileError(
                f"{path}: not a COCO instances file, whose 'images' (with 'id' and 'file_name') "
                f"and 'annotations' (with 'image_id') are lists of objects: {_missing(error)}"
            ) from error
        _check_strays(path, {x["id"] for _, x in listed}, self._objects)
        bases = {name: PurePosixPath(name).name for name in self._images}
        often = collections.Counter(bases.values())
        self._by_base = {
            base: self._images[name] for name, base in bases.items() if often[base] == 1
        }

    def name_of(self, image: Mapping[str, Any]) -> str:
        """Returns the name by which an entry of `images` calls its photo, with forward slashes."""
        return with_slashes(image["file_name"])

    @property
    def images(self) -> list[dict[str, Any]]:
        """The entries of all photos, in the order of the file."""
        return list(self._images.values())

    def image(self, name: str) -> dict[str, Any]:
        """Returns the entry of a photo, by its path or else by its file name alone.

        Raises:
            ManualFileError: There is none.
        """
        base = PurePosixPath(name).name
        found = self._images.get(with_slashes(name)) or self._by_base.get(base)
        if found is None:
            raise ManualFileError(f"{self.path}: lists no picture {base}")
        return found

    def objects(self, image_id: Any) -> list[dict[str, Any]]:
        """Returns the objects of a photo, crowds included."""
        return self._objects[image_id]

    def segments(
        self, image: Mapping[str, Any], size: tuple[int, int], index: Mapping[int, int]
    ) -> Segments:
        """Draws the objects of a photo: the smaller is on top, crowds are lowest.

        Args:
            image: Its entry.
            size: Its height and width.
            index: See `class_indices`.

        Raises:
            ManualFileError: An outline cannot be drawn.
        """
        items = self.objects(image["id"])
        masks = [draw_object(item, size, self.path) for item in items]
        crowds = [bool(item["iscrowd"]) for item in items]
        return stack_masks(masks, [index[item["category_id"]] for item in items], size, crowds)

    def _category(self, item: Mapping[str, Any]) -> int:
        number = item.get("category_id")
        if type(number) is not int:
            raise ManualFileError(
                f"{self.path}: annotation {item['id']} should have an integer 'category_id', found "
                f"{number!r}"
            )
        return number

    def class_indices(self, classes: ClassList) -> dict[int, int]:
        """Returns the class of each category id in use: by the names that `categories` gives.

        A file without categories is read by the ids that the class list has, if it has any.

        Raises:
            ManualFileError: A category is no class; the message has both lists.
        """
        used = {self._category(item) for image in self._objects for item in self.objects(image)}
        if "categories" in self.content:
            names = read_categories(self.content, str(self.path))
            return class_indices(names, used, classes, str(self.path))
        known = {x.original_id: n for n, x in enumerate(classes.classes) if x.original_id}
        if not known:
            read_categories(self.content, str(self.path))  # says that they are missing
        if unknown := sorted(used - known.keys()):
            raise ManualFileError(
                f"{self.path}: has no 'categories', and {unknown[0]} is no id of {classes.name!r}"
            )
        warn(f"{self.path}: has no 'categories'; its ids are read as those of {classes.name!r}")
        return known


class InstanceDecoder:
    """Draws the polygons of photos from COCO instances files, each of which is read once."""

    def __init__(self, classes: ClassList):
        """Starts with no file read.

        Args:
            classes: Whose positions become the categories.
        """
        self._classes = classes
        self._files: dict[epath.Path, tuple[InstancesFile, dict[int, int]]] = {}
        self._reading = threading.Lock()  # photos are decoded by several threads

    def open(self, path: epath.Path) -> tuple[InstancesFile, dict[int, int]]:
        """Returns a file, and the class of each category id in use; reads it the first time.

        Raises:
            ManualFileError: It is missing or damaged.
        """
        with self._reading:
            if path not in self._files:
                read = InstancesFile(path)
                self._files[path] = read, read.class_indices(self._classes)
            return self._files[path]

    def __call__(self, root: epath.Path, entry: Mapping[str, Any]) -> Segments:
        """Decodes one photo: of overlapping objects the smaller is on top, crowds are lowest.

        Raises:
            ManualFileError: The file is missing or damaged, does not know the photo, or disagrees
                with the manifest about its size.
        """
        path, size = root / entry["gt"], (entry["height"], entry["width"])
        file, index = self.open(path)
        image = file.image(entry["image"])
        _check_size(image, size, path)
        return file.segments(image, size, index)


def own_classes(root: epath.Path, entries: Sequence[Mapping[str, Any]]) -> ClassList:
    """Returns the classes that the `categories` of all files of a set name, by rising id.

    Raises:
        ManualFileError: A file is missing, damaged or without categories.
    """
    names: list[str] = []
    for name in sorted({entry["gt"] for entry in entries}):
        file = InstancesFile(root / name)
        listed = read_categories(file.content, str(file.path))
        kept = without_heads(file.content, listed)
        if gone := [listed[number] for number in listed if number not in kept]:
            warn(f"{file.path}: {first_few(gone)} only heads other categories and is no class")
        names += kept.values()
    return classes_of(names, " ".join(sorted({epath.Path(entry["gt"]).stem for entry in entries})))


def _check_once(path: epath.Path, what: str, values: Sequence[Any], where: str = "images") -> None:
    """Refuses what stands twice: annotations of one of the two would be lost."""
    twice = [value for value, count in collections.Counter(values).items() if count > 1]
    if twice:
        raise ManualFileError(
            f"{path}: {what} {twice[0]!r} stands in {where!r} more than once"
            + (f", and so do {len(twice) - 1} more" if len(twice) > 1 else "")
        )


def _check_strays(path: epath.Path, known: set, objects: Mapping[Any, Sequence]) -> None:
    """Tells of annotations whose image is not listed, such as "7" for 7."""
    strays = [image for image in objects if image not in known for _ in objects[image]]
    if not strays:
        return
    total = sum(map(len, objects.values()))
    text = f"{path}: {tell_strays(strays, total)}"
    if len(strays) == total:
        raise ManualFileError(f"{text}; nothing would be left to train on")
    warn(f"{text}; they are left out")


def _missing(error: Exception) -> str:
    """What a reader can do something with: the key that is not there, or what JSON says."""
    if isinstance(error, KeyError):
        return f"{error} is missing"
    return str(error) if isinstance(error, ValueError) else "found something else"


def with_slashes(name: str) -> str:
    """Returns a file name with forward slashes, as Windows programs do not write it."""
    return PurePosixPath(name.replace("\\", "/")).as_posix()


def _check_size(image: Mapping[str, Any], size: tuple[int, int], path: epath.Path) -> None:
    found = (image.get("height"), image.get("width"))
    if None not in found and found != size:
        raise ManualFileError(
            f"{path}: {PurePosixPath(with_slashes(image['file_name'])).name} has {found[0]} x "
            f"{found[1]} pixels there, in the manifest {size[0]} x {size[1]}"
        )
