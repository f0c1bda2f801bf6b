"""Class lists in JSON, in YAML and in Python's lists and dicts: all forms that people have.

* a list whose items are texts ("cat, kitten"), lists of names, or objects with "names" or "name";
* such a list under "classes", "names" (Ultralytics' `data.yaml`) or "categories" (COCO);
* an object from ids to names ({"0": "person"}), also under "names" or "id2label";
* an object from names to ids ({"person": 0}), also under "label2id";
* an object from names to lists of further names ({"person": ["human"]}).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ovseg_jax.foundation.errors import first_few
from ovseg_jax.vocabulary.class_list import VocabularyError
from ovseg_jax.vocabulary.class_rows import (
    Reading,
    Row,
    clean_names,
    number_of,
    ordered_by_number,
    short_repr,
    without_placeholders,
)

KEYS = ("classes", "names", "categories", "id2label", "label2id")
"""Where the classes stand in a larger object; what stands beside them is not read."""
PUBLISHED = ("classes", "categories")
"""Forms of published lists, in which two classes may share a name."""


def read_document(content: Any, source: str) -> Reading:
    """Finds the classes in what a JSON or YAML file holds.

    Args:
        content: Lists, dicts, texts and numbers.
        source: Named in errors.

    Raises:
        VocabularyError: It is none of the forms above; the message names the class.
    """
    key = next((key for key in KEYS if isinstance(content, dict) and key in content), "")
    found = content[key] if key else content
    rows = _from_mapping(found, source) if isinstance(found, dict) else _from_list(found, source)
    _check_count(content, rows, source)
    remarks = (f"under {key!r}",) if key else ()
    reading = without_placeholders(Reading(rows, remarks, shares_names=key in PUBLISHED))
    if key == "classes":
        return reading
    return ordered_by_number(reading, source, are_indices=isinstance(found, dict))


def read_items(items: Iterable[Any], source: str) -> tuple[Row, ...]:
    """Reads the items of a list: each a text, a list of names, or an object with names."""
    return tuple(
        _item(item, f"class {number}", source) for number, item in enumerate(items, start=1)
    )


def read_synonyms(names: Mapping[str, Any], source: str) -> tuple[Row, ...]:
    """Reads an object from names to further names of the same class."""
    rows = []
    for number, (name, further) in enumerate(names.items(), start=1):
        place = f"class {number}"
        more = () if further is None else _names(further, f"{source}: {place}", empty_is_fine=True)
        rows.append(Row(_some(clean_names([name, *more]), f"{source}: {place}"), place))
    return tuple(rows)


def _from_list(found: Any, source: str) -> tuple[Row, ...]:
    if not isinstance(found, list) or not found:
        raise VocabularyError(
            f"{source}: expected a list of classes, or an object with one under "
            f"{', '.join(map(repr, KEYS[:3]))}"
        )
    return read_items(found, source)


def _from_mapping(found: dict[str, Any], source: str) -> tuple[Row, ...]:
    """Tells by keys and values what is the name and what the id."""
    if found and all(number_of(key) is not None for key in found):
        return tuple(
            Row(_names(value, f"{source}: id {key}"), f"id {key}", number=number_of(key))
            for key, value in found.items()
        )
    if found and all(number_of(value) is not None for value in found.values()):
        return tuple(
            Row(_names(key, f"{source}: id {value}"), f"id {value}", number=number_of(value))
            for key, value in found.items()
        )
    if found and all(isinstance(value, list) for value in found.values()):
        return read_synonyms(found, source)
    raise VocabularyError(
        f"{source}: found an object with {_listed(found)}; classes are looked for under "
        f"{', '.join(map(repr, KEYS))}, or as ids with names: {{'0': 'person'}}"
    )


def _item(item: Any, place: str, source: str) -> Row:
    where = f"{source}: {place}"
    if not isinstance(item, dict):
        return Row(_names(item, where), place)
    raw = item.get("names", item.get("name"))
    names, more = _names(raw, where), item.get("synonyms") or []
    names = clean_names([*names, *_names(more, where, empty_is_fine=True)])
    thing, number = item.get("thing", item.get("isthing", True)), item.get("id")
    if thing not in (True, False, "0", "1", "true", "false"):
        raise VocabularyError(f"{where}: 'thing' must be true or false, found {short_repr(thing)}")
    if number is not None and not isinstance(number, int) and number_of(number) is None:
        raise VocabularyError(f"{where}: 'id' must be an integer, found {short_repr(number)}")
    is_thing = thing not in (False, "0", "false")
    return Row(names, place, is_thing, None if number is None else int(number))


def _names(raw: Any, where: str, *, empty_is_fine: bool = False) -> tuple[str, ...]:
    """Reads one or several names of one class."""
    names = raw.split(",") if isinstance(raw, str) else raw
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise VocabularyError(
            f"{where}: expected a string or a list of names, found {short_repr(raw)}"
        )
    # A text may be several words as they are typed; in a list, each is one name to the letter.
    if parted := [name for name in names if ";" in name and isinstance(raw, str)]:
        raise VocabularyError(
            f"{where}: {parted[0]!r} holds ';', which parts classes in typed words only; make each "
            "class an item of its own"
        )
    return clean_names(names) if empty_is_fine else _some(clean_names(names), where)


def _some(names: tuple[str, ...], where: str) -> tuple[str, ...]:
    if not names:
        raise VocabularyError(f"{where}: has no name")
    return names


def _check_count(content: Any, rows: tuple[Row, ...], source: str) -> None:
    """Ultralytics' files say beside the names how many there are."""
    count = number_of(content.get("nc")) if isinstance(content, dict) else None
    if count is not None and count != len(rows):
        raise VocabularyError(f"{source}: 'nc' says {count} classes, but {len(rows)} are listed")


def _listed(found: dict[str, Any], limit: int = 5) -> str:
    return first_few(map(repr, found), limit) if found else "nothing in it"
