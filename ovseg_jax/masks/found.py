"""What mask files are asked for and what they answer: a photo, and its masks."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int

from ovseg_jax.foundation.errors import MasksError, warn

Size = tuple[int, int]
"""Height and width in pixels."""
MAX_MASKS = 10_000
"""More of one photo are refused: no tool makes them, but a photo read as a label map does."""
MAX_BYTES = 4 << 30
"""Masks of one photo take a byte per pixel each; more than this in all is refused."""


@dataclasses.dataclass(frozen=True)
class Subject:
    """The photo whose masks are wanted.

    Attributes:
        path: Its file as the user named it; empty for pixels that came without a file.
        size: Its height and width as shown (after any EXIF rotation).
        rivals: Photos of the same run whose names are alike, so that masks may be theirs.
        run: How many photos the run has.
    """

    path: Path
    size: Size
    rivals: tuple[Path, ...] = ()
    run: int = 1

    @property
    def name(self) -> str:
        """The file's name; empty if there is no file."""
        return self.path.name


@dataclasses.dataclass(frozen=True)
class FileMasks:
    """The masks of one photo, at its size.

    Attributes:
        masks: One hard mask per entry, in the order of the file.
        scores: How good the file says each mask is; None where it does not say.
        labels: The file's own category number of each mask; None where it has none.
        names: The file's own category name of each mask; None where it has none.
        sources: File and place that each mask comes from.
    """

    masks: Bool[np.ndarray, "q H W"]
    scores: Float[np.ndarray, " q"] | None = None
    labels: Int[np.ndarray, " q"] | None = None
    names: tuple[str, ...] | None = None
    sources: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class MaskEntry:
    """One mask that a file lists, not yet drawn.

    Attributes:
        where: Its place in the file.
        draw: Draws it at a height and width; raises `MasksError` that says what is wrong with it.
        score: Its quality, if the file says.
        label: Its category's number, if the file says.
        name: Its category's name, if the file says.
    """

    where: str
    draw: Callable[[Size], Bool[np.ndarray, "H W"]]
    score: float | None = None
    label: int | None = None
    name: str | None = None


def draw_entries(path: Path, entries: Sequence[MaskEntry], subject: Subject) -> FileMasks:
    """Draws all entries of a photo.

    Args:
        path: The file, for messages.
        entries: In the order of the file; none for a photo without objects.
        subject: The photo.

    Raises:
        MasksError: There are too many, or one cannot be drawn; names the file and the place.
    """
    masks = empty_masks(len(entries), subject.size, str(path))
    for mask, entry in zip(masks, entries, strict=True):
        try:
            mask[:] = entry.draw(subject.size)
        except MasksError as error:
            raise MasksError(f"{path} {entry.where}: {error.args[0]}") from error
    names = tuple(entry.name for entry in entries if entry.name is not None)
    return FileMasks(
        masks=masks,
        scores=_column(entries, "score", np.float32),
        labels=_column(entries, "label", np.int64),
        names=names if len(names) == len(entries) else None,
        sources=tuple(f"{path.name} {entry.where}" for entry in entries),
    )


def empty_masks(count: int, size: Size, where: str) -> Bool[np.ndarray, "q H W"]:
    """Returns `count` empty masks.

    Raises:
        MasksError: They would not fit into memory.
    """
    needed = count * size[0] * size[1]
    if count > MAX_MASKS or needed > MAX_BYTES:
        raise MasksError(
            f"{where}: {count} masks of {size[0]} x {size[1]} pixels take {needed / 1e9:.1f} GB; "
            f"at most {MAX_MASKS} masks and {MAX_BYTES / 1e9:.1f} GB can be used with one photo"
        )
    return np.zeros((count, *size), bool)


def warn_of_odd_masks(found: FileMasks, path: Path) -> None:
    """Warns of masks that cover nothing, and of masks that are there twice."""
    seen: dict[bytes, str] = {}
    empty, twice = [], []
    for mask, source in zip(found.masks, found.sources, strict=True):
        if not mask.any():
            empty.append(source)
            continue
        first = seen.setdefault(hashlib.sha256(np.packbits(mask).data).digest(), source)
        if first != source:
            twice.append(f"{source} equals {first}")
    if empty:
        warn(f"{path}: {len(empty)} of {len(found.masks)} masks cover no pixel: {empty[0]}")
    if twice:
        warn(f"{path}: {len(twice)} masks are there twice and count twice: {twice[0]}")


def wrong_size(what: str, found: Sequence[int], size: Size) -> str:
    """Says that `what` is of another size than the photo."""
    turned = ", which is the photo turned on its side" if tuple(found) == size[::-1] else ""
    found_text = " x ".join(map(str, found))
    return f"{what} is {found_text} (height x width){turned}, the image {size[0]} x {size[1]}"


def _column(entries: Sequence[MaskEntry], field: str, dtype: type) -> np.ndarray | None:
    values = [getattr(entry, field) for entry in entries]
    return None if any(value is None for value in values) else np.array(values, dtype)
