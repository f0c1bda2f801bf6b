"""The classes of the toy world: names, synonyms, looks, and which of them have masks in training.

40 things stand in 8 rows of 5. The row is the typical body hue; silhouette, emblem hue, emblem
glyph and home stuff follow from row and column by small modular formulas, so that neighbours in
one attribute differ in the others. Four pairs look the same and differ only in their home stuff:
they can be told apart by their surroundings alone. 8 stuff classes are textures.
"""

from __future__ import annotations

from dataclasses import dataclass

HUES = ("red", "green", "blue", "yellow", "purple", "orange", "white", "black")

HUE_COLORS = (
    (0.84, 0.13, 0.14),
    (0.14, 0.62, 0.22),
    (0.14, 0.30, 0.84),
    (0.96, 0.84, 0.13),
    (0.56, 0.18, 0.66),
    (0.96, 0.50, 0.08),
    (0.95, 0.95, 0.95),
    (0.10, 0.10, 0.12),
)

SILHOUETTES = ("disc", "square", "triangle", "diamond", "ellipse", "star", "plus", "arch")
GLYPHS = ("dot", "ring", "cross", "bar")

THING_ROWS = (
    ("ball", "coin", "clock", "plate", "wheel"),
    ("box", "book", "radio", "gift", "oven"),
    ("tent", "pizza", "sail", "cone", "harp"),
    ("kite", "gem", "sign", "rug", "leaf"),
    ("boat", "fish", "sledge", "bread", "car"),
    ("flower", "starfish", "badge", "crab", "spider"),
    ("plane", "bird", "robot", "fan", "windmill"),
    ("tower", "lamp", "bottle", "phone", "rocket"),
)
THING_NAMES = tuple(name for row in THING_ROWS for name in row)
STUFF_NAMES = ("grass", "water", "sand", "sky", "snow", "brick", "road", "forest")

CLASS_NAMES = THING_NAMES + STUFF_NAMES
"""All 48 names, things first; a class index is a position in this tuple."""

IS_THING = (True,) * len(THING_NAMES) + (False,) * len(STUFF_NAMES)

SYNONYMS = {
    "ball": ("sphere",),
    "coin": ("penny",),
    "plate": ("dish",),
    "box": ("crate",),
    "gift": ("present",),
    "oven": ("stove",),
    "tent": ("teepee",),
    "gem": ("jewel",),
    "rug": ("carpet",),
    "boat": ("ship",),
    "sledge": ("sled",),
    "bread": ("loaf",),
    "car": ("automobile",),
    "flower": ("blossom",),
    "plane": ("airplane",),
    "robot": ("android",),
    "lamp": ("lantern",),
    "phone": ("telephone",),
    "grass": ("lawn",),
    "water": ("sea",),
    "road": ("street",),
    "forest": ("woods",),
}
"""Further names of a class (captions use them too); a class that is absent has one name only."""

UNSEEN_NAMES = (
    *("coin", "plate", "box", "gift", "tent", "sail", "sign", "leaf"),
    *("fish", "car", "starfish", "crab", "plane", "fan", "sand", "road"),
)
UNSEEN = tuple(CLASS_NAMES.index(name) for name in UNSEEN_NAMES)
"""Indices of the classes that occur in pictures and captions but never have training masks."""

SEEN = tuple(index for index in range(len(CLASS_NAMES)) if index not in UNSEEN)
"""Indices of the classes whose masks are annotated in the training split."""

TWINS = (("ball", "plate"), ("pizza", "harp"), ("boat", "sledge"), ("tower", "phone"))
"""Pairs with the same look; the second lives on the stuff four further than the first."""


@dataclass(frozen=True)
class Appearance:
    """How a thing looks and where it lives.

    Attributes:
        silhouette: Index into `SILHOUETTES`.
        hue: Typical body hue, index into `HUES`.
        emblem_hue: Hue of the emblem, index into `HUES`; never the typical body hue.
        glyph: Shape of the emblem, index into `GLYPHS`.
        home: Home stuff, index into `STUFF_NAMES`.
    """

    silhouette: int
    hue: int
    emblem_hue: int
    glyph: int
    home: int


def _formula(index: int) -> Appearance:
    row, column = divmod(index, 5)
    return Appearance(
        silhouette=(row + 3 * column) % 8,
        hue=row,
        emblem_hue=(row + 1 + (column + row) % 7) % 8,
        glyph=(column + 2 * row) % 4,
        home=(5 * index + row) % 8,
    )


def _appearances() -> tuple[Appearance, ...]:
    looks = [_formula(index) for index in range(len(THING_NAMES))]
    for first, second in TWINS:
        look = looks[THING_NAMES.index(first)]
        looks[THING_NAMES.index(second)] = Appearance(
            look.silhouette, look.hue, look.emblem_hue, look.glyph, (look.home + 4) % 8
        )
    return tuple(looks)


APPEARANCES = _appearances()
"""One `Appearance` per thing, in the order of `THING_NAMES`."""

TWIN_INDICES = frozenset(THING_NAMES.index(name) for pair in TWINS for name in pair)
"""Things that may only be drawn at home, because nothing else tells them apart."""


def class_names(index: int) -> tuple[str, ...]:
    """Returns all names of class `index`; the first is the one in `CLASS_NAMES`."""
    name = CLASS_NAMES[index]
    return (name, *SYNONYMS.get(name, ()))
