"""Nouns of captions that name nothing a mask could show.

Lists, not rules: `ovseg mine --stop-nouns FILE` replaces `STOP_NOUNS` by the user's own.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PHOTOGRAPHS = _words(
    """
    photo photograph picture pic image shot view scene snapshot selfie closeup close-up
    background foreground video footage collage composition black white
    """
)
"""What the caption calls the picture itself."""

PLACES = _words(
    """
    front back top bottom side middle center centre edge corner end left right rear inside
    outside interior exterior part area place spot location position direction distance
    surface half background foreground way air side-by-side midair mid-air
    """
)
"""Where in the picture, or in a thing, something is."""

TIMES = _words(
    """
    day night time morning afternoon evening noon midnight dusk dawn daytime nighttime today
    moment hour minute second week month year season summer winter autumn spring weekend
    while
    """
)
"""When."""

ABSTRACT = _words(
    """
    color colour style size shape kind type sort variety number amount lot bit piece pair
    bunch group set row line series case fact thing something anything everything nothing
    item object stuff action activity motion process attempt preparation use purpose order
    form condition state fun attention help thought idea name word love life weather shade
    height length width depth speed look expression display sale other one ones
    """
)
"""Qualities and fillers."""

EVENTS = _words(
    """
    game match race trick jump ride walk swing pose turn practice competition contest
    tournament event party celebration meeting conversation trip tour picnic nap bath break
    performance show play session lesson parade ceremony wedding birthday
    """
)
"""What people do and what happens; compounds with them stay ("video game", "birthday cake")."""

STOP_NOUNS = PHOTOGRAPHS | PLACES | TIMES | ABSTRACT | EVENTS
"""All of them, singular and in lower case."""

STOP_HEADS = PHOTOGRAPHS | PLACES | frozenset(("time", "day", "night", "match"))
"""Compounds that end in one of these are stopped too: "street view", "left side"."""

MEASURES = _words(
    """
    group bunch pair couple lot piece slice set row number variety bit herd flock kind type
    sort assortment collection series line part dozen plenty array amount ton load handful
    lots dozens hundreds close-up view photo picture image
    """
)
"""Nouns that only count what follows "of": "a slice of pizza" is a pizza."""

COLORS = _words(
    """
    red orange yellow green blue purple pink brown black white gray grey tan beige
    """
)
"""Adjectives, also where a tagger takes them for nouns: "an orange cat" is a cat."""

PLURAL_ONLY = _words(
    """
    scissors pajamas pyjamas pants jeans shorts trousers tights leggings goggles sunglasses
    eyeglasses binoculars clothes woods tongs pliers tweezers headphones earphones overalls
    """
)
"""Words that have no singular."""
