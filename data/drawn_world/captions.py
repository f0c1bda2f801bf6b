"""Captions of toy pictures: short English phrases that name some of what is visible.

Words are lower case and separated by single spaces; there is no punctuation. Things come in random
order; some are left out, called by a synonym, given their colour, counted, or said to stand left of
or above another one; the ground they stand on may be named before or after them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.drawn_world import world

PREFIXES = ("a photo of", "a picture of", "there is", "this is", "an image with", "we see", "")
GROUNDS = ("on", "in", "near", "with")
ASIDE, STACKED, NEXT = ("left of", "right of"), ("above", "below"), "next to"
COUNTS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}

MENTION_PROBABILITY = 0.88
SYNONYM_PROBABILITY = 0.35
COLOR_PROBABILITY = 0.2
PLACE_PROBABILITY = 0.3
"""Of two things that are named and not counted: where the first stands, seen from the second."""

STUFF_PROBABILITY = 0.8
STUFF_FIRST_PROBABILITY = 0.35
"""Share of the captions with stuff that begin with it, so that stuff is also a head noun."""

MAX_WORDS = 30
"""No caption has more: prefix 3, six things of 3, a place of 2, one "and", the ground 6."""

IRREGULAR = {
    **{name: name for name in ("fish", "starfish")},
    **{"leaf": "leaves", "loaf": "loaves", "penny": "pennies"},
}


@dataclass(frozen=True)
class Seen:
    """Something visible.

    Attributes:
        category: Class index.
        hue: Body hue of a thing as drawn, index into `world.HUES`; -1 for stuff.
        place: Centre of its pixels, x and y as shares of the picture.
    """

    category: int
    hue: int
    place: tuple[float, float]


def caption_words() -> tuple[str, ...]:
    """Returns every word that a caption can contain, sorted."""
    phrases = [*PREFIXES, *GROUNDS, *ASIDE, *STACKED, NEXT, *COUNTS.values(), *world.HUES]
    words = {"a", "an", "the", "and"}.union(*(phrase.split() for phrase in phrases))
    for index, is_thing in enumerate(world.IS_THING):
        names = world.class_names(index)
        words.update(names, map(plural, names) if is_thing else ())
    return tuple(sorted(words))


def plural(noun: str) -> str:
    """Returns the name of several things."""
    ending = "es" if noun.endswith(("x", "s", "sh", "ch")) else "s"
    return IRREGULAR.get(noun, noun + ending)


def make_caption(rng: np.random.Generator, seen: Sequence[Seen]) -> str:
    """Writes one caption of what is visible, which is not nothing; at most `MAX_WORDS` words."""
    subjects = _subjects(rng, [item for item in seen if world.IS_THING[item.category]])
    stuff = [item.category for item in seen if not world.IS_THING[item.category]]
    named = stuff and (rng.random() < STUFF_PROBABILITY or not subjects)
    ground = _ground(rng, stuff) if named else ""
    if not ground or not subjects:
        body = subjects or ground
    elif rng.random() < STUFF_FIRST_PROBABILITY:
        body = f"{ground} with {subjects}"
    else:
        body = f"{subjects} {GROUNDS[rng.integers(len(GROUNDS))]} {ground}"
    return f"{PREFIXES[rng.integers(len(PREFIXES))]} {body}".strip()


def _subjects(rng: np.random.Generator, things: Sequence[Seen]) -> str:
    named = [item for item in things if rng.random() < MENTION_PROBABILITY] or list(things[:1])
    kinds = list({item.category: None for item in named})
    groups = [[item for item in named if item.category == kind] for kind in rng.permutation(kinds)]
    phrases = [_phrase(rng, group) for group in groups]
    alone = len(groups) > 1 and len(groups[0]) == len(groups[1]) == 1
    if alone and rng.random() < PLACE_PROBABILITY:
        first, second = phrases[:2]
        place = _place(rng, groups[0][0].place, groups[1][0].place)
        phrases[:2] = [f"{first} {place} {second}"]
    if len(phrases) > 1:
        phrases.insert(-1, "and")
    return " ".join(phrases)


def _phrase(rng: np.random.Generator, group: Sequence[Seen]) -> str:
    """One thing with its article, or several of a kind with their number."""
    noun = _name(rng, group[0].category)
    if len(group) > 1:
        return f"{COUNTS[len(group)]} {plural(noun)}"
    if rng.random() < COLOR_PROBABILITY:
        noun = f"{world.HUES[group[0].hue]} {noun}"
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _place(rng: np.random.Generator, one: tuple[float, float], other: tuple[float, float]) -> str:
    """Where the one stands, seen from the other: by the larger of both distances."""
    across, down = one[0] - other[0], one[1] - other[1]
    if rng.random() < 0.3 or max(abs(across), abs(down)) < 0.1:
        return NEXT
    if abs(across) > abs(down):
        return ASIDE[int(across > 0)]
    return STACKED[int(down > 0)]


def _ground(rng: np.random.Generator, stuff: Sequence[int]) -> str:
    chosen = [f"the {_name(rng, index)}" for index in rng.permutation(stuff)[:2]]
    keep = len(chosen) if rng.random() < 0.5 else 1
    return " and ".join(chosen[:keep])


def _name(rng: np.random.Generator, index: int) -> str:
    names = world.class_names(index)
    if len(names) > 1 and rng.random() < SYNONYM_PROBABILITY:
        return names[rng.integers(1, len(names))]
    return names[0]
