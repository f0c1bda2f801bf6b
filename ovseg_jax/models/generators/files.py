"""Masks that lie in files: COCO JSON, panoptic PNG, NumPy archives, folders of pictures."""

from __future__ import annotations

import dataclasses
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int
from PIL import Image

from ovseg_jax.errors import MasksError
from ovseg_jax.models.generators import json_masks
from ovseg_jax.models.generators.json_masks import MaskEntry


@dataclasses.dataclass(frozen=True)
class FileMasks:
    """The masks of one image, at its size.

    Attributes:
        masks: One hard mask per entry, in the order of the file.
        scores: How good the file says each mask is; None where it does not say.
        labels: The file's own category number of each mask; None where it has none.
        names: The file's own category name of each mask; None where it has none.
    """

    masks: Bool[np.ndarray, "q H W"]
    scores: Float[np.ndarray, " q"] | None = None
    labels: Int[np.ndarray, " q"] | None = None
    names: tuple[str, ...] | None = None


def read_masks(path: str | Path, image_name: str, height: int, width: int) -> FileMasks:
    """Reads the masks of one image from a file or folder of any known form.

    * `.json`: `{image: {"proposals": [...]}}`, a list of annotations, one image's `proposals`,
      `segments` or `annotations`, or COCO's instances or panoptic file. Segmentations are RLE,
      packed or not, or polygons. A panoptic file's PNG lies beside it or in a folder of its name.
    * `.png`: one id per pixel (R + 256 G + 65536 B in colour), 0 for nothing.
    * `.npz`: `masks` [q, height, width], and optionally `scores`, `labels`, `names`.
    * folder: one PNG per mask, nonzero inside, in a subfolder named after the image or directly.

    Args:
        path: File or folder.
        image_name: The image's file name, to find it in files about many images.
        height: Height of the image as shown (after any EXIF rotation), in pixels.
        width: Width of the image as shown, in pixels.

    Raises:
        MasksError: Names the file and the field that is wrong, missing or of another size.
    """
    path = Path(path)
    size = (height, width)
    if path.is_dir():
        return FileMasks(masks=_read_folder(path, image_name, size))
    if not path.exists():
        raise MasksError(f"{path}: no such file or folder of masks")
    suffix = path.suffix.lower()
    if suffix == ".json":
        return _read_json(path, image_name, size)
    if suffix == ".png":
        ids = read_ids(path, size)
        return FileMasks(masks=_masks_of(ids, np.unique(ids[ids > 0]), path))
    if suffix == ".npz":
        return _read_archive(path, size)
    raise MasksError(f"{path}: masks come as .json, .png, .npz or a folder, not {suffix or 'this'}")


def read_ids(path: Path, size: tuple[int, int]) -> Int[np.ndarray, "H W"]:
    """Reads a PNG with one id per pixel; colours count as R + 256 G + 65536 B.

    Raises:
        MasksError: It is no picture, or not of this height and width.
    """
    pixels = _read_picture(path, size).astype(np.int64)
    if pixels.ndim == 2:
        return pixels
    return pixels[..., :3] @ np.array([1, 256, 65536])


def _read_picture(path: Path, size: tuple[int, int]) -> np.ndarray:
    """Returns the stored values: palette indices, grey levels, or colours without alpha."""
    try:
        with Image.open(path) as picture:
            alpha = picture.mode in ("LA", "PA", "La")
            pixels = np.asarray(picture)
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise MasksError(f"{path}: not a readable picture ({error})") from error
    if pixels.shape[:2] != size:
        raise MasksError(_wrong_size(path, "the picture", pixels.shape[:2], size))
    return pixels[..., 0] if alpha else pixels


def _wrong_size(
    path: Path, what: str, found: Sequence[int], size: tuple[int, int], where: str = ""
) -> str:
    found_text = " x ".join(map(str, found))
    return (
        f"{path}{where}: {what} is {found_text} (height x width), the image {size[0]} x {size[1]}"
    )


