"""Class lists: parsing, presets with published counts, and the seen rule."""

from __future__ import annotations

import importlib.resources
import itertools
import json
import unicodedata

import numpy as np
import pytest

from ovseg_jax.vocabulary import classes as lib
from ovseg_jax.vocabulary.classes import (
    VocabularyError,
    available_presets,
    class_file_hash,
    load_class_file,
    load_preset,
    parse_vocabulary,
    seen_mask,
)
from ovseg_jax.vocabulary.matching import label_table
from ovseg_jax.vocabulary.palette import palette_color

PUBLISHED_COUNTS = {
    "coco_panoptic133": (133, 254, 80),
    "coco_stuff171": (171, 328, 80),
    "coco_things80": (80, 80, 80),
    "ade150": (150, 403, 100),
    "ade847": (847, 1342, 0),
    "pascal_context59": (59, 160, 0),
    "pascal_context459": (459, 559, 0),
    "pascal_voc21": (21, 153, 20),
    "pascal_voc20": (20, 79, 20),
    "cityscapes19": (19, 60, 8),
    "mapillary65": (65, 153, 37),
    "lvis1203": (1203, 1825, 1203),
    "toy_world48": (48, 70, 40),
    "toy_world_seen32": (32, 46, 26),
}
SEEN_COUNTS = {
    "ade150": (64, 67),
    "ade847": (101, 115),
    "pascal_context459": (85, 94),
    "pascal_context59": (51, 51),
    "pascal_voc20": (20, 20),
    "mapillary65": (26, 26),
    "cityscapes19": (17, 17),
}


def _raw_preset(name: str) -> dict:
    folder = importlib.resources.files("ovseg_jax.vocabulary") / "presets"
    return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))


def test_semicolons_part_classes_and_commas_part_names():
    parsed = parse_vocabulary("cat, kitten;  sofa ,couch;;remote \t control; ,")
    assert [entry.synonyms for entry in parsed.classes] == [
        ("cat", "kitten"),
        ("sofa", "couch"),
        ("remote control",),
    ]
    assert parsed.names == ("cat", "sofa", "remote control")
    assert len(parsed) == 3 and parsed.thing_mask.all()


def test_a_vocabulary_of_one_class_is_fine():
    assert parse_vocabulary("cat").names == ("cat",)
    assert not parse_vocabulary("grass", is_thing=False).thing_mask.any()


@pytest.mark.parametrize("text", ["", "  ", ";,; ,", "\n"])
def test_an_empty_vocabulary_is_an_error(text):
    with pytest.raises(VocabularyError, match="words: the vocabulary is empty"):
        parse_vocabulary(text)


def test_a_name_in_two_classes_is_an_error_that_names_both():
    with pytest.raises(VocabularyError) as caught:
        parse_vocabulary("cat, kitten; dog; tiger, cat")
    message = str(caught.value)
    for part in ("'cat'", "class 1 ('cat, kitten')", "class 3 ('tiger, cat')", "keep it in one"):
        assert part in message


def test_a_name_repeated_inside_a_class_counts_once():
    assert parse_vocabulary("cat, cat , kitten").classes[0].synonyms == ("cat", "kitten")


def test_non_ascii_names_are_normalised():
    decomposed = unicodedata.normalize("NFD", "Gemüse")
    parsed = parse_vocabulary(f"{decomposed}; 猫, 子猫; кошка; 🐈")
    assert parsed.names == ("Gemüse", "猫", "кошка", "🐈")
    with pytest.raises(VocabularyError, match="Gemüse"):
        parse_vocabulary(f"Gemüse; {decomposed}")


def test_five_thousand_classes_and_very_long_names_are_fine():
    text = ";".join(f"thing number {i}, item {i}" for i in range(4999)) + ";" + "word " * 400
    parsed = parse_vocabulary(text)
    names, owner = parsed.synonym_rows
    assert len(parsed) == 5000 and len(names) == 2 * 4999 + 1
    assert owner[-1] == 4999 and (np.diff(owner) >= 0).all()
    assert len(parsed.names[-1].split()) == 400


def test_synonym_rows_keep_class_order():
    names, owner = parse_vocabulary("a, b; c; d, e, f").synonym_rows
    assert names == ("a", "b", "c", "d", "e", "f")
    assert owner.tolist() == [0, 0, 1, 2, 2, 2]


def test_presets_are_exactly_the_tested_ones():
    assert set(available_presets()) == set(PUBLISHED_COUNTS)


