"""What a folder turned out to hold."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from etils import epath

from data.manual_files import displayed_size
from ovseg_jax.vocabulary.classes import ClassList


@dataclasses.dataclass(frozen=True)
class Found:
    """What a folder holds.

    Attributes:
        kind: In words.
        set_name: The config of `photo_set` that reads it.
        entries: One per photo, as a manifest has them, without its split.
        held_out: Which photos their files call validation or test.
        classes: The classes that a file of names has to list, in order or with their labels; None
            where annotations are read with the classes that they name themselves.
        source: What says these classes.
        by_word: Whether annotations have words and no numbers, so that a file of names may list
            more of them, in any order.
        notes: What is left out, and why.
    """

    kind: str
    set_name: str
    entries: list[dict[str, Any]]
    held_out: list[bool]
    classes: ClassList | None = None
    source: str = ""
    by_word: bool = False
    notes: tuple[str, ...] = ()


def entry_of(root: Path, set_name: str, photo: Path, label: Path | None) -> dict[str, Any]:
    """Returns what a manifest says of a photo.

    Args:
        root: The folder.
        set_name: The config of `photo_set`.
        photo: Its path from there.
        label: That of its annotation; None for a photo without objects.
    """
    width, height = displayed_size(epath.Path(root / photo))
    gt = "" if label is None else label.as_posix()
    entry = {"set": set_name, "image": photo.as_posix(), "gt": gt}
    return entry | {"width": width, "height": height}
