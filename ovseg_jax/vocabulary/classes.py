"""Class lists: the door to this room's readers, and how two lists overlap."""

from __future__ import annotations

import hashlib
import json

import numpy as np
from jaxtyping import Bool, Int

from ovseg_jax.vocabulary.class_files import load_class_file
from ovseg_jax.vocabulary.class_list import ClassEntry, ClassList, VocabularyError
from ovseg_jax.vocabulary.given_words import read_words
from ovseg_jax.vocabulary.preset_lists import available_presets, is_preset, load_preset
from ovseg_jax.vocabulary.typed_words import parse_vocabulary

__all__ = [
    "ClassEntry",
    "ClassList",
    "VocabularyError",
    "available_presets",
    "carry_table",
    "class_file_hash",
    "is_preset",
    "load_class_file",
    "load_preset",
    "parse_vocabulary",
    "read_words",
    "seen_mask",
]


def seen_mask(test: ClassList, train: ClassList) -> Bool[np.ndarray, " k"]:
    """Marks the test classes that the training vocabulary contains.

    A test class is seen if any of its names equals any name of any training class, to the letter
    (the rule of FC-CLIP and its successors).
    """
    known = {name for entry in train.classes for name in entry.synonyms}
    return np.asarray([not known.isdisjoint(entry.synonyms) for entry in test.classes], bool)


def carry_table(train: ClassList, test: ClassList) -> Int[np.ndarray, " c"]:
    """Returns for each training class the first test class that shares a name; -1 for none."""
    owner: dict[str, int] = {}
    for index, entry in enumerate(test.classes):
        for name in entry.synonyms:
            owner.setdefault(name, index)
    shared = ([owner[name] for name in entry.synonyms if name in owner] for entry in train.classes)
    return np.asarray([min(found, default=-1) for found in shared], np.int32)


def class_file_hash(classes: ClassList) -> str:
    """Returns 16 hexadecimal digits that identify names, order and thing flags of a list.

    Independent of the file's form and of colours, so that equal vocabularies have equal hashes.
    """
    content = [[list(entry.synonyms), entry.is_thing] for entry in classes.classes]
    canonical = json.dumps(content, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
