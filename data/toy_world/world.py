"""The classes of the toy world: names, synonyms, colours, homes, and which have masks in training.

40 things are drawn from parts (`drawings`), 8 stuff classes are textures (`textures`). Colour and
home are habits, not marks: every thing comes in other colours and other places too, and no two
classes differ by them alone.
"""

from __future__ import annotations

from dataclasses import dataclass

HUE_COLORS = {
    "red": (0.85, 0.16, 0.16),
    "green": (0.20, 0.62, 0.25),
    "blue": (0.16, 0.38, 0.85),
    "yellow": (0.97, 0.80, 0.16),
    "purple": (0.56, 0.24, 0.68),
    "orange": (0.96, 0.52, 0.12),
    "white": (0.94, 0.94, 0.93),
    "black": (0.15, 0.15, 0.17),
    "brown": (0.58, 0.37, 0.20),
    "grey": (0.62, 0.64, 0.67),
}
HUES = tuple(HUE_COLORS)

THING_NAMES = (
    *("ball", "coin", "clock", "plate", "wheel"),
    *("box", "book", "radio", "gift", "oven"),
    *("tent", "pizza", "sail", "cone", "harp"),
    *("kite", "gem", "sign", "rug", "leaf"),
    *("boat", "fish", "sledge", "bread", "car"),
    *("flower", "starfish", "badge", "crab", "spider"),
    *("plane", "bird", "robot", "fan", "windmill"),
    *("tower", "lamp", "bottle", "phone", "rocket"),
)
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


@dataclass(frozen=True)
class Habit:
    """Where a thing is at home, and its colours.

    Attributes:
        home: Home stuff, one of `STUFF_NAMES`.
        hue: Typical body colour, one of `HUES`.
        others: Further body colours that people would not wonder at.
    """

    home: str
    hue: str
    others: tuple[str, ...]


def _habit(text: str) -> Habit:
    home, hue, *others = text.split()
    return Habit(home, hue, tuple(others))


HABITS = {
    "ball": _habit("grass red blue green yellow purple orange"),
    "coin": _habit("sand yellow grey brown"),
    "clock": _habit("brick brown red blue green black white"),
    "plate": _habit("brick white blue green yellow"),
    "wheel": _habit("road black brown red"),
    "box": _habit("road brown grey white blue yellow"),
    "book": _habit("sand blue red green purple brown orange"),
    "radio": _habit("sand red black brown grey yellow blue"),
    "gift": _habit("snow purple red blue green yellow white"),
    "oven": _habit("brick white black grey red"),
    "tent": _habit("grass green orange blue red yellow brown"),
    "pizza": _habit("forest yellow orange red"),
    "sail": _habit("water white red blue yellow orange"),
    "cone": _habit("road orange red yellow green"),
    "harp": _habit("grass yellow brown orange"),
    "kite": _habit("sky purple red yellow green orange blue"),
    "gem": _habit("sand blue red green purple white"),
    "sign": _habit("road red blue yellow green white"),
    "rug": _habit("grass red blue green brown purple"),
    "leaf": _habit("forest green orange red yellow brown"),
    "boat": _habit("water brown white red blue green"),
    "fish": _habit("water orange blue yellow red green grey"),
    "sledge": _habit("snow brown red blue"),
    "bread": _habit("forest brown orange yellow"),
    "car": _habit("road blue red yellow green white black grey"),
    "flower": _habit("grass red yellow purple white blue orange"),
    "starfish": _habit("water orange red purple yellow blue"),
    "badge": _habit("brick blue red yellow purple green"),
    "crab": _habit("sand red orange brown blue"),
    "spider": _habit("forest black brown grey red"),
    "plane": _habit("sky white grey blue red yellow"),
    "bird": _habit("sky blue red yellow black white brown green"),
    "robot": _habit("snow grey red blue yellow green"),
    "fan": _habit("brick white blue black grey red"),
    "windmill": _habit("grass white brown red grey"),
    "tower": _habit("snow grey brown white red"),
    "lamp": _habit("forest yellow red green blue white"),
    "bottle": _habit("water green brown blue red"),
    "phone": _habit("brick black white red blue green"),
    "rocket": _habit("sky white red grey blue yellow"),
}
"""One `Habit` per thing: about five residents to each stuff."""


_ODD_PLURALS = {
    "box": "boxes",
    "dish": "dishes",
    "penny": "pennies",
    "leaf": "leaves",
    "loaf": "loaves",
    "fish": "fish",
    "starfish": "starfish",
}


def class_names(index: int) -> tuple[str, ...]:
    """Returns all names of class `index`; the first is the one in `CLASS_NAMES`."""
    name = CLASS_NAMES[index]
    return (name, *SYNONYMS.get(name, ()))


def plural(name: str) -> str:
    """Returns what several of a thing are called."""
    return _ODD_PLURALS.get(name, f"{name}s")
