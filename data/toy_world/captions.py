"""Captions of toy pictures: short English phrases that name what is visible.

Words are lower case and separated by single spaces; there is no punctuation. Things come in random
order and may be left out, called by a synonym, or given their body colour; the ground they stand
on may be named before or after them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data.toy_world import world

PREFIXES = ("a photo of", "a picture of", "there is", "this is", "an image with", "we see", "")
RELATIONS = ("on", "in", "near", "with")

MENTION_PROBABILITY = 0.92
SYNONYM_PROBABILITY = 0.35
COLOR_PROBABILITY = 0.2
STUFF_PROBABILITY = 0.85
STUFF_FIRST_PROBABILITY = 0.35
"""Share of the captions with stuff that begin with it, so that stuff is also a head noun."""

MAX_WORDS = 28
"""No caption has more words: prefix 3, six things 3 each, one "and", the ground 6."""


def caption_words() -> tuple[str, ...]:
    """Returns every word that a caption can contain, sorted."""
    words = {"a", "an", "the", "and", *RELATIONS, *world.HUES}
    words.update(word for prefix in PREFIXES for word in prefix.split())
    for index in range(len(world.CLASS_NAMES)):
        words.update(world.class_names(index))
    return tuple(sorted(words))


def make_caption(
    rng: np.random.Generator,
    things: Sequence[int],
    hues: Sequence[int],
    stuff: Sequence[int],
) -> str:
    """Writes one caption.

    Args:
        rng: Source of all choices.
        things: Class index of each visible thing; may be empty.
        hues: Body hue of each visible thing as drawn, index into `world.HUES`.
        stuff: Class index of each visible stuff region; not empty when `things` is.

    Returns:
        At most `MAX_WORDS` words.
    """
    subjects = _subjects(rng, things, hues)
    ground = _ground(rng, stuff) if rng.random() < STUFF_PROBABILITY or not subjects else ""
    if not ground:
        body = subjects
    elif not subjects:
        body = ground
    elif rng.random() < STUFF_FIRST_PROBABILITY:
        body = f"{ground} with {subjects}"
    else:
        body = f"{subjects} {RELATIONS[rng.integers(len(RELATIONS))]} {ground}"
    return f"{PREFIXES[rng.integers(len(PREFIXES))]} {body}".strip()


def _subjects(rng: np.random.Generator, things: Sequence[int], hues: Sequence[int]) -> str:
    order = [index for index in rng.permutation(len(things)) if rng.random() < MENTION_PROBABILITY]
    if not order and things:
        order = [int(rng.integers(len(things)))]
    phrases = [_phrase(rng, things[index], hues[index]) for index in order]
    if len(phrases) > 1:
        phrases.insert(-1, "and")
    return " ".join(phrases)


def _phrase(rng: np.random.Generator, thing: int, hue: int) -> str:
    words = _name(rng, thing)
    if rng.random() < COLOR_PROBABILITY:
        words = f"{world.HUES[hue]} {words}"
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _ground(rng: np.random.Generator, stuff: Sequence[int]) -> str:
    chosen = [f"the {_name(rng, index)}" for index in rng.permutation(stuff)[:2]]
    keep = len(chosen) if rng.random() < 0.5 else 1
    return " and ".join(chosen[:keep])


def _name(rng: np.random.Generator, index: int) -> str:
    names = world.class_names(index)
    if len(names) > 1 and rng.random() < SYNONYM_PROBABILITY:
        return names[rng.integers(1, len(names))]
    return names[0]
