"""The classes of the drawn world, which are those of the toy world; their colours and their homes.

40 things that a person names at sight, each drawn by its own function in `drawings`, and 8 stuff
classes, which are textures. Many things share their outline or their colour with others (ball,
coin, clock, plate, wheel and pizza are round), so that neither alone says what something is.
"""

from __future__ import annotations

from dataclasses import dataclass

from data.toy_world import world as toy_world

THING_NAMES, STUFF_NAMES = toy_world.THING_NAMES, toy_world.STUFF_NAMES
CLASS_NAMES, IS_THING, SYNONYMS = toy_world.CLASS_NAMES, toy_world.IS_THING, toy_world.SYNONYMS
SEEN, UNSEEN = toy_world.SEEN, toy_world.UNSEEN
class_names = toy_world.class_names

HUES = (
    *("red", "green", "blue", "yellow", "purple", "orange", "white", "black"),
    *("brown", "grey", "pink"),
)

HUE_COLORS = (
    *((0.84, 0.15, 0.14), (0.20, 0.60, 0.25), (0.16, 0.33, 0.84), (0.95, 0.80, 0.18)),
    *((0.56, 0.22, 0.66), (0.95, 0.52, 0.12), (0.94, 0.94, 0.94), (0.16, 0.16, 0.19)),
    *((0.58, 0.37, 0.20), (0.60, 0.62, 0.66), (0.95, 0.58, 0.70)),
)

LOOKS = {
    **dict.fromkeys(
        ("ball", "kite"), (("red", "blue", "yellow", "green"), ("grass", "sand", "sky"))
    ),
    "coin": (("yellow", "grey", "orange"), ("road", "sand", "brick")),
    "clock": (("red", "blue", "black", "green"), ("brick",)),
    "plate": (("blue", "red", "green"), ("grass", "sand")),
    "wheel": (("grey", "white", "red"), ("road",)),
    "box": (("brown", "orange"), ("road", "brick")),
    "book": (("blue", "red", "green", "purple"), ("grass", "brick")),
    "radio": (("red", "brown", "blue", "white"), ("brick", "sand")),
    "gift": (("red", "green", "purple", "blue"), ("snow", "brick")),
    "oven": (("white", "grey", "black"), ("brick",)),
    "tent": (("orange", "green", "blue"), ("grass", "forest", "snow")),
    "pizza": (("yellow",), ("brick", "grass")),
    "sail": (("white", "red", "blue", "yellow"), ("water",)),
    "cone": (("orange",), ("road",)),
    "harp": (("brown", "yellow", "orange"), ("brick", "grass")),
    "gem": (("blue", "red", "green", "purple"), ("sand", "snow", "brick")),
    "sign": (("red", "blue", "yellow", "green"), ("road", "forest")),
    "rug": (("red", "blue", "purple", "green"), ("brick", "sand")),
    "leaf": (("green", "orange", "yellow", "red"), ("forest", "grass")),
    "boat": (("red", "blue", "green", "black"), ("water",)),
    "fish": (("orange", "blue", "purple", "yellow"), ("water",)),
    "sledge": (("brown", "red"), ("snow",)),
    "bread": (("brown",), ("brick", "grass")),
    "car": (("red", "blue", "yellow", "green"), ("road",)),
    "flower": (("red", "purple", "pink", "white"), ("grass", "forest")),
    "starfish": (("orange", "pink", "red"), ("sand", "water")),
    "badge": (("blue", "red", "yellow"), ("brick", "snow")),
    "crab": (("red", "orange"), ("sand", "water")),
    "spider": (("black", "brown"), ("forest", "brick")),
    "plane": (("white", "grey", "red", "blue"), ("sky",)),
    "bird": (("blue", "red", "yellow", "brown"), ("sky", "forest")),
    "robot": (("grey", "blue", "yellow"), ("snow", "road")),
    "fan": (("blue", "green", "pink", "purple"), ("brick", "sand")),
    "windmill": (("white", "brown", "grey"), ("grass", "sky")),
    "tower": (("grey", "brown"), ("sky", "forest", "snow")),
    "lamp": (("yellow", "pink", "green", "orange"), ("brick", "snow")),
    "bottle": (("green", "blue", "brown"), ("water", "sand")),
    "phone": (("black", "white", "grey"), ("brick", "road")),
    "rocket": (("white", "grey", "red"), ("sky",)),
}
"""The hues of each thing's body, the first ones most often, and the stuff where it is at home."""


@dataclass(frozen=True)
class Appearance:
    """What colour a thing has, and where it lives.

    Attributes:
        hues: Typical body hues, indices into `HUES`.
        homes: Stuff where it is at home, indices into `STUFF_NAMES`.
    """

    hues: tuple[int, ...]
    homes: tuple[int, ...]


APPEARANCES = tuple(
    Appearance(
        hues=tuple(HUES.index(hue) for hue in LOOKS[name][0]),
        homes=tuple(STUFF_NAMES.index(stuff) for stuff in LOOKS[name][1]),
    )
    for name in THING_NAMES
)
"""One per thing, in the order of `THING_NAMES`."""
