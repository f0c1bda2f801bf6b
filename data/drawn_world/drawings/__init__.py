"""How each thing of the drawn world looks: one function per name, grouped by what they are."""

from __future__ import annotations

from data.drawn_world.drawings import (
    animals,
    buildings,
    finery,
    household,
    kitchen,
    toys,
    vehicles,
    wayside,
)
from data.drawn_world.drawings.sketch import Drawing

DRAWINGS: dict[str, Drawing] = {
    drawing.__name__: drawing
    for family in (animals, buildings, finery, household, kitchen, toys, vehicles, wayside)
    for drawing in family.DRAWINGS
}
"""By the name of the class."""
