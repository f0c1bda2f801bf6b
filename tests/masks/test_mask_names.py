"""A match is unique or refused: which name of a file means a photo."""

import json
import unicodedata
from pathlib import Path

import pytest

from ovseg_jax.foundation.errors import MasksError, OvsegWarning
from ovseg_jax.masks.found import Subject
from ovseg_jax.masks.names import match_name
from tests.masks.drawn import ENTRIES, MASKS, instances, packed, read, store

FILE = Path("masks.json")


def match(listed, photo, rivals=()):
    subject = Subject(Path(photo), (6, 9), tuple(map(Path, rivals)), 1 + len(rivals))
    return match_name(FILE, listed, subject).name


@pytest.mark.parametrize(
    ("listed", "photo", "chosen"),
    [
        (["b.jpg", "a.jpg"], "p/a.jpg", "a.jpg"),
        (["images/a.jpg"], "p/a.jpg", "images/a.jpg"),
        (["x/a.jpg", "y/a.jpg"], "/data/y/a.jpg", "y/a.jpg"),
        (["a.jpg", "y/a.jpg"], "p/a.jpg", "a.jpg"),
        (["a.jpg", "y/a.jpg"], "y/a.jpg", "y/a.jpg"),
        (["images\\cb0618f6-a.jpg", "images\\a.jpg"], "p/a.jpg", "images\\a.jpg"),
        (["..\\..\\media\\upload\\4\\a.jpg"], "a.jpg", "..\\..\\media\\upload\\4\\a.jpg"),
        (["my%20photo.jpg"], "my photo.jpg", "my%20photo.jpg"),
        (["50%25.jpg", "50%.jpg"], "50%.jpg", "50%.jpg"),
        (["/data/local-files/?d=in%5Ca.jpg"], "a.jpg", "/data/local-files/?d=in%5Ca.jpg"),
        (["http://host/a.jpg?size=2"], "a.jpg", "http://host/a.jpg?size=2"),
        (["A.JPG", "a.JPG"], "a.jpg", "a.JPG"),
        ([unicodedata.normalize("NFD", "é.jpg")], unicodedata.normalize("NFC", "é.jpg"), "é.jpg"),
        (["a.jpg", "a.png"], "a.png", "a.png"),
    ],
)
def test_the_name_that_agrees_best_is_taken_without_a_word(listed, photo, chosen, recwarn):
    assert unicodedata.normalize("NFC", match(listed, photo)) == chosen
    assert not recwarn.list


@pytest.mark.parametrize(
    ("listed", "photo", "says"),
    [
        (["a"], "a.jpg", "without its ending"),
        (["scene.2024.05"], "scene.2024.05.jpg", "without its ending"),
        (["cb0618f6-a.jpg"], "a.jpg", "Label Studio's digits"),
    ],
)
def test_weak_matches_are_said(listed, photo, says):
    with pytest.warns(OvsegWarning, match=says):
        assert match(listed, photo) == listed[0]


@pytest.mark.parametrize(
    ("listed", "photo", "message"),
    [
        (["b.jpg"], "a.jpg", r"no image 'a.jpg' among its 1 \(such as 'b.jpg'\)"),
        (["a.jpg"], "a.png", "'a.jpg' is a file of another format"),
        (["x/a.jpg", "y/a.jpg"], "p/a.jpg", r"could be any of \['x/a.jpg', 'y/a.jpg'\]"),
        (["x\\a.jpg", "y\\a.jpg"], "p/a.jpg", "could be any of"),
        (["cb0618f6-a.jpg", "00000000-a.jpg"], "a.jpg", "could be any of"),
        (["a.jpg"], "", "given without one"),
        ([], "a.jpg", r"among its 0 \(such as none\)"),
        (["", "/", ".", "\\", "%2F"], "a.jpg", "no image"),
    ],
)
def test_what_is_not_there_or_not_unique_is_refused(listed, photo, message):
    with pytest.raises(MasksError, match=message):
        match(listed, photo)


