"""Class names to text embeddings: templates, synonym rows, padding to buckets, cache on disk."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import jax
import numpy as np
from jaxtyping import Bool, Float, Int

from ovseg_jax.foundation.typing import Text
from ovseg_jax.vocabulary.classes import VocabularyError
from ovseg_jax.vocabulary.text_cache import TextCache, default_directory

__all__ = ["TextCache", "bucket", "build_text", "default_directory", "embed_names"]

BATCH_SIZE = 64
"""Texts embedded at once; the last batch is filled up so that nothing compiles anew."""

Encode = Callable[[Int[np.ndarray, "r l"]], Float[np.ndarray, "r d"]]
Progress = Callable[[int, int], None]


class Tokenizer(Protocol):
    """What turns texts into ids.

    Attributes:
        key: What identifies it in the cache.
        context_length: Ids per text.
        room: How many of them are the text's own; what is behind them is cut off.
        trims: Whether the text tower ignores padding, so that it may be cut off.
    """

    key: str
    context_length: int
    room: int
    trims: bool

    def __call__(self, texts: Sequence[str]) -> Int[np.ndarray, "r l"]:
        """Returns zero-padded ids; the largest of a row is the end of the text."""
        ...

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Returns the ids of each text in full."""
        ...


def build_text(  # noqa: PLR0913 - the arrow's inputs, keyword-only past the fourth
    classes: Iterable[Any],
    templates: Sequence[str],
    encode: Encode,
    tokenizer: Tokenizer,
    *,
    seen: Bool[np.ndarray, " k"] | None = None,
    cache: TextCache | None = None,
    keep_tokens: bool = False,
    progress: Progress | None = None,
) -> Text:
    """Embeds a vocabulary, padded so that another one of similar size compiles nothing.

    Every synonym is a row of its own (docs/reference 0.8); rows are of unit length per template and
    are not averaged here, since some methods need the template axis.

    Args:
        classes: A `ClassList`, or the synonyms of each class in order.
        templates: Sentences with `{}` for the name.
        encode: Token ids to embeddings of any length; called with batches of one shape per
            length bucket.
        tokenizer: Texts to token ids.
        seen: Which classes share a name with the training vocabulary; None for none.
        cache: Where embeddings of names are kept; None computes all anew.
        keep_tokens: Keep token ids, for methods that train the text tower.
        progress: Called with (texts embedded, texts in all).

    Raises:
        VocabularyError: No classes, a class without names, an empty name, a template without
            `{}`, or `seen` of another length.
    """
    synonyms = _synonyms(classes)
    names = [name for group in synonyms for name in group]
    owners = [index for index, group in enumerate(synonyms) for _ in group]
    known = _embedded(names, templates, encode, tokenizer, cache=cache, progress=progress)
    num_rows, num_slots = bucket(len(names)), bucket(len(synonyms))
    tokens = _tokens(names, templates, tokenizer) if keep_tokens else None
    if seen is not None and len(seen) != len(synonyms):
        raise VocabularyError(f"seen has {len(seen)} entries for {len(synonyms)} classes")
    given = np.zeros(len(synonyms), bool) if seen is None else np.asarray(seen, bool)
    arrays = {
        "embeddings": _gather(known, names, num_rows),
        "classes": _pad(np.asarray(owners, np.int32), num_rows, num_slots),
        "valid": np.arange(num_slots) < len(synonyms),
        "seen": _pad(given, num_slots),
        "tokens": None if tokens is None else _pad(tokens, num_rows),
    }
    # They are new, so the device may have them as they are: no copy, nothing to compile.
    return Text(**jax.device_put(arrays, may_alias=True))


def embed_names(
    names: Sequence[str],
    templates: Sequence[str],
    encode: Encode,
    tokenizer: Tokenizer,
    *,
    cache: TextCache | None = None,
    progress: Progress | None = None,
) -> Float[np.ndarray, "s t d"]:
    """Embeds names in all templates, each row of unit length; the cache is read and filled.

    Args:
        names: Texts to put into the templates; repeated ones are embedded once.
        templates: Sentences with `{}` for the name.
        encode: Token ids to embeddings of any length.
        tokenizer: Texts to token ids.
        cache: Where embeddings of names are kept; None computes all anew.
        progress: Called with (texts embedded, texts in all).
    """
    known = _embedded(names, templates, encode, tokenizer, cache=cache, progress=progress)
    return _gather(known, names, len(names))


