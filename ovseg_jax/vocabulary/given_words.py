"""Words as Python programs have them: text, lists, dicts, arrays, files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ovseg_jax.vocabulary.class_files import load_class_file
from ovseg_jax.vocabulary.class_list import ClassList, VocabularyError
from ovseg_jax.vocabulary.class_rows import Reading, make_list, number_of, short_repr
from ovseg_jax.vocabulary.documents import KEYS, read_document, read_items, read_synonyms
from ovseg_jax.vocabulary.typed_words import parse_vocabulary

FORMS = (
    "text such as 'cat, kitten; sofa', a list of names or of lists of synonyms, a dict from name "
    "to synonyms, the Path of a class file, or a ClassList"
)
AnyWords = ClassList | str | Path | Mapping[Any, Any] | Iterable[Any]
"""What can be given as words; see `read_words`."""


def read_words(words: AnyWords, name: str = "words") -> ClassList:
    """Makes a class list of words in any form.

    Args:
        words: Text (`;` parts classes, `,` parts synonyms); a list, tuple or array with an item
            per class, each a text or a list of synonyms; a dict from names to synonyms or from ids
            to names; the `Path` of a class file; or a class list, which stays as it is.
        name: Name of the resulting list, and the source that messages mention.

    Raises:
        VocabularyError: The words have another type, are none, or cannot be told apart.
    """
    if isinstance(words, ClassList):
        return words
    if isinstance(words, str):
        return parse_vocabulary(str(words), name=name)
    if isinstance(words, Path):
        return load_class_file(words)
    return make_list(_read(words, name), name, name)


def _read(words: Any, name: str) -> Reading:
    if isinstance(words, Mapping) and words:
        return _read_mapping(_plain(words), name)
    if isinstance(words, bytes | set | frozenset) or not isinstance(words, Iterable):
        why = ", which has no order" if isinstance(words, set | frozenset) else ""
        raise VocabularyError(f"{name}: found {type(words).__name__}{why}; give {FORMS}")
    if isinstance(words, np.ndarray) and words.ndim not in (1, 2):
        raise VocabularyError(f"{name}: found an array of {words.ndim} axes; give {FORMS}")
    return Reading(read_items([_plain(item) for item in words], name))


def _read_mapping(words: dict[Any, Any], name: str) -> Reading:
    """A document that was read elsewhere, ids to names, or names to synonyms."""
    if any(isinstance(words.get(key), list | dict) for key in KEYS):
        return read_document(_texts(words), name)
    if any(all(number_of(x) is not None for x in side) for side in (words, words.values())):
        return read_document(_texts(words), name)
    if not all(isinstance(key, str) for key in words):
        raise VocabularyError(
            f"{name}: a dict needs names, or ids, as its keys; found {short_repr(words)}"
        )
    return Reading(read_synonyms(words, name))


def _texts(value: Any) -> Any:
    """The keys of dicts as texts, as JSON has them."""
    if isinstance(value, Mapping):
        return {str(key): _texts(item) for key, item in value.items()}
    return value


def _plain(value: Any) -> Any:
    """NumPy's texts, numbers and arrays as Python's; tuples as lists."""
    if isinstance(value, Mapping):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, str) else value