def _masks_of(
    ids: Int[np.ndarray, "H W"], wanted: Int[np.ndarray, " q"], path: Path
) -> Bool[np.ndarray, "q H W"]:
    if not len(wanted):
        raise MasksError(f"{path}: holds no mask; every pixel is 0")
    return ids[None] == wanted[:, None, None]


def _read_folder(folder: Path, image_name: str, size: tuple[int, int]) -> Bool[np.ndarray, "q H W"]:
    own = folder / Path(image_name).stem
    files = sorted((own if own.is_dir() else folder).glob("*.png"))
    if not files:
        raise MasksError(f"{folder}: holds no .png, neither directly nor in {own.name}/")
    pictures = [_read_picture(file, size) for file in files]
    return np.stack([p.astype(bool) if p.ndim == 2 else p[..., :3].any(-1) for p in pictures])


def _read_archive(path: Path, size: tuple[int, int]) -> FileMasks:
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise MasksError(f"{path}: not a readable .npz of plain arrays ({error})") from error
    masks = arrays.get("masks")
    if masks is None:
        raise MasksError(f"{path}: has no array 'masks', only {sorted(arrays)}")
    if masks.ndim != 3 or not len(masks):
        raise MasksError(f"{path}: 'masks' has shape {masks.shape}, not [masks, height, width]")
    if masks.shape[1:] != size:
        raise MasksError(_wrong_size(path, "'masks'", masks.shape[1:], size))
    if masks.dtype != bool and not np.isin(masks, (0, 1)).all():
        raise MasksError(f"{path}: 'masks' holds values other than 0 and 1")
    for name in ("scores", "labels", "names"):
        if name in arrays and arrays[name].shape != (len(masks),):
            raise MasksError(
                f"{path}: {name!r} has shape {arrays[name].shape}, not ({len(masks)},)"
            )
    names = arrays.get("names")
    return FileMasks(
        masks=masks.astype(bool),
        scores=arrays.get("scores"),
        labels=arrays.get("labels"),
        names=None if names is None else tuple(map(str, names)),
    )


def _read_json(path: Path, image_name: str, size: tuple[int, int]) -> FileMasks:
    entries = json_masks.find_entries(path, image_name, size)
    if not entries:
        raise MasksError(f"{path}: holds no mask for {image_name!r}")
    if entries[0].panoptic_id is None:
        masks = np.stack([json_masks.rasterise(path, entry, size) for entry in entries])
    else:
        masks = _read_panoptic(path, entries, size)
    return FileMasks(
        masks=masks,
        scores=_column(entries, "score", np.float32),
        labels=_column(entries, "label", np.int64),
        names=None if any(e.name is None for e in entries) else tuple(e.name for e in entries),
    )


def _column(entries: Sequence[MaskEntry], field: str, dtype: type) -> np.ndarray | None:
    values = [getattr(entry, field) for entry in entries]
    return None if any(value is None for value in values) else np.array(values, dtype)


def _read_panoptic(
    path: Path, entries: Sequence[MaskEntry], size: tuple[int, int]
) -> Bool[np.ndarray, "q H W"]:
    """Reads the PNG beside a panoptic JSON; its ids and the listed ones must be the same."""
    places = [path.parent / path.stem / entries[0].source, path.parent / entries[0].source]
    picture = next((place for place in places if place.exists()), None)
    if picture is None:
        raise MasksError(f"{path}: its picture is neither at {places[0]} nor at {places[1]}")
    ids = read_ids(picture, size)
    listed = np.array([entry.panoptic_id for entry in entries])
    if extra := sorted(set(np.unique(ids).tolist()) - {0, *listed.tolist()}):
        raise MasksError(f"{picture}: ids {extra[:5]} have no entry in segments_info of {path}")
    masks = _masks_of(ids, listed, picture)
    if empty := listed[~masks.any((1, 2))].tolist():
        raise MasksError(f"{picture}: segments_info of {path} lists ids {empty[:5]} without pixels")
    return masks
