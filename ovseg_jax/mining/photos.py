"""Where photos, their captions and their masks come from."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import Bool, UInt8

from ovseg_jax.config import DataConfig
from ovseg_jax.foundation.errors import OvsegError
from ovseg_jax.inference.mask_makers.mask_maker import MaskMaker
from ovseg_jax.inputs.images import read_image
from ovseg_jax.inputs.listing import list_images
from ovseg_jax.masks.read import MaskFiles
from ovseg_jax.mining.captions import CaptionError, Captions
from ovseg_jax.mining.settings import text_key


@dataclasses.dataclass(frozen=True)
class NamedMasks:
    """Masks of a photo at its size, and what their source calls them, if it says."""

    masks: Bool[np.ndarray, "q H W"]
    names: tuple[str, ...] | None = None


@dataclasses.dataclass(frozen=True)
class Photo:
    """A photo that is to be mined.

    Attributes:
        name: Its file name below the folder of photos.
        pixels: RGB, upright.
        captions: Those that count.
        masks: Masks that its data set knows; None where another source has to make them.
    """

    name: str
    pixels: UInt8[np.ndarray, "H W 3"]
    captions: tuple[str, ...]
    masks: NamedMasks | None = None


class FolderPhotos:
    """Photos in a folder: those that have captions, or all.

    Attributes:
        names: Sorted file names; a photo's number is its place among them.
        key: Identifies them.
    """

    def __init__(self, folder: Path, captions: Captions | None):
        """Checks that every photo is there.

        Args:
            folder: Where file names start from.
            captions: Captions by file name; None for all photos that lie in the folder, without.

        Raises:
            CaptionError: A photo that has captions is missing.
            ovseg_jax.inputs.images.ImageError: The folder holds no photo.
        """
        if captions is None:
            captions = {path.name: () for path in list_images(folder)}
        self.folder, self._captions = folder, captions
        self.names = sorted(captions)
        self.key = text_key(self.names)
        missing = [name for name in self.names if not (folder / name).is_file()]
        if missing:
            raise CaptionError(
                f"{folder}: {len(missing)} of {len(self.names)} photos with captions are not "
                f"there, such as {missing[0]}; give the folder that the file names start from"
            )

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, number: int) -> Photo:
        """Reads a photo."""
        name = self.names[number]
        return Photo(name, read_image(self.folder / name).pixels, self._captions[name])


class DatasetPhotos:
    """The photos of a data set of `data/`, with its masks and class names.

    Attributes:
        folder: Where the files of its photos lie; empty if they have none.
        names: Empty; a photo's name is known when it is decoded.
        key: Identifies them.
    """

    names: tuple[str, ...] = ()

    def __init__(
        self, data: DataConfig, folder: Path | None, captions: Captions | None, per_photo: int
    ):
        """Opens the split, preparing the data set the first time.

        Args:
            data: Name, split, place and vocabulary.
            folder: Where the data set's file names start; None for its root.
            captions: Captions by file name; None for the data set's own.
            per_photo: How many of its own captions count; 0 for all.

        Raises:
            ovseg_jax.inputs.datasets.DataError: The data set is missing or damaged.
        """
        from ovseg_jax.inputs.datasets import open_split
        from ovseg_jax.inputs.labels import class_list

        self.folder = folder or (Path(data.root) if data.root else None)
        self._examples, self._captions, self._per_photo = open_split(data), captions, per_photo
        classes = class_list(data)
        self._names = classes.names
        parts = (data.name, data.config, data.split, data.vocabulary or classes.name)
        self.key = f"{len(self)} of {' '.join(filter(None, parts))}"

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, number: int) -> Photo:
        """Decodes a photo and its masks."""
        from ovseg_jax.inputs.datasets import decode

        record = self._examples[number]
        example = decode(record)
        name, ids = example["file_name"], np.arange(1, len(example["categories"]) + 1)
        own = [bytes(text).decode() for text in record["captions"]]
        captions = tuple(own[: self._per_photo or None])
        if self._captions is not None:
            base = PurePosixPath(name).name
            captions = self._captions.get(name) or self._captions.get(base, ())
        masks = example["segment_ids"][None] == ids[:, None, None]
        names = tuple(self._names[index] for index in example["categories"])
        return Photo(name, example["image"], captions, NamedMasks(masks, names))


class MaskFileError(OvsegError, ValueError):
    """The masks of a photo cannot be read; the message names the file."""


MaskSource = Callable[[Photo], NamedMasks]


def masks_of_dataset(photo: Photo) -> NamedMasks:
    """Returns the masks that a photo's data set knows.

    Raises:
        MaskFileError: The photo is of no data set.
    """
    if photo.masks is None:
        raise MaskFileError(f"{photo.name}: is of no data set, so nothing says what its masks are")
    return photo.masks


def masks_of_files(path: Path, photos: Sequence[str] = ()) -> MaskSource:
    """Returns a source that reads files as `ovseg segment --masks` does.

    Args:
        path: File or folder.
        photos: Names of all photos that are mined, so that no masks serve two of them.
    """
    files = MaskFiles(path, tuple(map(Path, photos)))

    def read(photo: Photo) -> NamedMasks:
        try:
            found = files.read(photo.name, *photo.pixels.shape[:2])
        except ValueError as error:
            raise MaskFileError(str(error)) from error
        return NamedMasks(found.masks, found.names)

    return read


def masks_of_maker(maker: MaskMaker) -> MaskSource:
    """Returns a source that proposes masks: all of a generator's, whatever it thinks they are.

    Args:
        maker: A SAM, or a model with a generator of its own and with words, if it needs them.
    """
    return lambda photo: NamedMasks(maker.make(maker.look(photo.pixels)).hard())
