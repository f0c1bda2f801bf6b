"""Names of labels: a number before a name is the label, and no label moves in silence."""

import pytest

pytest.importorskip("tensorflow_datasets")

from data.label_maps.coding_fields import coding_of
from data.label_maps.names import given_labels, read_classes
from data.label_names import difference, labels_of, read_label_names
from data.manual_files import ManualFileError
from ovseg_jax.vocabulary.classes import load_class_file


def names(tmp_path, text, ending="txt"):
    file = tmp_path / f"classes.{ending}"
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("sky\nroad\ntree\n", (0, 1, 2)),
        ("# my own list\nsky\nroad # grey\ntree", (0, 1, 2)),
        ("1: sky\n2: road\n3: tree\n", (1, 2, 3)),
        ("3: tree\n1: sky\n2: road\n", (1, 2, 3)),
        ("1. sky\n2. road\n3. tree\n", (1, 2, 3)),
        ("0 sky\n1 road\n2 tree\n", (0, 1, 2)),
        ("9: sky\n11: road\n255: tree\n", (9, 11, 255)),
        ("0: _background_\n5: sky\n6: road\n7: tree\n", (5, 6, 7)),
        ("id,name\n7,sky\n8,road\n11,tree\n", (7, 8, 11)),
        ('{"names": {"4": "sky", "5": "road", "2": ["tree", "oak"]}}', (2, 4, 5)),
        ("names: [sky, road, tree]\nnc: 3\n", (0, 1, 2)),
    ],
)
def test_numbers_are_labels_and_else_lines_count(tmp_path, text, labels):
    file = names(tmp_path, text)
    found = read_label_names(file)
    assert labels_of(found) == labels
    assert set(found.names) == {"sky", "road", "tree"} == set(load_class_file(file).names)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sky\n\nroad", "line 2 is blank or a comment.*Then write the label before each name"),
        ("sky\n# bike\nroad", "line 2 is blank or a comment"),
        ("\nsky\nroad", "line 1 is blank.*has label 0 no name"),
        ("sky; sea\nroad", "line 1 holds several classes"),
        ("_background_\nsky\nroad", "'_background_' .line 1. is no class"),
        ("9 sky\n11 road", "each name begins with a number .9 sky, 11 road."),
        ("2. sky\n3. road", "each name begins with a number"),
        ("1: sky\n1: road", "id 1 stands in line 1 and in line 2"),
        ("1: sky\nroad", "has no id, unlike other lines"),
        ('["sky", {"name": "road", "id": 4}]', "some names have numbers and others not"),
        ("-1: sky\n0: road", "-1 is no label"),
    ],
)
def test_what_could_move_labels_is_a_question(tmp_path, text, message):
    with pytest.raises(ManualFileError, match=message):
        read_label_names(names(tmp_path, text))


def test_one_number_alone_is_a_name(tmp_path):
    assert read_label_names(names(tmp_path, "4 wheeler\nbike\n")).names == ("4 wheeler", "bike")


def test_a_description_takes_the_numbers(tmp_path):
    file = names(tmp_path, "1: sky\n2: road\n")
    classes, labels = read_classes({"names": file.name}, [tmp_path], "here")
    coding = coding_of({}, classes, "here", labels)
    assert coding.table()[:4].tolist() == [-1, 0, 1, -2]
    classes, labels = read_classes({"names": {0: "sky", 3: ["road", "street"]}}, [], "here")
    table = coding_of({}, classes, "here", labels).table()
    assert table[:5].tolist() == [0, -2, -2, 1, -2] and table[255] == -1
    with pytest.raises(ManualFileError, match="'first' is 0, and the names are numbered from 3"):
        coding_of({"first": 0}, classes, "here", (3, 4))
    with pytest.raises(ManualFileError, match="names of labels, such as '0: road', found 'sky'"):
        read_classes({"names": {"sky": 0}}, [], "here")


def test_the_label_of_void_may_be_a_class(tmp_path):
    classes = read_label_names(names(tmp_path, "0: background\n255: object\n"))
    table = coding_of({}, classes, "here", given_labels(classes)).table()
    assert table[[0, 1, 255]].tolist() == [0, -2, 1]


def test_lists_are_compared_label_by_label(tmp_path):
    one = read_label_names(names(tmp_path, "sky\nTraffic_Light, lamp\n"))
    other = read_label_names(names(tmp_path, "1: traffic light\n0: sky\n"))
    assert not difference(one, other)
    other = read_label_names(names(tmp_path, "1: sky\n0: lamp\n"))
    assert difference(one, other) == "label 0 is 'sky' in the one and 'lamp' in the other"
    shorter = read_label_names(names(tmp_path, "sky"))
    assert difference(shorter, one).startswith("label 1 is no name in the one")
