"""Class files: which form one has, and the class list in it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from ovseg_jax.foundation.errors import warn
from ovseg_jax.vocabulary.class_list import ClassList, VocabularyError
from ovseg_jax.vocabulary.class_rows import Reading, Row, make_list, same_to_readers
from ovseg_jax.vocabulary.documents import read_document
from ovseg_jax.vocabulary.name_lines import read_lines
from ovseg_jax.vocabulary.tables import is_table, read_table
from ovseg_jax.vocabulary.text_files import content_lines, read_text

KINDS = {".json": "JSON", ".yaml": "YAML", ".yml": "YAML", ".csv": "CSV", ".tsv": "TSV"}
"""Endings that say what a file holds; others leave it to the content."""
DELIMITERS = {"CSV": "", "TSV": "\t"}
"""What parts the cells of tables; empty for the sign that the first line has."""
LARGEST_YAML = 2**21
"""Characters; PyYAML reads some hundred thousand in a second."""
_YAML_KEY = re.compile(r"^(?:names|classes|categories|id2label)\s*:\s*(?:$|[\[{#])", re.MULTILINE)
_PLAIN_TAG = re.compile(r"tag:yaml\.org,2002:\w+")


def load_class_file(path: str | Path) -> ClassList:
    """Reads a class list from a file.

    Its ending says what it is, or else its content:

    * text, one class per line with comma-separated names (no name in two classes); blank lines,
      `#` comments, bullets and counting numbers are left out;
    * text with lines `id:name1,name2`, the form in which FC-CLIP publishes its lists, where
      `invalid_class_id` is skipped and classes may share names;
    * CSV and TSV, with headings ("id,name") or without;
    * JSON and YAML in the forms of `ovseg_jax.vocabulary.documents`: lists, ids to names, COCO's
      `categories`, Ultralytics' `data.yaml`.

    Classes with ids come in the order of their ids, but for the form of the presets.

    Raises:
        VocabularyError: If the file is missing, is no text, cannot be understood or is empty.
    """
    return read_class_file(path)[0]


def read_class_file(path: str | Path) -> tuple[ClassList, tuple[str, ...]]:
    """Reads a class list, and says how the file was understood; empty where that is obvious."""
    path = Path(path)
    reading = read_rows(read_text(path), path)
    if reading.shares_names:
        _warn_of_twins(reading.rows, str(path))
    return make_list(reading, path.stem, str(path)), reading.remarks


def read_rows(text: str, path: Path) -> Reading:
    """Reads the classes in a text, each with the place where it stands.

    Args:
        text: What the file holds.
        path: Its ending may say what it is; named in errors.

    Raises:
        VocabularyError: See `load_class_file`.
    """
    source, kind = str(path), KINDS.get(path.suffix.lower()) or _kind(text)
    if kind == "JSON":
        return read_document(_document(text, source, kind, _load_json), source)
    if kind == "YAML":
        return read_document(_document(text, source, kind, _load_yaml), source)
    if kind == "XML":
        raise VocabularyError(f"{source}: looks like XML or HTML; give names, one class per line")
    lines, comments = content_lines(text)
    if kind in DELIMITERS or is_table(lines):
        reading = read_table(lines, source, DELIMITERS.get(kind, ""))
    else:
        reading = read_lines(lines, source)
    left_out = (f"comments left out: {comments}",) if comments else ()
    return replace(reading, remarks=(*reading.remarks, *left_out))


def _kind(text: str) -> str:
    """What a text is whose file does not say it by its ending."""
    begin = text.lstrip()[:1]
    if begin in ("{", "["):
        return "JSON"
    if begin == "<":
        return "XML"
    return "YAML" if _YAML_KEY.search(text) else "lines"


def _warn_of_twins(rows: Sequence[Row], source: str) -> None:
    """Published lists may share names, but two classes of the same names are a mistake."""
    known: dict[frozenset[str], Row] = {}
    for row in rows:
        first = known.setdefault(frozenset(map(same_to_readers, row.names)), row)
        if first is not row:
            warn(
                f"{source}: {first.place} and {row.place} have the same names "
                f"({', '.join(row.names)}): they get equal scores"
            )
            return


def _document(text: str, source: str, kind: str, load: Callable[[str], Any]) -> Any:
    """Parses JSON or YAML; nothing in it is executed."""
    if kind == "YAML" and len(text) > LARGEST_YAML:
        raise VocabularyError(f"{source}: is too long for YAML; give the names alone, one per line")
    try:
        return load(text)
    except RecursionError:
        raise VocabularyError(f"{source}: the {kind} is nested too deeply") from None
    except (ValueError, yaml.YAMLError) as error:
        found = " ".join(str(error).split())
        raise VocabularyError(f"{source}: not valid {kind}: {found}") from None


def _load_json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_unique)


def _load_yaml(text: str) -> Any:
    return yaml.load(text, Loader=_TextLoader)


class _TextLoader(yaml.BaseLoader):
    """Makes lists, dicts and texts and nothing else: "no" and "1" stay names."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        if not _PLAIN_TAG.fullmatch(node.tag):
            raise VocabularyError(f"it asks for an object ({node.tag}); class lists hold texts")
        return super().construct_object(node, deep)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [(self.construct_object(key, deep=True), None) for key, _ in node.value]
        if all(isinstance(key, str) for key, _ in keys):
            _unique(keys)
        return super().construct_mapping(node, deep)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuses a key that stands twice: the first of them would be lost without a word."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise VocabularyError(f"{key!r} stands twice")
        found[key] = value
    return found
