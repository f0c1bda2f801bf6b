"""COCO's layouts: instances, panoptic, proposals; photos without annotations."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ovseg_jax.foundation.errors import MasksError, OvsegWarning
from tests.masks.drawn import (
    ENTRIES,
    HEIGHT,
    MASKS,
    POLYGON,
    WIDTH,
    instances,
    packed,
    read,
    store,
    unpacked,
)

EMPTY = (0, HEIGHT, WIDTH)


def coco_instances():
    annotation = {"image_id": 139, "category_id": 3, "segmentation": [POLYGON], "iscrowd": 0}
    crowd = {"image_id": 139, "category_id": 1, "segmentation": unpacked(MASKS[1]), "iscrowd": 1}
    other = {"image_id": 7, "category_id": 3, "segmentation": [POLYGON]}
    return {
        "images": [
            {"id": 139, "file_name": "photo.jpg", "height": HEIGHT, "width": WIDTH},
            {"id": 7, "file_name": "other.jpg", "height": 50, "width": 60},
            {"id": 8, "file_name": "empty.jpg", "height": HEIGHT, "width": WIDTH},
        ],
        "annotations": [annotation, other, crowd],
        "categories": [{"id": 1, "name": "person"}, {"id": 3, "name": "car"}],
    }


def test_proposals_of_many_images_are_found_by_name(tmp_path):
    content = {
        "images/photo.jpg": {"height": HEIGHT, "width": WIDTH, "proposals": ENTRIES},
        "images/other.jpg": {"proposals": ENTRIES[:1]},
    }
    found = read(store(tmp_path / "p.json", content))
    np.testing.assert_array_equal(found.masks, MASKS)
    np.testing.assert_allclose(found.scores, [0.5, 0.6, 0.7])
    assert found.labels is None and found.names is None
    with pytest.raises(MasksError, match="no image 'other.png'.*file of another format"):
        read(tmp_path / "p.json", "elsewhere/other.png")


@pytest.mark.parametrize("key", ["proposals", "segments", "annotations"])
def test_one_images_list_may_stand_alone(tmp_path, key):
    np.testing.assert_array_equal(read(store(tmp_path / "a.json", {key: ENTRIES})).masks, MASKS)


def test_one_images_list_that_names_another_photo_is_refused(tmp_path):
    """Our own answers and SA-1B say in "image" whose masks they are."""
    content = {"image": {"file": "a.jpg", "height": HEIGHT, "width": WIDTH}, "segments": ENTRIES}
    path = store(tmp_path / "a.json", content)
    assert len(read(path, "a.jpg").masks) == 3
    with pytest.raises(MasksError, match=r"'image' says 'a.jpg', and the photo is 'photo.jpg'"):
        read(path)


def test_a_bare_list_belongs_to_the_image(tmp_path):
    bare = store(tmp_path / "bare.json", [packed(mask) for mask in MASKS])
    np.testing.assert_array_equal(read(bare).masks, MASKS)
    named = [entry | {"name": "cat", "category_id": i} for i, entry in enumerate(ENTRIES)]
    found = read(store(tmp_path / "named.json", named))
    assert found.names == ("cat",) * 3 and found.labels.tolist() == [0, 1, 2]
    assert found.sources == ("named.json [0]", "named.json [1]", "named.json [2]")


def test_instances_draw_polygons_and_carry_names(tmp_path):
    found = read(store(tmp_path / "instances.json", coco_instances()))
    np.testing.assert_array_equal(found.masks, MASKS[:2])
    assert found.names == ("car", "person") and found.labels.tolist() == [3, 1]
    assert found.scores is None


def test_lvis_names_images_by_their_address(tmp_path):
    content = coco_instances()
    content["images"][0] = {"id": 139, "coco_url": "http://host/val2017/photo.jpg"}
    assert len(read(store(tmp_path / "lvis.json", content)).masks) == 2


@pytest.mark.parametrize(
    "content",
    [
        instances("other.jpg") | {"images": [{"id": 5, "file_name": "photo.jpg"}]},
        {"images": [{"id": 5, "file_name": "photo.jpg"}], "annotations": []},
        {"photo.jpg": {"proposals": []}},
        {"photo.jpg": []},
        {"annotations": []},
        [],
    ],
)
def test_a_photo_without_annotations_has_no_masks(tmp_path, content):
    found = read(store(tmp_path / "m.json", content))
    assert found.masks.shape == EMPTY and found.sources == ()


# ---- panoptic -----------------------------------------------------------------------------

IDS = np.where(MASKS[0], 3937500, np.where(MASKS[2], 70, 0))


def panoptic(tmp_path, ids, listed, folder=True, name="photo.png"):
    colours = np.stack([ids % 256, ids // 256 % 256, ids // 65536], -1).astype(np.uint8)
    place = tmp_path / "pan" if folder else tmp_path
    place.mkdir(exist_ok=True)
    Image.fromarray(colours).save(place / "photo.png")
    content = coco_instances()
    segments = [{"id": i, "category_id": 3} for i in listed]
    content["annotations"] = [{"image_id": 139, "file_name": name, "segments_info": segments}]
    return store(tmp_path / "pan.json", content)


@pytest.mark.parametrize("folder", [True, False])
def test_panoptic_pictures_are_read_by_their_json(tmp_path, folder):
    found = read(panoptic(tmp_path, IDS, [70, 3937500], folder))
    np.testing.assert_array_equal(found.masks, [MASKS[2] & ~MASKS[0], MASKS[0]])
    assert found.names == ("car", "car")


def test_panoptic_pictures_without_segments_hold_no_masks(tmp_path):
    assert read(panoptic(tmp_path, IDS * 0, [])).masks.shape == EMPTY


def test_panoptic_pictures_outside_the_folder_are_not_opened(tmp_path):
    inside = tmp_path / "in"
    inside.mkdir()
    path = panoptic(inside, IDS, [70, 3937500], name="../../secret.png")
    Image.fromarray(np.zeros((HEIGHT, WIDTH, 3), np.uint8)).save(tmp_path / "secret.png")
    with pytest.raises(MasksError, match="its picture is neither at"):
        read(path)


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        ([70], r"ids \[3937500\] have no entry in segments_info"),
        ([70, 3937500, 5], r"lists ids \[5\] without pixels"),
        ([70, 3937500, 70], r"ids \[70\] stand there more than once and overlap"),
        ([70, 3937500, 0], "id 0 is void"),
        ([], "have no entry"),
        ([None], "segments_info: an entry lacks"),
    ],
)
def test_faults_in_panoptic_files_are_named(tmp_path, listed, message):
    with pytest.raises(MasksError, match=message):
        read(panoptic(tmp_path, IDS, listed))


def test_a_missing_panoptic_picture_is_named(tmp_path):
    path = panoptic(tmp_path, IDS, [70, 3937500])
    (tmp_path / "pan" / "photo.png").unlink()
    with pytest.raises(MasksError, match="its picture is neither at"):
        read(path)


# ---- faults -------------------------------------------------------------------------------


def test_a_changed_file_is_read_again(tmp_path):
    path = store(tmp_path / "a.json", ENTRIES)
    assert len(read(path).masks) == 3
    store(path, ENTRIES[:1])
    assert len(read(path).masks) == 1


def with_segmentation(segmentation):
    return json.dumps([{"segmentation": segmentation}])


TWICE = instances("photo.jpg", "photo.jpg")
SHARED = instances("photo.jpg", "other.jpg")
SHARED["images"][1]["id"] = 1
FAULTS = {
    "no JSON": ("{", "not readable as JSON"),
    "deep": ("[" * 10**5, "not readable as JSON"),
    "a number of many digits": ("[" + "9" * 5000 + "]", "not readable as JSON"),
    "a number": ("3", "holds int"),
    "another key": (json.dumps({"photo.jpg": {"masks": []}}), "none of the lists proposals"),
    "no mask list": (json.dumps({"photo.jpg": 3}), "is int, not a list of masks"),
    "another image": (json.dumps({"a.jpg": ENTRIES}), r"no image 'photo.jpg'.*'a.jpg'"),
    "two images": (json.dumps({"a/photo.jpg": [], "b/photo.jpg": []}), "could be any of"),
    "an image twice": (json.dumps(TWICE), r"lists 'photo.jpg' 2 times, with the ids \[1, 2\]"),
    "an id twice": (json.dumps(SHARED), r"\['photo.jpg', 'other.jpg'\] share the id 1"),
    "another height": (
        json.dumps({"photo.jpg": {"height": 9, "width": 6, "proposals": ENTRIES}}),
        "'height' x 'width' is 9 x 6 .*turned on its side, the image 6 x 9",
    ),
    "RLE of another size": (
        json.dumps({"proposals": [*ENTRIES, {"segmentation": packed(MASKS[0][:5])}]}),
        r"proposals\[3\]: is 5 x 9 .* the image 6 x 9",
    ),
    "no segmentation": (json.dumps([{"score": 1}]), r"\[0\]: has no 'segmentation'"),
    "a box": (json.dumps([{"bbox": [1, 2, 3, 4]}]), "no 'segmentation'; a box is no mask"),
    "a string": (json.dumps(["mask"]), r"\[0\]: is str"),
    "a word for a score": (json.dumps([ENTRIES[0] | {"score": "high"}]), "'score' is 'high'"),
    "a huge score": (json.dumps([ENTRIES[0] | {"score": 10**400}]), "'score' is 1000"),
    "a short polygon": (with_segmentation([[1, 2, 3, 4]]), "three x, y pairs"),
    "no polygon": (with_segmentation([]), "is empty; an annotation with a box alone has no mask"),
    "objects for coordinates": (with_segmentation([[{}, 1, 2, 3, 4, 5]]), "is not a number"),
    "NaN in a polygon": ('[{"segmentation": [[1, 2, 3, 4, 5, NaN]]}]', "not a finite number"),
    "a huge coordinate": (with_segmentation([[1, 2, 3, 4, 5, 10**400]]), "not a finite number"),
    "a far coordinate": (
        with_segmentation([[1, 2, 10**9, 4, 5, 6]]),
        "reaches from x = 1 to 1e\\+09, and the photo has 9 pixels there",
    ),
    "an endless outline": (with_segmentation([[0, 0, 9, 6] * 2 * 10**5]), "outline is longer than"),
    "COCO without names": (
        json.dumps({"images": [{"id": 1}], "annotations": []}),
        "lack 'file_name'",
    ),
    "odd categories": (json.dumps(instances("photo.jpg") | {"categories": [{"id": []}]}), "lack"),
    "images that are none": (
        json.dumps({"images": [3], "annotations": []}),
        "not lists of objects",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_name_the_file_and_the_field(tmp_path, fault):
    content, message = FAULTS[fault]
    path = tmp_path / "masks.json"
    path.write_text(content)
    with pytest.raises(MasksError, match=message) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))


def test_a_huge_category_is_no_label(tmp_path):
    assert read(store(tmp_path / "a.json", [ENTRIES[0] | {"category_id": 10**30}])).labels is None


# ---- real proposals -----------------------------------------------------------------------

REALSET = Path(os.environ.get("OVSEG_REALSET") or Path(__file__).parents[3] / "shared" / "realset")
needs_realset = pytest.mark.skipif(not REALSET.is_dir(), reason="no folder of real photos")


@needs_realset
def test_real_proposals_have_the_areas_that_their_file_states():
    stored = json.loads((REALSET / "proposals.json").read_text())
    for name, image in stored.items():
        found = read(REALSET / "proposals.json", Path(name).name, image["height"], image["width"])
        areas = [proposal["area"] for proposal in image["proposals"]]
        assert found.masks.sum((1, 2)).tolist() == areas
        assert len(found.scores) == len(areas)


@needs_realset
def test_real_polygons_are_read_with_their_names():
    path = REALSET / "gt" / "coco128_instances.json"
    content = json.loads(path.read_text())
    image = content["images"][0]
    found = read(path, image["file_name"], image["height"], image["width"])
    own = [a for a in content["annotations"] if a["image_id"] == image["id"]]
    assert found.labels.tolist() == [a["category_id"] for a in own]
    assert found.masks.any((1, 2)).all() and None not in found.names


@pytest.mark.parametrize("image_id", ["139", 999])
def test_annotations_of_no_image_are_said_where_the_photo_has_none(tmp_path, image_id):
    content = coco_instances()
    for annotation in content["annotations"]:
        annotation["image_id"] = image_id
    path = store(tmp_path / "instances.json", content)
    with pytest.warns(OvsegWarning, match=f"3 of 3 annotations .* 'image_id' {image_id!r}"):
        assert read(path).masks.shape == EMPTY