def test_a_name_serves_one_photo_of_a_run():
    assert match(["x/a.jpg", "y/a.jpg"], "p/x/a.jpg", ["p/y/a.jpg"]) == "x/a.jpg"
    with pytest.raises(MasksError, match="could mean p/x/a.jpg or p/y/a.jpg"):
        match(["a.jpg"], "p/x/a.jpg", ["p/y/a.jpg"])
    with pytest.raises(MasksError, match="could mean"):
        match(["x/a.jpg"], "p/y/a.jpg", ["p/x/a.jpg"])
    with pytest.raises(MasksError, match="could mean a.jpg or a.png"):
        match(["a"], "a.jpg", ["a.png"])
    with pytest.raises(MasksError, match="could mean a.jpg or cb0618f6-a.jpg"):
        match(["cb0618f6-a.jpg"], "a.jpg", ["cb0618f6-a.jpg"])


@pytest.mark.parametrize("name", ["in\\photo.jpg", "..\\..\\x\\photo.jpg", "photo.JPG"])
def test_coco_files_of_other_systems_are_read(tmp_path, name):
    found = read(store(tmp_path / "m.json", instances(name, "other.jpg")))
    assert (found.masks == MASKS[:1]).all() and found.names == ("car",)
    assert found.sources == (f"m.json annotations[0] of {name!r} (the same name, written alike)",)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-8"])
def test_byte_order_marks_do_not_matter(tmp_path, encoding):
    text = json.dumps(instances("photo.jpg", height=None, width=None))
    (tmp_path / "m.json").write_text(text, encoding=encoding)
    assert len(read(tmp_path / "m.json").masks) == 1


def results(**owners):
    key, values = next(iter(owners.items()))
    return [{"segmentation": packed(MASKS[n]), key: value} for n, value in enumerate(values)]


def test_numbers_in_file_names_are_no_image_id(tmp_path):
    path = store(tmp_path / "r.json", results(image_id=[1, 2]))
    for photo in ("IMG_0002.jpg", "2.jpg", "photo.jpg", "x_000000000002.jpg", "0000000000002.jpg"):
        with pytest.raises(MasksError, match=f"cannot tell which image_id is {photo}.*1, 2"):
            read(path, photo)
    with pytest.raises(MasksError, match="cannot tell which image_id is a.jpg"):
        read(store(tmp_path / "one.json", results(image_id=[1])), "a.jpg")


def test_cocos_twelve_digits_are_an_image_id(tmp_path):
    path = store(tmp_path / "r.json", results(image_id=[139, 140, 139]))
    assert (read(path, "000000000139.jpg").masks == MASKS[[0, 2]]).all()
    assert (read(path, "COCO_val2014_000000000140.jpg").masks == MASKS[[1]]).all()
    with pytest.raises(MasksError, match="no image_id is 7"):
        read(path, "000000000007.jpg")
    path = store(tmp_path / "s.json", results(image_id=[139, 10**13]))
    with pytest.raises(MasksError, match="cannot tell"):
        read(path, "000000000139.jpg")


def test_names_in_results_are_matched_as_names(tmp_path):
    path = store(tmp_path / "names.json", results(file_name=["a.jpg", "b.jpg", "a.jpg"]))
    assert (read(path, "a.jpg").masks == MASKS[[0, 2]]).all()
    path = store(tmp_path / "ids.json", results(image_id=["a", "b"]))
    with pytest.warns(OvsegWarning, match="without its ending"):
        assert (read(path, "b.jpg").masks == MASKS[[1]]).all()
    path = store(tmp_path / "some.json", [*results(image=["a.jpg"]), ENTRIES[1]])
    with pytest.raises(MasksError, match=r"\[1\]: names no image, while others do"):
        read(path, "a.jpg")


SEVERAL = [{"image_id": owner, **ENTRIES[0]} for owner in ("b", "c")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"annotations": SEVERAL}, "belong to several images, 'b', 'c', and nothing says which"),
        ({"images": None, "annotations": SEVERAL[:1]}, "'images' is NoneType, where COCO has a"),
        ({"images": {"7": {}}, "annotations": []}, "'images' is dict, where COCO has a list"),
        ({"annotations": [ENTRIES[0] | {"file_name": "b.jpg"}]}, "says 'b.jpg', and the photo is"),
    ],
)
def test_masks_of_other_photos_are_refused(tmp_path, content, message):
    with pytest.raises(MasksError, match=message):
        read(store(tmp_path / "m.json", content))


def test_one_image_id_may_be_the_photos(tmp_path):
    content = {"annotations": [ENTRIES[0] | {"image_id": 3}, ENTRIES[0] | {"image_id": 3}]}
    assert len(read(store(tmp_path / "m.json", content)).masks) == 2
