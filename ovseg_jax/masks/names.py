r"""Which of the names in a file means a photo: a match is unique or refused.

The rules, the first that finds anything decides:

1. the same file name, with the same folders as far as both name any;
2. the same after writing both alike: `images\\a.jpg`, `a%20b.jpg`, `A.JPG`, accents in one or two
   letters, `/data/local-files/?d=a.jpg`;
3. a listed name without an ending, equal to the photo's without its ending;
4. the same without the eight hexadecimal digits that Label Studio puts before file names.

`a.jpg` never means `a.png`. The last two rules warn.
"""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path, PurePath, PurePosixPath
from urllib.parse import unquote

from ovseg_jax.foundation.errors import MasksError, warn
from ovseg_jax.masks.found import Subject

PICTURES = frozenset(
    f".{ending}"
    for ending in (
        *("jpg", "jpeg", "jpe", "jfif", "png", "webp", "bmp", "gif", "tif", "tiff", "ppm", "pgm"),
        *("pnm", "jp2", "avif", "heic", "heif", "tga", "dng", "raw", "nef", "cr2", "arw"),
    )
)
"""What counts as the ending of a picture's name."""
Parts = tuple[str, ...]
"""Folders and file name; empty where a rule cannot be used."""


@dataclasses.dataclass(frozen=True)
class Rule:
    """One way to compare names.

    Attributes:
        says: What is equal, in words.
        listed: Brings a name of the file into the form that is compared.
        photo: Brings the photo's path into that form.
        weak: Whether a user should hear of it.
    """

    says: str
    listed: Callable[[str], Parts]
    photo: Callable[[str], Parts]
    weak: bool = False


def as_written(name: str) -> Parts:
    """Splits a name at `/` and leaves it as it is; the first folder of `?d=x/a.jpg` is none."""
    return () if "?d=" in name else PurePosixPath(name).parts


def alike(name: str) -> Parts:
    """Splits a name after undoing what operating systems and browsers do to it."""
    if "?d=" in name:  # Label Studio's local files
        name = name.split("?d=", 1)[1]
    elif "://" in name:
        name = name.split("?", 1)[0]
    name = unicodedata.normalize("NFC", unquote(name)).replace("\\", "/")
    parts = PurePosixPath(name).parts
    if not parts:
        return ()
    last = PurePosixPath(parts[-1])
    return *parts[:-1], last.stem + last.suffix.lower()


def without_ending(name: str) -> Parts:
    """As `alike`, without the ending of the file's name."""
    parts = alike(name)
    return (*parts[:-1], PurePosixPath(parts[-1]).stem) if parts else ()


def without_hash(name: str) -> Parts:
    """As `alike`, without the digits that Label Studio puts before the file's name."""
    parts = alike(name)
    return (*parts[:-1], re.sub(r"^[0-9a-f]{8}-(?=.)", "", parts[-1])) if parts else ()


def _endless(name: str) -> Parts:
    """The form of a listed name that has no ending; empty if it has one."""
    parts = alike(name)
    return () if parts and PurePosixPath(parts[-1]).suffix in PICTURES else parts


RULES = (
    Rule("the same name", as_written, as_written),
    Rule("the same name, written alike", alike, alike),
    Rule("the same name without its ending", _endless, without_ending, weak=True),
    Rule("the same name without Label Studio's digits", without_hash, without_hash, weak=True),
)


@dataclasses.dataclass(frozen=True)
class Match:
    """A listed name that means a photo, and the rule that says so."""

    name: str
    rule: Rule

    def __str__(self) -> str:
        return f"{self.name!r} ({self.rule.says})"


def match_name(path: Path, listed: Sequence[str], subject: Subject) -> Match:
    """Finds the one name that means the photo.

    Args:
        path: The file that lists names, for messages.
        listed: Its names.
        subject: The photo.

    Raises:
        MasksError: No name means the photo, or several do, or the name found means another photo
            of the run just as well.
    """
    names = list(dict.fromkeys(listed))
    if not subject.name:
        raise MasksError(
            f"{path}: lists {len(names)} images by name, and the photo was given without one; "
            "give the photo's file, or a file with the masks of this photo alone"
        )
    for number, rule in enumerate(RULES):
        photo = rule.photo(subject.path.as_posix())
        found = [name for name in names if rule.listed(name)[-1:] == photo[-1:]]
        if found:
            chosen = _best(path, found, rule, subject)
            _refuse_rivals(path, chosen, RULES[: number + 1], subject)
            if rule.weak:
                warn(f"{path}: takes {chosen!r} for {subject.name!r}: it is {rule.says}")
            return Match(chosen, rule)
    raise MasksError(_unlisted(path, names, subject))


def same_photo(name: str, subject: Subject) -> bool:
    """Whether a single name in a file can mean the photo."""
    return any(rule.listed(name)[-1:] == rule.photo(subject.path.as_posix())[-1:] for rule in RULES)


def _agreement(listed: Parts, photo: Parts) -> tuple[bool, int]:
    """How well paths agree: whether all that is listed does, and how many parts do."""
    equal = 0
    for first, second in zip(reversed(listed), reversed(photo), strict=False):
        if first != second:
            break
        equal += 1
    return equal == len(listed), equal


def _best(path: Path, found: Sequence[str], rule: Rule, subject: Subject) -> str:
    """Returns the name whose folders agree best; refuses if two agree equally well."""
    photo = rule.photo(subject.path.as_posix())
    ranks = {name: _agreement(rule.listed(name), photo) for name in found}
    best = [name for name in found if ranks[name] == max(ranks.values())]
    if len(best) > 1:
        raise MasksError(f"{path}: {subject.name!r} could be any of {best[:5]}")
    return best[0]


def _refuse_rivals(path: Path, chosen: str, rules: Sequence[Rule], subject: Subject) -> None:
    """Refuses a name that means another photo of the run as well or better."""
    own = _agreement(rules[-1].listed(chosen), rules[-1].photo(subject.path.as_posix()))
    for rival in subject.rivals:
        for rule in rules:
            theirs = _agreement(rule.listed(chosen), rule.photo(rival.as_posix()))
            if theirs[1] and (theirs >= own or rule is not rules[-1]):
                raise MasksError(
                    f"{path}: {chosen!r} could mean {subject.path} or {rival}; list names with "
                    "their folders, or handle the photos one at a time"
                )


def _unlisted(path: Path, names: Sequence[str], subject: Subject) -> str:
    known = ", ".join(map(repr, names[:3])) or "none"
    stem = without_ending(subject.name)[-1]
    other = [name for name in names if without_ending(name)[-1:] == (stem,)]
    hint = f"; {other[0]!r} is a file of another format: rename one of them" if other else ""
    return f"{path}: no image {subject.name!r} among its {len(names)} (such as {known}){hint}"


def stem_key(path: PurePath | str) -> str:
    """The form of a file's stem by which files are paired."""
    return unicodedata.normalize("NFC", PurePath(path).stem)
