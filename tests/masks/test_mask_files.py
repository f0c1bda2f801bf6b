"""Masks from files: every layout, and for every fault a message that names file and field."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

from ovseg_jax.masks.read import read_masks
from ovseg_jax.masks.rle import decode_rle

HEIGHT, WIDTH = 6, 9
MASKS = np.zeros((3, HEIGHT, WIDTH), bool)
MASKS[0, 1:4, 2:7] = True
MASKS[1, 5, 8] = MASKS[1, 0, 0] = True
MASKS[2, 2:, :3] = True


def packed(mask):
    rle = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": [int(side) for side in rle["size"]], "counts": rle["counts"].decode()}


def unpacked(mask):
    flat = mask.ravel(order="F")
    changes = np.flatnonzero(np.diff(np.r_[False, flat])).tolist()
    runs = np.diff([0, *changes, flat.size]).tolist()
    return {"size": list(mask.shape), "counts": runs}


ENTRIES = [{"segmentation": packed(mask), "score": 0.5 + 0.1 * i} for i, mask in enumerate(MASKS)]


def store(path, content):
    path.write_text(json.dumps(content))
    return path


def read(path, name="photo.jpg", height=HEIGHT, width=WIDTH):
    return read_masks(path, name, height, width)


# ---- run lengths --------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_run_lengths_decode_as_coco_decodes_them(seed):
    rng = np.random.default_rng(seed)
    mask = rng.random(rng.integers(1, 70, 2)) < rng.random()
    np.testing.assert_array_equal(decode_rle(packed(mask)), mask)
    np.testing.assert_array_equal(decode_rle(unpacked(mask)), mask)


@pytest.mark.parametrize(
    ("rle", "message"),
    [
        ({"size": [2, 3], "counts": [1, 2]}, "add up to 3 pixels, not 2 x 3"),
        ({"size": [2, 3], "counts": [9, -3]}, "add up"),
        ({"size": [2, 3]}, "'counts' is NoneType"),
        ({"size": [2, 3], "counts": [1.0, 5.0]}, "'counts' is list"),
        ({"size": [2], "counts": [6]}, "'size' is"),
        ({"size": [2, -3], "counts": [6]}, "'size' is"),
        ({"size": ["2", 3], "counts": [6]}, "'size' is"),
        ({"size": [2, 3], "counts": "\x00\x01"}, "character"),
        ({"size": [2, 3], "counts": "P"}, "middle of a number"),
    ],
)
def test_faulty_run_lengths_are_described(rle, message):
    with pytest.raises(ValueError, match=message):
        decode_rle(rle)


# ---- JSON ---------------------------------------------------------------------------------


def coco_instances():
    polygon = [2, 1, 7, 1, 7, 4, 2, 4]
    annotation = {"image_id": 139, "category_id": 3, "segmentation": [polygon], "iscrowd": 0}
    crowd = {"image_id": 139, "category_id": 1, "segmentation": unpacked(MASKS[1]), "iscrowd": 1}
    other = {"image_id": 7, "category_id": 3, "segmentation": [polygon]}
    return {
        "images": [
            {"id": 139, "file_name": "photo.jpg", "height": HEIGHT, "width": WIDTH},
            {"id": 7, "file_name": "other.jpg", "height": 50, "width": 60},
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
    assert len(read(tmp_path / "p.json", "elsewhere/other.png").masks) == 1


@pytest.mark.parametrize("key", ["proposals", "segments", "annotations"])
def test_one_images_list_may_stand_alone(tmp_path, key):
    np.testing.assert_array_equal(read(store(tmp_path / "a.json", {key: ENTRIES})).masks, MASKS)


def test_a_bare_list_belongs_to_the_image(tmp_path):
    bare = store(tmp_path / "bare.json", [packed(mask) for mask in MASKS])
    np.testing.assert_array_equal(read(bare).masks, MASKS)
    named = [entry | {"name": "cat", "category_id": i} for i, entry in enumerate(ENTRIES)]
    found = read(store(tmp_path / "named.json", named))
    assert found.names == ("cat",) * 3 and found.labels.tolist() == [0, 1, 2]


def test_a_list_over_many_images_is_sorted_out_by_number_or_name(tmp_path):
    results = [entry | {"image_id": i % 2 + 139} for i, entry in enumerate(ENTRIES)]
    path = store(tmp_path / "results.json", results)
    np.testing.assert_array_equal(read(path, "000000000139.jpg").masks, MASKS[[0, 2]])
    np.testing.assert_array_equal(read(path, "COCO_val2014_000000000140.jpg").masks, MASKS[[1]])
    results = [entry | {"image_id": f"photo{i}.jpg"} for i, entry in enumerate(ENTRIES)]
    path = store(tmp_path / "names.json", results)
    np.testing.assert_array_equal(read(path, "photo2.jpg").masks, MASKS[[2]])


def test_coco_instances_draw_polygons_and_carry_names(tmp_path):
    found = read(store(tmp_path / "instances.json", coco_instances()))
    np.testing.assert_array_equal(found.masks, MASKS[:2])
    assert found.names == ("car", "person") and found.labels.tolist() == [3, 1]
    assert found.scores is None


def panoptic(tmp_path, ids, listed, folder=True):
    colours = np.stack([ids % 256, ids // 256 % 256, ids // 65536], -1).astype(np.uint8)
    place = tmp_path / "pan" if folder else tmp_path
    place.mkdir(exist_ok=True)
    Image.fromarray(colours).save(place / "photo.png")
    content = coco_instances()
    segments = [{"id": i, "category_id": 3} for i in listed]
    content["annotations"] = [
        {"image_id": 139, "file_name": "photo.png", "segments_info": segments}
    ]
    return store(tmp_path / "pan.json", content)


IDS = np.where(MASKS[0], 3937500, np.where(MASKS[2], 70, 0))


@pytest.mark.parametrize("folder", [True, False])
def test_panoptic_pictures_are_read_by_their_json(tmp_path, folder):
    found = read(panoptic(tmp_path, IDS, [70, 3937500], folder))
    np.testing.assert_array_equal(found.masks, [MASKS[2] & ~MASKS[0], MASKS[0]])
    assert found.names == ("car", "car")


def test_a_changed_file_is_read_again(tmp_path):
    path = store(tmp_path / "a.json", ENTRIES)
    assert len(read(path).masks) == 3
    store(path, ENTRIES[:1])
    assert len(read(path).masks) == 1


FAULTS = {
    "no JSON": ("{", "not readable as JSON"),
    "a number": ("3", "holds int"),
    "an empty list": ("[]", "the list is empty"),
    "no proposals": (json.dumps({"photo.jpg": {"proposals": []}}), "proposals is empty"),
    "another key": (json.dumps({"photo.jpg": {"masks": []}}), "none of the lists proposals"),
    "no mask list": (json.dumps({"photo.jpg": 3}), "is int, not a list of masks"),
    "another image": (json.dumps({"a.jpg": ENTRIES}), r"no image 'photo.jpg'.*'a.jpg'"),
    "two images": (
        json.dumps({"a/photo.jpg": ENTRIES, "b/photo.jpg": ENTRIES}),
        "could be any of",
    ),
    "another height": (
        json.dumps({"photo.jpg": {"height": 9, "width": 6, "proposals": ENTRIES}}),
        "'height' x 'width' is 9 x 6, the image 6 x 9",
    ),
    "RLE of another size": (
        json.dumps({"proposals": [*ENTRIES, {"segmentation": packed(MASKS[0].T)}]}),
        r"proposals\[3\]: segmentation: is 9 x 6 .* the image 6 x 9",
    ),
    "a gigantic RLE": (
        json.dumps([{"size": [10**9, 10**9], "counts": [10**18]}]),
        r"\[0\]: segmentation: is 1000000000",
    ),
    "no segmentation": (json.dumps([{"score": 1}]), r"\[0\]: has no 'segmentation'"),
    "a string": (json.dumps(["mask"]), r"\[0\]: is str"),
    "a word for a score": (json.dumps([ENTRIES[0] | {"score": "high"}]), "'score' is 'high'"),
    "a short polygon": (json.dumps([{"segmentation": [[1, 2, 3, 4]]}]), "three x, y pairs"),
    "no polygon": (json.dumps([{"segmentation": []}]), "neither RLE nor a list of polygons"),
    "NaN in a polygon": ('[{"segmentation": [[1, 2, 3, 4, 5, NaN]]}]', "not a finite number"),
    "COCO without names": (
        json.dumps({"images": [{"id": 1}], "annotations": []}),
        "lack 'file_name'",
    ),
    "COCO without masks": (json.dumps(coco_instances() | {"annotations": []}), "no mask for"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_in_json_name_the_file_and_the_field(tmp_path, fault):
    content, message = FAULTS[fault]
    path = tmp_path / "masks.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=message) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))


def test_faults_in_panoptic_files_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"ids \[3937500\] have no entry in segments_info"):
        read(panoptic(tmp_path, IDS, [70]))
    with pytest.raises(ValueError, match=r"lists ids \[5\] without pixels"):
        read(panoptic(tmp_path, IDS, [70, 3937500, 5]))
    with pytest.raises(ValueError, match=r"ids \[70\] stand there more than once and overlap"):
        read(panoptic(tmp_path, IDS, [70, 3937500, 70]))
    with pytest.raises(ValueError, match="id 0 is void"):
        read(panoptic(tmp_path, IDS, [70, 3937500, 0]))
    with pytest.raises(ValueError, match="segments_info: is empty"):
        read(panoptic(tmp_path, IDS, []))
    path = panoptic(tmp_path, IDS, [70, 3937500])
    (tmp_path / "pan" / "photo.png").unlink()
    with pytest.raises(ValueError, match="its picture is neither at"):
        read(path)


# ---- pictures, archives, folders ----------------------------------------------------------


def test_a_png_of_ids_gives_a_mask_per_id(tmp_path):
    Image.fromarray(IDS.astype(np.uint8) // 10).save(tmp_path / "ids.png")  # 0, 7 and 220 % 25
    found = read(tmp_path / "ids.png")
    assert len(found.masks) == 2 and not found.masks.all(0).any()
    palette = Image.fromarray((IDS > 0).astype(np.uint8) * 2, mode="P")
    palette.putpalette([0, 0, 0, 9, 9, 9, 200, 0, 0])
    palette.save(tmp_path / "palette.png")
    np.testing.assert_array_equal(read(tmp_path / "palette.png").masks, [IDS > 0])


def test_sixteen_bit_and_colour_ids_are_read_whole(tmp_path):
    Image.fromarray(np.where(MASKS[0], 40000, 0).astype(np.uint16)).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(read(tmp_path / "deep.png").masks, MASKS[:1])
    colours = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    colours[MASKS[0]] = (0, 1, 0, 255)
    Image.fromarray(colours).save(tmp_path / "colour.png")
    np.testing.assert_array_equal(read(tmp_path / "colour.png").masks, MASKS[:1])


def test_archives_hold_masks_and_what_is_known_of_them(tmp_path):
    path = tmp_path / "m.npz"
    np.savez(path, masks=MASKS.astype(np.uint8), scores=np.ones(3), names=np.array(list("abc")))
    found = read(path)
    np.testing.assert_array_equal(found.masks, MASKS)
    assert found.names == ("a", "b", "c") and found.scores.tolist() == [1, 1, 1]


@pytest.mark.parametrize("own_folder", [True, False])
def test_folders_hold_a_picture_per_mask_in_the_order_of_their_names(tmp_path, own_folder):
    place = tmp_path / "photo" if own_folder else tmp_path
    place.mkdir(exist_ok=True)
    for index, mask in enumerate(MASKS):
        Image.fromarray(mask.astype(np.uint8) * 255).save(place / f"{index}.png")
    np.testing.assert_array_equal(read(tmp_path).masks, MASKS)


ARCHIVE_FAULTS = {
    "other arrays": (dict(scores=np.ones(3)), r"no array 'masks', only \['scores'\]"),
    "one mask without its axis": (dict(masks=MASKS[0]), "has shape"),
    "no masks": (dict(masks=MASKS[:0]), "has shape"),
    "another size": (dict(masks=MASKS.transpose(0, 2, 1)), "'masks' is 9 x 6"),
    "fractions": (dict(masks=MASKS * 0.5), "other than 0 and 1"),
    "too few scores": (dict(masks=MASKS, scores=np.ones(2)), "'scores' has shape"),
    "objects": (dict(masks=np.array([None, 3], object)), "plain arrays"),
}


@pytest.mark.parametrize("fault", ARCHIVE_FAULTS)
def test_faults_in_archives_are_named(tmp_path, fault):
    arrays, message = ARCHIVE_FAULTS[fault]
    np.savez(tmp_path / "m.npz", **arrays)
    with pytest.raises(ValueError, match=message) as caught:
        read(tmp_path / "m.npz")
    assert str(caught.value).startswith(str(tmp_path / "m.npz"))


def test_faults_in_pictures_and_paths_are_named(tmp_path):
    with pytest.raises(ValueError, match="no such file"):
        read(tmp_path / "gone.json")
    with pytest.raises(ValueError, match=r"holds no \.png, neither directly nor in photo/"):
        read(tmp_path)
    for name, content, message in (
        ("m.tif", b"", r"not \.tif"),
        ("m.png", b"\x89PNG", "not a readable picture"),
        ("m.npz", b"PK", "not a readable .npz"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=message):
            read(tmp_path / name)
    Image.fromarray(np.zeros((HEIGHT, WIDTH), np.uint8)).save(tmp_path / "black.png")
    with pytest.raises(ValueError, match="every pixel is 0"):
        read(tmp_path / "black.png")
    with pytest.raises(ValueError, match="the picture is 6 x 9 .* the image 9 x 6"):
        read(tmp_path / "black.png", height=WIDTH, width=HEIGHT)


# ---- real proposals -----------------------------------------------------------------------

REALSET = Path(os.environ.get("OVSEG_REALSET") or Path(__file__).parents[4] / "shared" / "realset")
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
