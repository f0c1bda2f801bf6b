"""Panoptic PNGs and the files that list them: what is read, and what is refused."""

import json

import numpy as np
import pytest
from etils import epath

from data.manual_files import ManualFileError
from data.panoptic import decode_segments, read_panoptic_file
from data.segments import VOID
from ovseg_jax.vocabulary.classes import load_preset

CLASSES = load_preset("cityscapes19")
GOOD = {
    "annotations": [{"file_name": "x.png", "segments_info": [{"id": 1, "category_id": 5}]}],
    "categories": [{"id": 5, "name": "Traffic_Light"}, {"id": 6, "name": "nothing"}],
}


def write(tmp_path, content):
    path = epath.Path(tmp_path / "list.json")
    path.write_text(json.dumps(content))
    return path


def changed(**segment):
    entry = {"file_name": "x.png", "segments_info": [{"id": 1, "category_id": 5} | segment]}
    return GOOD | {"annotations": [entry]}


def test_ids_use_all_three_bytes_and_void_categories_become_void():
    ids = np.array([[1, 256, 65536], [0, 70000, 2**24 - 1]])
    colors = np.stack([ids % 256, ids // 256 % 256, ids // 65536], -1).astype(np.uint8)
    infos = [{"id": n, "category_id": k} for k, n in enumerate([65536, 1, 256, 70000, 2**24 - 1])]
    infos[1]["iscrowd"] = 1
    found = decode_segments(colors, infos, {0: 10, 1: 11, 2: VOID, 3: 13, 4: 10}, "x.png")
    np.testing.assert_array_equal(found.ids, [[2, 0, 1], [0, 3, 4]])
    assert found.categories == [10, 11, 13, 10] and found.crowds == [False, True, False, False]


@pytest.mark.parametrize(
    "numbers,message",
    [
        ([1, 1], "x.png: segment 1 is listed 2 times"),
        ([0, 1], "x.png: a segment of id 0 is listed"),
    ],
)
def test_lists_in_which_a_segment_would_be_lost_are_refused(numbers, message):
    infos = [{"id": number, "category_id": 0} for number in numbers]
    colors = np.zeros((2, 2, 3), np.uint8)
    colors[0, 0, 0] = 1
    with pytest.raises(ManualFileError, match=message):
        decode_segments(colors, infos, {0: 0}, "x.png")


def test_categories_are_found_by_name_by_other_spellings_or_are_void(tmp_path):
    path = write(tmp_path, GOOD)
    assert read_panoptic_file(path, CLASSES).class_index == {5: 6}
    path = write(tmp_path, changed(category_id=6))
    assert read_panoptic_file(path, CLASSES, {"nothing": "sky"}).class_index == {6: 10}
    assert read_panoptic_file(path, CLASSES, void=["nothing"]).class_index == {6: VOID}
    with pytest.raises(ManualFileError, match="nothing of its categories .* of 'cityscapes19'"):
        read_panoptic_file(path, CLASSES)


@pytest.mark.parametrize(
    "content,message",
    [
        ({}, "not a COCO panoptic file with a list 'annotations'"),
        ([], "not a COCO panoptic file"),
        (GOOD | {"annotations": [{"file_name": "x.png"}]}, "not a COCO panoptic .*segments_info"),
        (changed(id="1"), "x.png: id and category_id of a segment are .'1', 5., no integers"),
        (changed(category_id=None), "x.png: id and category_id of a segment are .1, None."),
        (changed(category_id=9), "annotations have category 9, which 'categories' does not list"),
        (GOOD | {"annotations": GOOD["annotations"] * 2}, "x.png is listed 2 times"),
        ({"annotations": GOOD["annotations"]}, "has no list 'categories'"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, content, message):
    with pytest.raises(ManualFileError, match=f"list.json: .*{message}"):
        read_panoptic_file(write(tmp_path, content), CLASSES)


def test_a_missing_file_and_a_missing_map_are_named(tmp_path):
    path = epath.Path(tmp_path / "list.json")
    with pytest.raises(ManualFileError, match=f"not found; expected the file {path}"):
        read_panoptic_file(path, CLASSES)
    listed = read_panoptic_file(write(tmp_path, GOOD), CLASSES)
    with pytest.raises(ManualFileError, match=f"not found; expected the file {tmp_path}/x.png"):
        listed.segments(listed.entries[0], path.parent)
