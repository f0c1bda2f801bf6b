"""Typed words that may not mean what was meant: what was understood, and how to write the other.

Every habit below makes one class of what its writer takes for several. A text that uses `;` is
taken at its word, so a `;` at the end silences the hint about synonyms.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from ovseg_jax.foundation.errors import counted, warn
from ovseg_jax.vocabulary.class_list import ClassList, VocabularyError
from ovseg_jax.vocabulary.class_rows import Row
from ovseg_jax.vocabulary.preset_lists import available_presets

FILE_ENDINGS = (".txt", ".json", ".csv", ".tsv", ".yaml", ".yml", ".names")
_NEVER_IN_NAMES = re.compile(r"[|\t、，；]|\\n")
"""Signs that part words elsewhere; `\\n` is a line break that a shell did not make one."""
_SENTENCES = re.compile(r"\s\.(?:\s|$)|(?<=[^\W\d_]{2})\.(?:\s|$|(?=[^\W\d_]{2}))")
"""Full stops behind words of two letters and more, as Grounding DINO parts its words."""
_SLASHES = re.compile(r"/")
_ABBREVIATION = re.compile(r"\b(?:st|mt|dr|mr|mrs|ms|jr|sr|no|vs)\.|\([^)]*\)", re.IGNORECASE)
"""No end of a name; nor is anything in parentheses."""
_DOCUMENT = re.compile(
    r"\s*[\[{(]\s*[\"'\[{(]|\s*(?:names|classes)\s*:|\s*-\s+\S.*\n\s*-\s"
    r"|\s*(?:\[.*[,;].*\]|\{.*[,;:].*\}|\(.*[,;].*\))\s*$"
)
_SHOWN = 8


def check_typed(text: str, source: str) -> None:
    """Refuses a document or the name of a file where words are expected.

    Raises:
        VocabularyError: The text is JSON, YAML or Python code, or names an existing file.
    """
    if _DOCUMENT.match(text) or _is_json(text):
        raise VocabularyError(
            f"{source}: {_short(text)} looks like JSON, YAML or code; write words as "
            "'cat, kitten; sofa', or save it as a file for --vocab-file; Python programs give the "
            "list itself, or Path(file)"
        )
    if _names_a_file(text):
        raise VocabularyError(
            f"{source}: {text.strip()!r} is a file, not a word; for the classes in it write "
            f"--vocab-file {text.strip()}, or in Python Path({text.strip()!r})"
        )
    if text.strip() in available_presets():
        warn(
            f"{source}: {text.strip()!r} is taken as a word; for the classes of that list write "
            f"--vocab-preset {text.strip()}, or in Python load_preset({text.strip()!r})"
        )


def check_parting(text: str, rows: Sequence[Row], source: str) -> None:
    """Warns where one class was probably meant as several.

    Args:
        text: As it was written.
        rows: What was understood.
        source: Named in the warning.
    """
    if len(rows) == 1 and ";" not in text:
        first, *synonyms = rows[0].names
        if synonyms:
            warn(_about_synonyms(rows[0].names, source))
        elif len(parts := _parts(text)) > 1:
            warn(_about_name(first, parts, source))
        return
    for name in re.split(r"[;,\r\n]", text):
        if len(parts := _split(_NEVER_IN_NAMES, name)) > 1:
            warn(_about_name(name.strip(), parts, source))
            return


def describe(classes: ClassList, remarks: Sequence[str] = ()) -> str:
    """Returns one short line: "2 classes (column 'name'): cat, kitten; sofa"."""
    shown = "; ".join(", ".join(entry.synonyms) for entry in classes.classes[:_SHOWN])
    more = f"; ... {len(classes) - _SHOWN} more" if len(classes) > _SHOWN else ""
    noted = f" ({'; '.join(remarks)})" if remarks else ""
    return f"{counted(len(classes), 'class', 'es')}{noted}: {shown}{more}"


def _about_synonyms(names: Sequence[str], source: str) -> str:
    return (
        f"{source}: 1 class: {names[0]} (also {_enumerated(names[1:])}); for {len(names)} classes "
        f"write '{_enumerated(names, '; ')}', and for this one class end it with ';'"
    )


def _about_name(name: str, parts: Sequence[str], source: str) -> str:
    return (
        f"{source}: {name!r} is one name; for {len(parts)} classes write "
        f"'{_enumerated(parts, '; ')}', for synonyms '{_enumerated(parts)}'"
    )


def _parts(name: str) -> list[str]:
    """What a text falls into by the first sign that others part words with."""
    plain = _ABBREVIATION.sub(" ", name)
    found = (_split(way, plain) for way in (_NEVER_IN_NAMES, _SLASHES, _SENTENCES))
    return next((parts for parts in found if len(parts) > 1), [name])


def _split(pattern: re.Pattern[str], text: str) -> list[str]:
    return [part for piece in pattern.split(text) if (part := piece.strip(" .;,"))]


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), list | dict)
    except (ValueError, RecursionError):
        return False


def _names_a_file(text: str) -> bool:
    name = text.strip()
    if name.lower().endswith(FILE_ENDINGS) and not re.search(r"[;,\n]", name):
        return True  # nobody calls a class so, also where there is no such file
    if "/" not in name and "\\" not in name:
        return False
    try:
        return Path(name).expanduser().is_file()
    except (OSError, ValueError, RuntimeError):  # too long a name, or no name of a file at all
        return False


def _enumerated(names: Sequence[str], mark: str = ", ") -> str:
    shown = mark.join(names[:_SHOWN])
    return f"{shown}{mark}..." if len(names) > _SHOWN else shown


def _short(text: str, length: int = 40) -> str:
    line = " ".join(text.split())
    return repr(line if len(line) <= length else f"{line[:length]}...")
