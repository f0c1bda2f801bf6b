"""The family of errors and warnings that users can meet, and text for messages.

Every error that this package raises on purpose descends from `OvsegError`, so one `except` catches
them all, and the command line turns them into one line and exit status 2. Each is also the builtin
error that fits (`ValueError`, `OSError`, `RuntimeError`). Errors of one room stand in that room;
those that several rooms raise stand here.
"""

from __future__ import annotations

import unicodedata
import warnings
from collections.abc import Iterable


class OvsegError(Exception):
    """What was given cannot be used; the message names it, what was found and what to do."""

    def __str__(self) -> str:
        """The message, with control characters written out: names in it come from files."""
        return printable(super().__str__())


class OperandError(OvsegError, ValueError):
    """Arrays or options that a function cannot take."""


class ModelError(OvsegError, ValueError):
    """The parts of a model do not fit together, or do not fit what is asked of it."""


class MissingPackageError(OvsegError, ImportError):
    """An optional library is not installed; the message says what to type."""


class MasksError(OvsegError, ValueError):
    """Masks that cannot be used with a photo; the message names the file and the remedy."""


class ImageError(OvsegError, ValueError):
    """A picture that cannot be used; the message names the file and the remedy."""


class OvsegWarning(UserWarning):
    """Something was done that may not be what was meant; the message says what to type instead."""


def warn(message: str) -> None:
    """Warns the user; the command line prints "ovseg: warning: ..." on stderr."""
    warnings.warn(printable(message), OvsegWarning, stacklevel=3)


def printable(text: object) -> str:
    r"""Writes out characters that a terminal would act on: "\x1b[2J" comes out as seven letters.

    Line breaks and letters of every script stay.
    """
    return "".join(map(_visible, str(text)))


def one_line(text: object) -> str:
    """As `printable`, with line breaks written out too: for names that stand in a line."""
    return printable(text).replace("\n", r"\n").replace("\r", r"\r")


def first_few(texts: Iterable[object], most: int = 6, mark: str = ", ") -> str:
    """Joins the first of some texts and says how many more there are: "a, b and 3 more"."""
    known = list(map(str, texts))
    more = f" and {len(known) - most} more" if len(known) > most else ""
    return mark.join(known[:most]) + more


def counted(number: int, noun: str, ending: str = "s") -> str:
    """Says how many there are: "1 class", "2 classes"."""
    return f"{number} {noun}{'' if number == 1 else ending}"


def _visible(character: str) -> str:
    shown = character.isprintable() or character == "\n"
    if shown or unicodedata.category(character) == "Zs":  # wide and unbreakable spaces
        return character
    return character.encode("unicode_escape").decode("ascii")
