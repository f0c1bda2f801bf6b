"""Files of captions: both forms, how many count, and what can be wrong."""

import json

import pytest

from ovseg_jax.mining.captions import CaptionError, read_captions


def coco(folder, **changes):
    content = {
        "images": [{"id": 7, "file_name": "b.jpg"}, {"id": 9, "file_name": "a.jpg"}],
        "annotations": [
            {"image_id": 7, "caption": "one"},
            {"image_id": 9, "caption": "two"},
            {"image_id": 7, "caption": "three"},
        ],
    } | changes
    path = folder / "captions.json"
    path.write_text(json.dumps(content))
    return path


def test_coco_and_tables_say_the_same(tmp_path):
    table = tmp_path / "captions.tsv"
    table.write_text("b.jpg\tone\n\na.jpg\ttwo\nb.jpg\tthree\n", encoding="utf-8-sig")
    wanted = {"a.jpg": ("two",), "b.jpg": ("one", "three")}
    assert read_captions(coco(tmp_path)) == read_captions(table) == wanted
    assert list(read_captions(table)) == ["a.jpg", "b.jpg"]


@pytest.mark.parametrize(("count", "kept"), [(0, 2), (1, 1), (2, 2), (5, 2)])
def test_the_first_captions_count(tmp_path, count, kept):
    assert read_captions(coco(tmp_path), count)["b.jpg"] == ("one", "three")[:kept]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": None}, "has no list 'images'"),
        ({"annotations": {}}, "has no list 'annotations'"),
        ({"annotations": []}, "holds no caption"),
        ({"annotations": [{"image_id": 8, "caption": "x"}]}, "image_id 8 is not in 'images'"),
        ({"annotations": [{"image_id": 7}]}, r"annotations\[0\]: 'caption' should be of type str"),
        ({"images": [{"id": 7}]}, r"images\[0\]: 'file_name' should be"),
    ],
)
def test_wrong_coco_files_are_named(tmp_path, changes, message):
    with pytest.raises(CaptionError, match=message):
        read_captions(coco(tmp_path, **changes))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a.jpg no tab\n", "line 1: expected file_name<TAB>caption"),
        (b"a.jpg\tfine\n\tno name\n", "line 2"),
        (b"a.jpg\t \n", "line 1"),
        (b"", "holds no caption"),
        (b"a.jpg\t\xff", "not UTF-8"),
    ],
)
def test_wrong_tables_are_named(tmp_path, content, message):
    path = tmp_path / "captions.tsv"
    path.write_bytes(content)
    with pytest.raises(CaptionError, match=message):
        read_captions(path)


def test_missing_and_broken_files_are_named(tmp_path):
    with pytest.raises(CaptionError, match=r"none\.json: cannot be read"):
        read_captions(tmp_path / "none.json")
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(CaptionError, match="not readable as JSON"):
        read_captions(tmp_path / "x.json")
