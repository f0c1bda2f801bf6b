"""What a model's tokenizer makes of names: the same ids for two classes, or not all of a name.

Class lists are compared letter by letter where they are read. A tokenizer is coarser: it ignores
case, joins white space, may drop punctuation, and reads no further than its context.
"""

from __future__ import annotations

from collections.abc import Sequence

from ovseg_jax.foundation.errors import first_few, warn
from ovseg_jax.vocabulary.class_list import ClassList, VocabularyError
from ovseg_jax.vocabulary.class_rows import same_to_readers
from ovseg_jax.vocabulary.text_bank import Tokenizer

_GROWTH = 2
"""Ids of a cleaned text per byte as written, at most: an id covers a byte, cleaning adds few."""
_SHOWN, _LENGTH = 3, 40


def check_tokens(classes: ClassList, templates: Sequence[str], tokenizer: Tokenizer | None) -> None:
    """Compares names as a tokenizer sees them, inside the templates.

    Warns of names that do not fit into the context, and of classes that become equal by that, or
    for a reason that cannot be read off them. Lists whose classes share names are published, and
    are not compared.

    Args:
        classes: What is to be embedded.
        templates: Sentences with `{}` for the name.
        tokenizer: That of the text tower; without one, nothing is compared.

    Raises:
        VocabularyError: Names of two classes differ in case, white space, punctuation or Unicode
            form only, and the tokenizer sees the same.
    """
    if tokenizer is None:
        return
    if long := _cut_names(classes.synonym_rows[0], templates, tokenizer):
        verb = "does" if len(long) == 1 else "do"
        warn(
            f"{first_few(map(_short, long), _SHOWN)} {verb} not fit into the "
            f"{tokenizer.context_length} tokens that the model reads; the end of it is ignored"
        )
    if classes.shares_names:
        return
    equal = _equal_names(classes, templates, tokenizer)
    for first, second in equal:
        if same_to_readers(first[1]) == same_to_readers(second[1]):
            raise VocabularyError(
                f"{_placed(first)} and {_placed(second)} are the same to the model, which does not "
                "see how they differ; keep one of them, or make them one class"
            )
    if equal:
        pairs = [f"{_placed(first)} and {_placed(second)}" for first, second in equal]
        named = first_few(pairs, _SHOWN, "; ")
        warn(f"{named}: the model reads the same tokens, so their scores are equal")


def _cut_names(names: Sequence[str], templates: Sequence[str], tokenizer: Tokenizer) -> list[str]:
    """Names whose own end lies behind the context in some template."""
    starts = [template.split("{}")[0] for template in templates]
    counts = [len(ids) for ids in tokenizer.ids(starts)]
    longest = starts[counts.index(max(counts))]
    room = tokenizer.room - max(counts)
    suspects = [name for name in names if _GROWTH * len(name.encode(errors="replace")) > room]
    texts = [longest + name for name in suspects]
    return [
        name
        for name, ids in zip(suspects, tokenizer.ids(texts), strict=True)
        if len(ids) > tokenizer.room
    ]


Placed = tuple[int, str]
"""Class index and one of its names."""


def _equal_names(
    classes: ClassList, templates: Sequence[str], tokenizer: Tokenizer
) -> list[tuple[Placed, Placed]]:
    """Pairs of names of different classes that have the same ids in every template."""
    names, owners = classes.synonym_rows
    known: dict[bytes, Placed] = {}
    pairs = []
    rows = tokenizer([templates[0].replace("{}", name) for name in names])
    for name, owner, row in zip(names, owners.tolist(), rows, strict=True):
        first = known.setdefault(row.tobytes(), (owner, name))
        if first[0] != owner and _same_in_all(first[1], name, templates, tokenizer):
            pairs.append((first, (owner, name)))
    return pairs


def _same_in_all(first: str, second: str, templates: Sequence[str], tokenizer: Tokenizer) -> bool:
    rows = [tokenizer([t.replace("{}", name) for t in templates]) for name in (first, second)]
    return bool((rows[0] == rows[1]).all())


def _placed(name: Placed) -> str:
    return f"{_short(name[1])} (class {name[0] + 1})"


def _short(name: str) -> str:
    """Keeps both ends: names that differ behind the context differ there."""
    return repr(name if len(name) <= _LENGTH else f"{name[: _LENGTH - 12]}...{name[-9:]}")
