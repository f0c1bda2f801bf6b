"""Words as they are typed: `;` parts classes, `,` parts synonyms."""

from __future__ import annotations

import re

from ovseg_jax.vocabulary.class_list import ClassList
from ovseg_jax.vocabulary.class_rows import Reading, Row, make_list, split_names
from ovseg_jax.vocabulary.hints import check_parting, check_typed


def parse_vocabulary(text: str, *, name: str = "words", is_thing: bool = True) -> ClassList:
    """Reads a vocabulary as typed: `;` (or a new line) parts classes, `,` parts synonyms.

    Names are trimmed, inner white space is collapsed, and Unicode is brought to form NFC. Empty
    entries are dropped and a name repeated inside a class counts once. A text that was probably
    meant otherwise ("person, car, dog" is one class) is answered with a warning.

    Args:
        text: For instance "cat, kitten; sofa, couch; remote control".
        name: Name of the resulting list, and the source that messages mention.
        is_thing: Whether the classes are countable.

    Raises:
        VocabularyError: If no name is left, if two classes share a name, or if the text is a file
            or a document rather than words.
    """
    check_typed(text, name)
    rows = rows_of_words(re.split(r"[;\r\n]", text), is_thing=is_thing)
    classes = make_list(Reading(rows), name, name)
    check_parting(text, rows, name)
    return classes


def rows_of_words(parts: list[str], *, is_thing: bool = True) -> tuple[Row, ...]:
    """Makes a class of each part that holds a name."""
    groups = [names for part in parts if (names := split_names(part))]
    return tuple(
        Row(names, f"class {number}", is_thing) for number, names in enumerate(groups, start=1)
    )