@pytest.mark.parametrize("name", PUBLISHED_COUNTS)
def test_preset_has_the_published_counts(name):
    raw, loaded = _raw_preset(name), load_preset(name)
    count, synonyms, things = PUBLISHED_COUNTS[name]
    assert len(raw["classes"]) == len(loaded) == count
    assert sum(len(entry["names"]) for entry in raw["classes"]) == synonyms
    assert sum(entry["thing"] for entry in raw["classes"]) == loaded.thing_mask.sum() == things
    assert raw["name"] == loaded.name == name
    assert raw["source"] and raw["id_meaning"]
    assert raw["licence"] in ("Apache-2.0", "BSD-2-Clause")
    ids = [entry.original_id for entry in loaded.classes]
    assert len(set(ids)) == count and None not in ids


@pytest.mark.parametrize("name", PUBLISHED_COUNTS)
def test_loading_a_preset_merges_repeated_names_and_nothing_else(name):
    for raw, entry in zip(_raw_preset(name)["classes"], load_preset(name).classes, strict=True):
        assert entry.synonyms == tuple(dict.fromkeys(raw["names"]))


@pytest.mark.parametrize("name", SEEN_COUNTS)
def test_seen_classes_match_the_published_counts(name):
    test = load_preset(name)
    counts = tuple(
        int(seen_mask(test, load_preset(train)).sum())
        for train in ("coco_panoptic133", "coco_stuff171")
    )
    assert counts == SEEN_COUNTS[name]


def test_seen_is_an_exact_match_of_any_synonym():
    train = parse_vocabulary("cat, kitten; sofa")
    test = parse_vocabulary("Cat; tiger, kitten; couch, sofa; cats")
    assert seen_mask(test, train).tolist() == [False, True, True, False]


def test_pascal_20_is_pascal_21_without_background():
    with_background, without = load_preset("pascal_voc21"), load_preset("pascal_voc20")
    assert with_background.names[0] == "background"
    assert [e.synonyms for e in with_background.classes[1:]] == [
        e.synonyms for e in without.classes
    ]


def test_an_unknown_preset_is_answered_with_the_known_ones():
    with pytest.raises(VocabularyError, match="'ade15'.*ade150.*coco_stuff171"):
        load_preset("ade15")


def test_the_hash_depends_on_names_order_and_kind_only(tmp_path):
    path = tmp_path / "same.json"
    path.write_text(json.dumps(["cat,kitten", "sofa"]))
    base = class_file_hash(parse_vocabulary("cat, kitten; sofa"))
    assert base == class_file_hash(load_class_file(path)) and len(base) == 16
    others = [
        parse_vocabulary("sofa; cat, kitten"),
        parse_vocabulary("kitten, cat; sofa"),
        parse_vocabulary("cat; kitten, sofa"),
        parse_vocabulary("cat, kitten; sofa", is_thing=False),
    ]
    assert len({base, *map(class_file_hash, others)}) == 5


def test_palette_is_fixed_and_neighbours_differ():
    colors = np.asarray([palette_color(index) for index in range(300)])
    assert palette_color(7) == tuple(colors[7])
    assert len(np.unique(colors, axis=0)) == 300
    assert (np.abs(np.diff(colors, axis=0)).max(axis=1) > 60).all()
    assert colors.max(axis=1).min() > 140
    assert load_preset("ade150").colors.dtype == np.uint8
    distances = [np.abs(a - b).max() for a, b in itertools.combinations(colors[:20], 2)]
    assert min(distances) > 20


def test_a_subset_keeps_entries_and_colours():
    full = load_preset("toy_world48")
    part = full.subset([4, 40], "part")
    assert part.name == "part"
    assert part.classes == (full.classes[4], full.classes[40])
    assert lib.ClassList("part", part.classes) == part


def test_presets_joined_by_a_plus_are_one_list():
    both = load_preset("coco_panoptic133+lvis1203")
    one, other = load_preset("coco_panoptic133"), load_preset("lvis1203")
    assert both.names[: len(one)] == one.names and set(both.names) == {*one.names, *other.names}
    shared = set(one.names) & set(other.names)
    assert len(both) == len(one) + len(other) - len(shared) and "banana" in shared
    merged = both.classes[both.names.index("cat")]
    for each in (one, other):
        assert set(each.classes[each.names.index("cat")].synonyms) <= set(merged.synonyms)
        table = label_table(each, both)
        assert [both.names[place] for place in table] == list(each.names)
    with pytest.raises(VocabularyError, match="there is no 'coco_panoptic134'"):
        load_preset("coco_panoptic133+coco_panoptic134")
