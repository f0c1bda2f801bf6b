"""Fonts that can draw a text: Pillow's own, those known by name, then any other on the system."""

from __future__ import annotations

import functools
import os
import sys
import unicodedata
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont, features

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

FONTS = (
    *("DejaVuSans.ttf", "NotoSans-Regular.ttf", "NotoSansCJK-Regular.ttc", "arialuni.ttf"),
    *("Arial Unicode.ttf", "msyh.ttc", "arial.ttf", "LiberationSans-Regular.ttf"),
)
"""Looked for first, since Pillow's own font has Latin letters only."""
MOST_FILES = 1000
"""Font files of the system that are tried for a letter that no other font has."""
_LEFT_TO_RIGHT = "\u200e"
_UNDRAWN = ("Zs", "Cc")
"""Categories that no font needs. A font without accents or joiners draws boxes for them."""


def find_font(text: str, size: int) -> Font:
    """Returns the first font that has all letters of a text, else the one that lacks fewest.

    Args:
        text: What is to be drawn.
        size: Of a letter's body in pixels.
    """
    return _opened(_best(_letters(text)), size) or ImageFont.load_default(size)


def missing_letters(text: str) -> str:
    """Returns the letters of a text that its best font cannot draw."""
    letters = _letters(text)
    return _missing(_best(letters), letters)


def in_writing_order(text: str) -> str:
    """Prepares a text for drawing from the left, also one that is read from the right.

    Pillow with Raqm turns such words itself, and needs marks that what stands around them does not
    belong to them; without Raqm it draws letters as they come.
    """
    if not any(unicodedata.bidirectional(letter) in ("R", "AL") for letter in text):
        return text
    marked = f"{_LEFT_TO_RIGHT}{text}{_LEFT_TO_RIGHT}"
    return marked if features.check("raqm") else text[::-1]


def _letters(text: str) -> str:
    drawn = {letter for letter in text if unicodedata.category(letter) not in _UNDRAWN}
    drawn.discard(_LEFT_TO_RIGHT)  # read by Raqm, and never drawn
    return "".join(sorted(drawn))


@functools.lru_cache(maxsize=1 << 12)
def _best(letters: str) -> str:
    """The file of the best font; empty for Pillow's own."""
    best, lacking = "", len(_missing("", letters))
    for path in _paths():
        if not lacking:
            break
        if (missing := len(_missing(path, letters))) < lacking:
            best, lacking = path, missing
    return best


def _missing(path: str, letters: str) -> str:
    return "".join(letter for letter in letters if not _has(path, letter))


@functools.lru_cache(maxsize=1 << 16)
def _has(path: str, letter: str) -> bool:
    """Whether a font draws a letter otherwise than one that no font has."""
    font = _opened(path, 16)
    try:
        return font is not None and _drawn(font, letter) != _drawn(font, "\uffff")
    except (UnicodeEncodeError, OSError):
        return False


def _drawn(font: Font, letter: str) -> bytes:
    picture = font.getmask(letter)
    return bytes(picture)  # type: ignore[reportArgumentType] - Pillow types none of its core


def _paths() -> Iterator[str]:
    yield from (name for name in (*FONTS, *_bundled()) if _opened(name, 16))
    yield from (path for path in _files_on_system() if _opened(path, 16))


@functools.lru_cache(maxsize=1 << 11)
def _opened(path: str, size: int) -> Font | None:
    try:
        return ImageFont.truetype(path, size) if path else ImageFont.load_default(size)
    except (OSError, ValueError):  # missing, damaged, or made for another size only
        return None


@functools.cache
def _files_on_system() -> tuple[str, ...]:
    """Font files of the usual folders, regular sans-serif ones first."""
    files = (
        str(path)
        for folder in _folders()
        if folder.is_dir()
        for path in folder.rglob("*")
        if path.suffix.lower() in (".ttf", ".ttc", ".otf")
    )
    return tuple(sorted(files, key=_plainness)[:MOST_FILES])


def _plainness(path: str) -> tuple[bool, bool, str]:
    name = Path(path).stem.lower()
    slanted = any(word in name for word in ("bold", "italic", "oblique", "light", "mono", "math"))
    return slanted, "sans" not in name, name


def _folders() -> tuple[Path, ...]:
    home = Path(os.path.expanduser("~"))
    if sys.platform == "darwin":
        return home / "Library/Fonts", Path("/Library/Fonts"), Path("/System/Library/Fonts")
    if sys.platform == "win32":
        return (Path(os.environ.get("WINDIR", r"C:\Windows")) / "Fonts",)
    shared = Path("/usr/local/share/fonts"), Path("/usr/share/fonts")
    return home / ".fonts", home / ".local/share/fonts", *shared


def _bundled() -> list[str]:
    """DejaVu Sans comes with matplotlib, which is found here without being imported."""
    spec = find_spec("matplotlib")
    if spec is None or not spec.submodule_search_locations:
        return []
    folder = Path(next(iter(spec.submodule_search_locations)))
    return [str(folder / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf")]
