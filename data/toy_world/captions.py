"""Captions of toy pictures: short English phrases that name what is visible, as people write them.

Words are lower case and separated by single spaces; there is no punctuation. Things come in random
order and may be left out, counted, called by a synonym, or given their body colour. What is said
about places is true: "above", "left of" and "next to" follow the centres, and a thing is "on" the
stuff that most of it lies on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data.toy_world import world
from data.toy_world.seen import Box, Scene, Seen, SeenThing, seen_in

PREFIXES = ("a photo of", "a picture of", "there is", "this is", "an image with", "we see", "")
OF_SEVERAL = {"there is": "there are", "this is": "these are"}
NUMBERS = ("two", "three", "four", "five", "six")
RELATIONS = ("above", "below", "left of", "right of", "next to")

STANDING = {
    "grass": ("on", "in"),
    "water": ("on", "in"),
    "sand": ("on", "in"),
    "sky": ("in",),
    "snow": ("on", "in"),
    "brick": ("on",),
    "road": ("on",),
    "forest": ("in",),
}
"""Words between a thing and the stuff that it lies on; between others stands `APART`."""

APART = ("near", "by")

MENTION_PROBABILITY = 0.85
SYNONYM_PROBABILITY = 0.35
COLOR_PROBABILITY = 0.2
RELATION_PROBABILITY = 0.35
STUFF_PROBABILITY = 0.75
STUFF_FIRST_PROBABILITY = 0.25
"""Share of the captions with stuff that begin with it, so that stuff is also a head noun."""

SECOND_STUFF_PROBABILITY = 0.35
APART_FROM = 0.15
"""Distance of centres, in sides of the box, from which a direction is said; beside: `NEXT_TO`."""

NEXT_TO = 0.45

MAX_WORDS = 30
"""No caption has more words: prefix 3, six things 3 each, a relation's 2, one "and", stuff 6.

They just fit between the two marks of the toy text towers, which read 32 tokens.
"""


def caption_words() -> tuple[str, ...]:
    """Returns every word that a caption can contain, sorted."""
    words = {"a", "an", "the", "and", "with", *NUMBERS, *APART, *world.HUES}
    words.update(
        word for phrase in (*PREFIXES, *OF_SEVERAL.values(), *RELATIONS) for word in phrase.split()
    )
    words.update(word for choices in STANDING.values() for word in choices)
    for index in range(len(world.CLASS_NAMES)):
        words.update(world.class_names(index))
        if world.IS_THING[index]:
            words.update(map(world.plural, world.class_names(index)))
    return tuple(sorted(words))


def caption_of(rng: np.random.Generator, scene: Scene, box: Box | None = None) -> str:
    """Writes a caption of a picture or of a part of it.

    Args:
        rng: Source of all choices.
        scene: With all segments and names: as drawn, before a split hides some of them.
        box: The part, as left, top, right, bottom in pixels; None for all of it. See
            `seen.seen_in` for what counts as inside.

    Returns:
        At most `MAX_WORDS` words.
    """
    return write_caption(rng, seen_in(scene, box))


def write_caption(rng: np.random.Generator, seen: Seen) -> str:
    """Writes a caption about things and stuff; at least one of them is there."""
    groups = _mentioned(rng, seen.things)
    ground = rng.random() < STUFF_PROBABILITY or not groups
    body = (
        _with_ground(rng, groups, seen.stuff) if seen.stuff and ground else _subjects(rng, groups)
    )
    prefix = PREFIXES[rng.integers(len(PREFIXES))]
    if body.split(" ", 1)[0] in NUMBERS:
        prefix = OF_SEVERAL.get(prefix, prefix)
    return f"{prefix} {body}".strip()


def _mentioned(rng: np.random.Generator, things: Sequence[SeenThing]) -> list[list[SeenThing]]:
    """Returns the things that are mentioned, in random order and joined by class."""
    groups: dict[int, list[SeenThing]] = {}
    for index in rng.permutation(len(things)):
        groups.setdefault(things[index].category, []).append(things[index])
    kept = [group for group in groups.values() if rng.random() < MENTION_PROBABILITY]
    return kept or list(groups.values())[:1]


def _with_ground(
    rng: np.random.Generator, groups: list[list[SeenThing]], stuff: dict[int, float]
) -> str:
    if not groups:
        return _landscape(rng, stuff)
    subjects, grounds = _subjects(rng, groups), {thing.ground for thing in groups[-1]}
    if rng.random() < STUFF_FIRST_PROBABILITY:
        return f"{_landscape(rng, stuff)} with {subjects}"
    stands = len(grounds) == 1 and grounds <= stuff.keys()
    chosen = grounds.pop() if stands else int(rng.choice(list(stuff)))
    words = STANDING[world.CLASS_NAMES[chosen]] if stands else APART
    others = [index for index in stuff if index != chosen]
    phrase = f"{subjects} {words[rng.integers(len(words))]} the {_name(rng, chosen)}"
    if others and rng.random() < SECOND_STUFF_PROBABILITY:
        phrase += f" and the {_name(rng, int(rng.choice(others)))}"
    return phrase


def _landscape(rng: np.random.Generator, stuff: dict[int, float]) -> str:
    """Names one or two stuff regions; of two that lie over each other, perhaps says so."""
    chosen = [int(index) for index in rng.permutation(list(stuff))[:2]]
    first = f"the {_name(rng, chosen[0])}"
    if len(chosen) == 1 or rng.random() < 0.5:
        return first
    higher = stuff[chosen[1]] - stuff[chosen[0]] > APART_FROM
    word = "above" if higher and rng.random() < 0.5 else "and"
    return f"{first} {word} the {_name(rng, chosen[1])}"


def _subjects(rng: np.random.Generator, groups: Sequence[list[SeenThing]]) -> str:
    phrases = [_phrase(rng, group) for group in groups]
    if len(groups) > 1 and len(groups[0]) == len(groups[1]) == 1:
        relation = _relation(rng, groups[0][0], groups[1][0])
        if relation and rng.random() < RELATION_PROBABILITY:
            definite = "the " + phrases[1].split(" ", 1)[1]
            phrases[:2] = [f"{phrases[0]} {relation} {definite}"]
    if len(phrases) > 1:
        phrases.insert(-1, "and")
    return " ".join(phrases)


def _relation(rng: np.random.Generator, first: SeenThing, second: SeenThing) -> str:
    """Returns where the first is, seen from the second; "" if the centres are too close."""
    right, down = first.x - second.x, first.y - second.y
    if max(abs(right), abs(down)) < APART_FROM:
        return ""
    if abs(down) > abs(right):
        return "below" if down > 0 else "above"
    if np.hypot(right, down) < NEXT_TO and rng.random() < 0.5:
        return "next to"
    return "right of" if right > 0 else "left of"


def _phrase(rng: np.random.Generator, group: Sequence[SeenThing]) -> str:
    """Names one thing with an article, or several of a class with their number."""
    name = _name(rng, group[0].category)
    words = world.plural(name) if len(group) > 1 else name
    hues = {thing.hue for thing in group}
    if hues != {""} and len(hues) == 1 and rng.random() < COLOR_PROBABILITY:
        words = f"{hues.pop()} {words}"
    if len(group) > 1:
        return f"{NUMBERS[len(group) - 2]} {words}"
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _name(rng: np.random.Generator, index: int) -> str:
    names = world.class_names(index)
    if len(names) > 1 and rng.random() < SYNONYM_PROBABILITY:
        return names[rng.integers(1, len(names))]
    return names[0]
