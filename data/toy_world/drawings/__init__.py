"""How each thing looks: one function per class, from random choices and a body colour to parts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from data.toy_world.drawings import (
    aircraft,
    animals,
    boxes,
    devices,
    food,
    household,
    kitchen,
    plants,
    street,
    toys,
    treasures,
    vehicles,
)
from data.toy_world.drawings.parts import Color, Part

DrawFunction = Callable[[np.random.Generator, Color], list[Part]]

_FUNCTIONS: tuple[DrawFunction, ...] = (
    *(aircraft.plane, aircraft.rocket),
    *(animals.bird, animals.crab, animals.fish, animals.spider, animals.starfish),
    *(boxes.box, boxes.gift),
    *(devices.fan, devices.phone, devices.radio),
    *(food.bread, food.pizza),
    *(household.book, household.clock, household.lamp, household.rug),
    *(kitchen.bottle, kitchen.oven, kitchen.plate),
    *(plants.flower, plants.leaf),
    *(street.cone, street.sign, street.tent, street.tower, street.windmill),
    *(toys.ball, toys.kite, toys.robot),
    *(treasures.badge, treasures.coin, treasures.gem, treasures.harp),
    *(vehicles.boat, vehicles.car, vehicles.sail, vehicles.sledge, vehicles.wheel),
)

DRAWINGS: dict[str, DrawFunction] = {function.__name__: function for function in _FUNCTIONS}
"""By the names in `world.THING_NAMES`. Each function returns parts about within -1 to 1, those
farther back first."""
