"""Which class of one list is which of another: by name, and never by guessing."""

import pytest

from ovseg_jax.vocabulary.classes import VocabularyError, load_preset, parse_vocabulary
from ovseg_jax.vocabulary.matching import finder, folded, label_table


def words(text):
    return parse_vocabulary(text, name=text[:9])


@pytest.mark.parametrize(
    ("own", "wanted", "table"),
    [
        ("cat; dog", "cat; dog", [0, 1]),
        ("cat; dog", "dog; bird; cat", [2, 0]),
        ("Cat; traffic_light", "traffic light; cat", [1, 0]),
        ("kitten, cat; dog", "dog, puppy; animal; cat", [2, 0]),
        ("cup; mug; tea", "tea; cup, mug", [1, 1, 0]),  # two classes of the data become one
    ],
)
def test_names_decide_and_order_does_not(own, wanted, table):
    assert label_table(words(own), words(wanted)).tolist() == table


@pytest.mark.parametrize("name", ["coco_panoptic133", "pascal_context459", "ade847", "lvis1203"])
def test_a_published_list_is_itself_where_classes_share_names(name):
    classes = load_preset(name)
    assert label_table(classes, classes).tolist() == list(range(len(classes)))


def test_lists_whose_classes_share_names_by_position_are_the_same():
    one, other = words("wall; floor, ground"), words("Wall, brick; ground, earth")
    assert label_table(one, other).tolist() == [0, 1]


def test_what_is_lacking_is_refused_with_both_lists():
    with pytest.raises(
        VocabularyError, match="lacks.* dog of .* has cat, dog; .* cat, hound, bird"
    ):
        label_table(words("cat; dog"), words("cat; hound; bird"))


def test_a_name_of_two_classes_stands_for_neither():
    coco = load_preset("coco_stuff171")
    twice = parse_vocabulary("traffic light; traffic-light", name="twice")
    assert finder(twice)("Traffic Light") is None
    assert finder(twice)("traffic-light") == 1
    assert finder(coco)("wall") == coco.names.index("wall-other")


def test_the_way_of_writing_does_not_count():
    assert folded(" Traffic__Light-\u00e9") == folded("traffic light e\u0301")
