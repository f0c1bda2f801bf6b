"""The `categories` of COCO files: which class an annotation's id means, by the category's name.

Ids are the file's own: 1 is a person in COCO's files, and a cat in many others.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from data.manual_files import ManualFileError
from ovseg_jax.foundation.errors import first_few
from ovseg_jax.vocabulary.classes import ClassEntry, ClassList
from ovseg_jax.vocabulary.matching import SHOWN, finder, folded
from ovseg_jax.vocabulary.palette import palette_color

ENDINGS = ("stuff", "merged", "other")
"""Words behind the names of COCO's stuff, such as "wall-other-merged", that our lists leave out."""
HEAD = "-roboflow"
"""How Roboflow ends the name of a category that stands for all others and has no object."""
SPELLINGS = {
    "orange": "orange fruit",
    "remote": "tv remote",
    "light": "lamp",
    "net": "tennis net",
}
"""Names of COCO's panoptic files for which published class lists have words of their own."""


def read_categories(content: Mapping[str, Any], source: str) -> dict[int, str]:
    """Returns the name of each category id of a COCO file, by rising id.

    Args:
        content: The file, parsed.
        source: Its name, for messages.

    Raises:
        ManualFileError: `categories` is missing or no list of ids and names, or an id stands twice
            under different names.
    """
    entries = content.get("categories")
    if not isinstance(entries, list) or not entries:
        raise ManualFileError(f"{source}: has no list 'categories', which says what ids mean")
    names: dict[int, str] = {}
    for entry in entries:
        fields = entry if isinstance(entry, dict) else {}
        number, name = fields.get("id"), fields.get("name")
        if type(number) is not int or not isinstance(name, str) or not name.strip():
            raise ManualFileError(f"{source}: a category should have id and name, found {entry!r}")
        if names.setdefault(number, name) != name:
            raise ManualFileError(
                f"{source}: category {number} is {names[number]!r} and {name!r}; an id has one name"
            )
    return dict(sorted(names.items()))


def without_heads(content: Mapping[str, Any], names: Mapping[int, str]) -> dict[int, str]:
    """Leaves out categories that no annotation has and that only head others, as Roboflow's do.

    Args:
        content: A COCO file, parsed.
        names: Its categories, see `read_categories`.
    """
    used = {item.get("category_id") for item in content["annotations"]}
    above = {x["id"]: x.get("supercategory") for x in content["categories"]}
    heads = {
        number: name
        for number, name in names.items()
        if number not in used
        and (
            any(above[other] == name for other in above if other != number)
            or (above[number] == "none" and name.endswith(HEAD))
        )
    }
    return {number: name for number, name in names.items() if number not in heads}


def classes_of(names: Collection[str], source: str) -> ClassList:
    """Returns the class list of names in their order; names that are written alike are one class.

    Args:
        names: Such as those of `read_categories`.
        source: What the list is called.
    """
    alike: dict[str, str] = {}
    for name in names:
        alike.setdefault(folded(name), " ".join(name.split()))
    return ClassList(
        source,
        tuple(
            ClassEntry((name,), True, palette_color(number))
            for number, name in enumerate(alike.values())
        ),
    )


def class_indices(
    names: Mapping[int, str],
    used: Collection[int],
    classes: ClassList,
    source: str,
    spellings: Mapping[str, str] = SPELLINGS,
) -> dict[int, int]:
    """Returns the class index of each category id that annotations use.

    Args:
        names: See `read_categories`.
        used: The category ids of the annotations.
        classes: The classes to find the names in, COCO's own spellings included.
        source: Name of the file, for messages.
        spellings: Names of the file, folded, for which `classes` has words of its own.

    Raises:
        ManualFileError: An id has no category, or its name is no class; the message has both lists.
    """
    if unlisted := sorted(set(used) - set(names)):
        raise ManualFileError(
            f"{source}: annotations have category {unlisted[0]}, which 'categories' does not list"
        )
    find = finder(classes)
    found = {number: _index(names[number], find, spellings) for number in sorted(set(used))}
    if lost := [names[number] for number, index in found.items() if index is None]:
        raise ManualFileError(
            f"{source}: {first_few(lost, SHOWN)} of its categories "
            f"({first_few(names.values(), SHOWN)}) are not among the {len(classes)} classes of "
            f"{classes.name!r} ({first_few(classes.names, SHOWN)})"
        )
    return {number: index for number, index in found.items() if index is not None}


def _index(name: str, find: Any, own: Mapping[str, str]) -> int | None:
    """Finds a class by name, and by the ways in which COCO's files write names of stuff."""
    words = folded(name).split()
    while len(words) > 1 and words[-1] in ENDINGS:
        words.pop()
    spellings = (name, own.get(folded(name)), " ".join(words), " ".join(reversed(words)))
    found = (find(spelling) for spelling in spellings if spelling)
    return next((index for index in found if index is not None), None)
