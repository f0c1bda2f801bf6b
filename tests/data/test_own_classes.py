"""COCO files of one's own: ids mean what the file's `categories` say, whatever COCO's ids are."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("tensorflow_datasets")

from data import build
from data.categories import class_indices, classes_of, read_categories
from data.manual_files import ManualFileError
from ovseg_jax.config import DataConfig
from ovseg_jax.foundation.errors import OvsegWarning
from ovseg_jax.inputs.datasets import DataError, decode, open_split
from ovseg_jax.inputs.labels import class_list
from ovseg_jax.vocabulary.classes import load_preset
from tests.data.photo_folder import Folder, rectangle

OWN = {1: "cat", 2: "person", 3: "car", 4: "bottle", 5: "chair"}
PERMUTED = {40: "chair", 7: "cat", 300: "car", 9: "bottle", 1: "person"}


def coco_file(place, categories, objects, file_name="a.png"):
    """A folder with one photo, `objects` from left to right in it, and no manifest."""
    place.mkdir(parents=True)
    number = {name: key for key, name in categories.items()}
    annotations = [
        {"id": n, "image_id": 3} | rectangle((None, number[name]), 0, 10 * n, 20, 10 * n + 5)
        for n, name in enumerate(objects)
    ]
    content = {
        "images": [{"id": 3, "file_name": file_name, "height": 20, "width": 60}],
        "annotations": annotations,
        "categories": [{"id": key, "name": name} for key, name in categories.items()],
    }
    (place / "instances.json").write_text(json.dumps(content))
    Image.fromarray(np.zeros((20, 60, 3), np.uint8)).save(place / "a.png")
    return place


def names_of_segments(place, config="instances", vocabulary=""):
    """The names that the segments of the photo have, from left to right."""
    data = DataConfig(
        name="photo_set",
        config=config,
        root=str(place),
        prepared=str(place.parent / "prepared"),
        vocabulary=vocabulary,
    )
    example, names = decode(open_split(data)[0]), class_list(data).names
    left = [int(np.argwhere(example["segment_ids"] == n + 1)[0, 1]) for n in range(3)]
    assert left == [0, 10, 20]
    return [names[label] for label in example["categories"]]


@pytest.mark.parametrize("categories", [OWN, PERMUTED])
@pytest.mark.parametrize("vocabulary", ["", "coco_things80", "coco_panoptic133", "file"])
def test_every_order_of_ids_and_every_vocabulary_keeps_the_names(tmp_path, categories, vocabulary):
    place = coco_file(tmp_path / "own", categories, ["person", "bottle", "cat"])
    if vocabulary == "file":
        vocabulary = str(tmp_path / "words.txt")
        (tmp_path / "words.txt").write_text("Bottle\nchair\nCAR\nhuman, person\ncat, kitten\n")
    found = names_of_segments(place, vocabulary=vocabulary)
    expected = ["human", "Bottle", "cat"] if "/" in vocabulary else ["person", "bottle", "cat"]
    assert found == expected


def test_a_set_with_classes_of_coco_takes_them_by_name(tmp_path):
    place = coco_file(tmp_path / "own", OWN, ["person", "bottle", "cat"])
    entry = {"set": "coco128_instances", "image": "a.png", "gt": "instances.json"}
    (place / "manifest.json").write_text(json.dumps([entry | {"height": 20, "width": 60}]))
    assert names_of_segments(place, "coco128_instances", "coco_things80") == [
        "person",
        "bottle",
        "cat",
    ]


def test_a_class_that_coco_has_not_is_refused_with_both_lists(tmp_path):
    place = coco_file(tmp_path / "own", {1: "cat", 2: "gearwheel"}, ["cat", "gearwheel"])
    entry = {"set": "coco128_instances", "image": "a.png", "gt": "instances.json"}
    (place / "manifest.json").write_text(json.dumps([entry | {"height": 20, "width": 60}]))
    with pytest.raises(DataError, match=r"gearwheel of its categories \(cat, gearwheel\).*person"):
        names_of_segments(place, "coco128_instances", "coco_things80")


@pytest.mark.parametrize("words", ["cat; person", "cat; person; car; bottle; stool"])
def test_a_vocabulary_without_one_of_the_classes_is_refused_with_both_lists(tmp_path, words):
    place = coco_file(tmp_path / "own", OWN, ["person", "cat", "car"])
    (tmp_path / "words.txt").write_text(words.replace("; ", "\n"))
    with pytest.raises(DataError, match="data.vocabulary: .*lacks.*chair.*cat, person, car.*has"):
        names_of_segments(place, vocabulary=str(tmp_path / "words.txt"))


def test_a_file_without_categories_is_read_by_ids_only_where_it_says_so(tmp_path):
    folder = Folder(tmp_path / "own")
    folder.instances("a.png", [rectangle((0, 44), 0, 0, 9, 9)])
    folder.write()
    path = folder.place / "gt" / "instances.json"
    content = json.loads(path.read_text())
    del content["categories"]
    path.write_text(json.dumps(content))
    with pytest.warns(OvsegWarning, match="no 'categories'; its ids are read as those of 'coco_th"):
        (label,) = decode(open_split(folder.config())[0])["categories"]
    assert load_preset("coco_things80").names[label] == "bottle"
    with pytest.raises(ManualFileError, match="has no list 'categories'"):
        read_categories(content, "x.json")


@pytest.mark.parametrize(
    ("file_name", "lies_at"),
    [("a.png", "images/a.png"), ("sub\\a.png", "images/sub/a.png"), ("x/a.png", "x/a.png")],
)
def test_photos_are_found_where_exports_put_them(tmp_path, file_name, lies_at):
    place = coco_file(tmp_path / "own", OWN, ["person", "bottle", "cat"], file_name)
    (place / lies_at).parent.mkdir(parents=True)
    (place / "a.png").rename(place / lies_at)
    (place / "annotations").mkdir()
    (place / "instances.json").rename(place / "annotations" / "instances_default.json")
    assert names_of_segments(place) == ["person", "bottle", "cat"]


def test_several_files_of_annotations_need_a_manifest(tmp_path):
    place = coco_file(tmp_path / "own", OWN, ["person", "bottle", "cat"])
    (place / "more.json").write_text("{}")
    with pytest.raises(DataError, match="found instances.json, more.json; .*manifest.json"):
        names_of_segments(place)


@pytest.mark.parametrize(
    ("categories", "message"),
    [
        (None, "no list 'categories'"),
        ([], "no list 'categories'"),
        ([{"id": "1", "name": "cat"}], "should have id and name"),
        ([{"id": 1}], "should have id and name"),
        ([{"id": 1, "name": "cat"}, {"id": 1, "name": "dog"}], "1 is 'cat' and 'dog'"),
    ],
)
def test_categories_that_say_nothing_are_refused(categories, message):
    with pytest.raises(ManualFileError, match=message):
        read_categories({"categories": categories}, "x.json")


def test_names_that_are_written_alike_are_one_class():
    classes = classes_of(["traffic light", "Traffic_Light", "cat"], "own")
    assert classes.names == ("traffic light", "cat")
    names = {1: "traffic light", 5: "Traffic_Light", 2: "cat"}
    assert class_indices(names, names, classes, "x") == {1: 0, 5: 0, 2: 1}


COCO_STUFF = {
    "door-stuff": "door",
    "floor-wood": "wood floor",
    "light": "lamp",
    "net": "tennis net",
    "wall-brick": "brick wall",
    "wall-other-merged": "wall",
    "water-other": "water",
    "window-blind": "window blind",
    "sky-other-merged": "sky",
    "tree-merged": "tree",
    "orange": "orange fruit",
    "remote": "tv remote",
}


def test_names_as_cocos_panoptic_files_write_them_are_known():
    classes = load_preset("coco_panoptic133")
    names = dict(enumerate(COCO_STUFF))
    found = class_indices(names, names, classes, "x")
    assert [classes.names[found[n]] for n in names] == list(COCO_STUFF.values())


def test_build_tells_classes_and_counts_and_writes_a_class_list(tmp_path, capsys):
    place = coco_file(tmp_path / "own", PERMUTED, ["person", "bottle", "person"])
    build.main(["photo_set", "--manual-dir", str(place), "--data-dir", str(tmp_path / "records")])
    out = capsys.readouterr().out
    assert "5 classes: person, cat, bottle, chair, car" in out
    assert "2 person" in out and "1 bottle" in out and "0 chair" in out
    path = out.split("class list: ")[1].strip()
    data = DataConfig(name="photo_set", root=str(place), vocabulary="")
    assert class_list(DataConfig(vocabulary=path)).names == class_list(data).names


def test_a_label_behind_the_last_class_of_a_map_is_refused(tmp_path):
    folder = Folder(tmp_path / "own")
    folder.labels("v.png", "voc", np.asarray([[0, 37]], np.uint8))
    with pytest.raises(DataError, match="label 37 is none of the 21 classes of 'voc'"):
        open_split(folder.write().config("voc"))


def test_label_maps_may_have_classes_of_their_own(tmp_path):
    folder = Folder(tmp_path / "own")
    folder.labels("v.png", "labels", np.asarray([[0, 255], [2, 2]], np.uint8))
    data = folder.write().config("labels")
    with pytest.raises(DataError, match="the names of the labels not found; .*classes.txt"):
        open_split(data)
    (folder.place / "classes.txt").write_text("bolt\nnut, hex nut\nwasher\n")
    assert decode(open_split(data)[0])["categories"].tolist() == [0, 2]
    (tmp_path / "words.txt").write_text("washer\nnut\nbolt\n")
    data = dataclasses.replace(data, vocabulary=str(tmp_path / "words.txt"))
    assert decode(open_split(data)[0])["categories"].tolist() == [2, 0]