def bucket(count: int) -> int:
    """Returns the padded size for a count: 16, 32, 64, 128, 256, 512, then multiples of 512."""
    if count > 512:
        return -(-count // 512) * 512
    return max(16, 1 << (count - 1).bit_length())


def _embedded(
    names: Sequence[str],
    templates: Sequence[str],
    encode: Encode,
    tokenizer: Tokenizer,
    *,
    cache: TextCache | None,
    progress: Progress | None,
) -> dict[str, Float[np.ndarray, "t d"]]:
    """Returns the rows of every name, from the cache where they are there."""
    _check(names, templates)
    known = cache.load_all(names, templates, tokenizer.key) if cache else {}
    if wanted := [name for name in dict.fromkeys(names) if name not in known]:
        tokens = _tokens(wanted, templates, tokenizer)
        flat = tokens.reshape(-1, tokens.shape[-1])
        rows = _embed_tokens(flat, encode, tokenizer.trims, progress)
        fresh = dict(zip(wanted, rows.reshape(*tokens.shape[:2], -1), strict=True))
        if cache:
            cache.save_all(fresh, templates, tokenizer.key)
        known |= fresh
    return known


def _gather(
    known: Mapping[str, Float[np.ndarray, "t d"]], names: Sequence[str], size: int
) -> Float[np.ndarray, "s t d"]:
    """Copies the rows of names into one array, once, with zeros behind them."""
    rows = _aligned_zeros((size, *known[names[0]].shape))
    for target, name in zip(rows, names, strict=False):
        target[:] = known[name]
    return rows


def _aligned_zeros(shape: tuple[int, ...]) -> Float[np.ndarray, "s t d"]:
    """Returns zeros at an address that JAX takes over on a CPU without another copy."""
    size, floats_per_line = math.prod(shape), 16
    flat = np.zeros(size + floats_per_line, np.float32)
    start = -flat.ctypes.data // 4 % floats_per_line
    return flat[start : start + size].reshape(shape)


def _embed_tokens(
    tokens: Int[np.ndarray, "r l"], encode: Encode, trims: bool, progress: Progress | None
) -> Float[np.ndarray, "r d"]:
    """Embeds rows in batches of one size, grouped by length.

    A causal tower does not see what follows the end of the text, so cutting the padding off is
    exact, and five times faster for prompts of a dozen tokens in a context of 77.
    """
    parts: dict[int, np.ndarray] = {}
    whole = tokens.shape[1]
    lengths = np.array([_length_bucket(row) if trims else whole for row in tokens])
    for length in np.unique(lengths):
        members = np.flatnonzero(lengths == length)
        for start in range(0, len(members), BATCH_SIZE):
            chosen = members[start : start + BATCH_SIZE]
            batch = _pad(tokens[chosen, :length], BATCH_SIZE)
            rows = np.asarray(encode(batch), np.float32)[: len(chosen)]
            unit = rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12)
            parts.update(zip(chosen.tolist(), unit, strict=True))
            if progress:
                progress(len(parts), len(tokens))
    return np.stack([parts[i] for i in range(len(tokens))])


def _length_bucket(row: Int[np.ndarray, " l"]) -> int:
    """Returns 16, 32, 64 or the whole context, whichever holds the end of the text first."""
    used = int(row.argmax()) + 1
    return next((size for size in (16, 32, 64) if used <= size < len(row)), len(row))


def _tokens(
    names: Sequence[str], templates: Sequence[str], tokenizer: Tokenizer
) -> Int[np.ndarray, "s t l"]:
    texts = [template.replace("{}", name) for name in names for template in templates]
    ids = np.asarray(tokenizer(texts), np.int32)
    return ids.reshape(len(names), len(templates), -1)


def _synonyms(classes: Iterable[Any]) -> list[tuple[str, ...]]:
    """Returns the names of each class of a `ClassList` or of plain tuples."""
    entries = getattr(classes, "classes", classes)
    groups = [tuple(getattr(entry, "synonyms", entry)) for entry in entries]
    if not groups:
        raise VocabularyError("the vocabulary is empty; name at least one class")
    if empty := [index for index, group in enumerate(groups) if not group]:
        raise VocabularyError(f"classes {empty} of the vocabulary have no name")
    return groups


def _check(names: Sequence[str], templates: Sequence[str]) -> None:
    if blank := [index for index, name in enumerate(names) if not name.strip()]:
        raise VocabularyError(f"names {blank} of the vocabulary are empty")
    if wrong := [template for template in templates if template.count("{}") != 1]:
        raise VocabularyError(f"templates need exactly one {{}}: {wrong}")
    if not templates:
        raise VocabularyError("no templates given; use ('{}',) for bare names")


def _pad(array: np.ndarray, size: int, value: int = 0) -> np.ndarray:
    """Extends the first axis."""
    filler = np.full((size - len(array), *array.shape[1:]), value, array.dtype)
    return np.concatenate([array, filler])
