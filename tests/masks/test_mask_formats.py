"""LabelMe, YOLO, VIA; and formats that are named because they are not read."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from ovseg_jax.foundation.errors import MasksError, OvsegWarning
from tests.masks.drawn import ENTRIES, HEIGHT, MASKS, POLYGON, WIDTH, read, store

CORNERS = [[2, 1], [7, 1], [7, 4], [2, 4]]

# ---- LabelMe ------------------------------------------------------------------------------


def labelme(*shapes, **fields):
    return {
        "version": "5.4.1",
        "flags": {},
        "shapes": [{"label": "cat", "group_id": None, "flags": {}} | shape for shape in shapes],
        "imagePath": "..\\images\\photo.jpg",
        "imageData": None,
        "imageHeight": HEIGHT,
        "imageWidth": WIDTH,
    } | fields


def shape(kind, points, **fields):
    return {"shape_type": kind, "points": points} | fields


def mask_picture(part):
    file = io.BytesIO()
    Image.fromarray(part.astype(np.uint8) * 255).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def test_labelme_shapes_are_masks(tmp_path):
    picture = shape("mask", [[0, 2], [2, 5]], mask=mask_picture(MASKS[2][2:6, :3]))
    content = labelme(shape("polygon", CORNERS), shape("rectangle", [[7, 4], [2, 1]]), picture)
    with pytest.warns(OvsegWarning, match=r"shapes\[1\] equals .*shapes\[0\]"):
        found = read(store(tmp_path / "photo.json", content))
    np.testing.assert_array_equal(found.masks, MASKS[[0, 0, 2]])
    assert found.names == ("cat",) * 3 and found.sources[2] == "photo.json shapes[2]"


def test_labelme_circles_are_round(tmp_path):
    path = store(tmp_path / "a.json", labelme(shape("circle", [[4.5, 3], [4.5, 5]])))
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    np.testing.assert_array_equal(read(path).masks[0], (x - 4.5) ** 2 + (y - 3) ** 2 <= 4)


def test_labelme_groups_are_one_mask(tmp_path):
    left, right = (shape("rectangle", [[x, 1], [x + 1, 4]], group_id=5) for x in (1, 6))
    other = left | {"label": "dog"}
    found = read(store(tmp_path / "a.json", labelme(left, other, right)))
    assert found.masks.sum((1, 2)).tolist() == [6, 3] and found.names == ("cat", "dog")
    assert found.sources[0] == "a.json shapes[0, 2]"


def test_labelme_lines_are_left_out_and_counted(tmp_path):
    line = shape("linestrip", [[0, 0], [5, 5]])
    path = store(tmp_path / "a.json", labelme(shape("polygon", CORNERS), line))
    with pytest.warns(OvsegWarning, match="1 shapes of type 'linestrip'"):
        assert len(read(path).masks) == 1


def test_labelme_without_shapes_is_a_photo_without_objects(tmp_path):
    assert len(read(store(tmp_path / "a.json", labelme())).masks) == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (labelme(imagePath="other.jpg"), "'imagePath' says 'other.jpg', and the photo is"),
        (labelme(imageHeight=9), "'imageHeight', 'imageWidth'.* is 9 x 9"),
        (labelme() | {"shapes": [3]}, "'shapes' is not a list of objects"),
        (labelme(shape("spiral", CORNERS)), "'shape_type' is 'spiral'"),
        (labelme(shape("circle", CORNERS)), "a circle has 4 points, not 2"),
        (labelme(shape("polygon", [[1, "a"]])), "is not a number"),
        (labelme(shape("polygon", 3)), "'points' is not a list"),
        (labelme(shape("mask", [[0, 0], [99, 5]], mask="")), "do not lie in the photo"),
        (labelme(shape("mask", [[0, 0], [2, 2]], mask="§")), "no picture in base64"),
        (labelme(shape("mask", [[0, 0], [2, 2]], mask=None)), "no picture in base64"),
        (
            labelme(shape("mask", [[0, 0], [2, 2]], mask=mask_picture(MASKS[0]))),
            "the picture is 6 x 9 .* the image 3 x 3",
        ),
    ],
)
def test_faults_in_labelme_are_named(tmp_path, content, message):
    with pytest.raises(MasksError, match=message):
        read(store(tmp_path / "a.json", content))


# ---- YOLO ---------------------------------------------------------------------------------

LINE = " ".join(f"{v / (WIDTH, HEIGHT)[i % 2]:.6f}" for i, v in enumerate(POLYGON))
YAMLS = (
    "names: [cat, 'dog']",
    "nc: 2\nnames:\n  0: cat\n  1: dog\ntrain: x",
    "names:\n- cat\n- dog",
)


def test_yolo_lines_are_masks(tmp_path):
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/photo.txt").write_text(f"0 {LINE} 0.5\n1 {LINE} 0.75\n")
    (tmp_path / "labels/classes.txt").write_text("cat\ndog\n")
    with pytest.warns(OvsegWarning, match="there twice"):
        found = read(tmp_path / "labels")
    np.testing.assert_array_equal(found.masks, MASKS[[0, 0]])
    assert found.names == ("cat", "dog") and found.labels.tolist() == [0, 1]
    assert found.sources == ("photo.txt line 1", "photo.txt line 2")


@pytest.mark.parametrize("yaml", YAMLS)
def test_yolo_classes_are_named_by_data_yaml(tmp_path, yaml):
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/photo.txt").write_text(f"1 {LINE}\n")
    (tmp_path / "data.yaml").write_text(yaml)
    assert read(tmp_path / "labels").names == ("dog",)


def test_a_yolo_file_in_which_a_coordinate_is_missing_is_refused(tmp_path):
    whole = "0 .1 .1 .5 .1 .5 .5 .1 .5"
    (tmp_path / "a.txt").write_text(f"{whole}\n0 .1 .1 .5 .1 .5 .5 .1\n")
    with pytest.raises(MasksError, match="some lines have an odd number .* coordinate is missing"):
        read(tmp_path / "a.txt")
    (tmp_path / "b.txt").write_text(f"{whole} .9\n{whole} .8\n")
    np.testing.assert_allclose(read(tmp_path / "b.txt").scores, [0.9, 0.8])


def test_an_empty_yolo_file_is_a_photo_without_objects(tmp_path):
    (tmp_path / "photo.txt").write_text("\n")
    assert read(tmp_path / "photo.txt").masks.shape == (0, HEIGHT, WIDTH)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 0.5 0.5 0.2 0.2", "line 1: is a box of YOLO's detection format"),
        ("0 0.5 0.5 0.2 0.2 0.9", "is a box of YOLO's detection format"),
        ("0 10 10 50 10 50 50", "go from 10 to 50; YOLO's are shares"),
        ("0 0.1 0.1 0.2 0.2 0.3 nan", "coordinates go from"),
        ("0 0.1 0.1 0.2 0.2 0.3 0.3 7", "odd number of coordinates, 7"),
        ("0.5 0.1 0.1 0.2 0.2 0.3 0.3", "the class 0.5 is no whole number"),
        ("inf 0.1 0.1 0.2 0.2 0.3 0.3", "the class inf is no whole number"),
        ("0", "has 0 coordinates"),
        ("cat, dog", "is not 'class x y x y x y ...'"),
    ],
)
def test_faults_in_yolo_are_named(tmp_path, line, message):
    (tmp_path / "a.txt").write_text(line)
    with pytest.raises(MasksError, match=message):
        read(tmp_path / "a.txt")


# ---- VIA ----------------------------------------------------------------------------------


def via(*shapes, name="photo.jpg"):
    regions = [{"shape_attributes": s, "region_attributes": {"class": "cat"}} for s in shapes]
    return {f"{name}123": {"filename": name, "size": 123, "regions": regions}}


CORNERS_X, CORNERS_Y = ([corner[axis] for corner in CORNERS] for axis in (0, 1))
VIA_POLYGON = {"name": "polygon", "all_points_x": CORNERS_X, "all_points_y": CORNERS_Y}
VIA_BOX = {"name": "rect", "x": 2, "y": 1, "width": 5, "height": 3}


@pytest.mark.parametrize("project", [False, True])
@pytest.mark.parametrize("outline", [VIA_POLYGON, VIA_BOX], ids=["polygon", "rect"])
def test_via_regions_are_masks(tmp_path, project, outline):
    content = via(outline) | via(name="empty.jpg")
    content = {"_via_settings": {}, "_via_img_metadata": content} if project else content
    path = store(tmp_path / "via.json", content)
    found = read(path)
    np.testing.assert_array_equal(found.masks, MASKS[:1])
    assert found.names == ("cat",)
    assert len(read(path, "empty.jpg").masks) == 0
    with pytest.raises(MasksError, match="no image 'other.jpg' among its 2"):
        read(path, "other.jpg")


def test_via_points_are_refused(tmp_path):
    with pytest.raises(MasksError, match="a region of kind 'point' covers no area"):
        read(store(tmp_path / "via.json", via({"name": "point", "cx": 1, "cy": 1})))


# ---- named --------------------------------------------------------------------------------

UNREAD = {
    "a.xml": ("<annotation><object/></annotation>", "Pascal VOC's XML"),
    "a.zip": ("PK", "an archive; unpack it"),
    "a.npy": ("", r"np.savez\(file, masks=masks\)"),
    "a.pkl": ("", "pickled, and never loaded"),
    "a.xyz": ("", r"of the kind \.xyz"),
    "a": ("", "a name without an ending"),
    "supervisely.json": (json.dumps({"size": {}, "objects": []}), "Supervisely's"),
    "datumaro.json": (json.dumps({"categories": {}, "items": []}), "Datumaro's"),
    "cvat.json": (json.dumps([{"version": 0, "tags": [], "shapes": []}]), "CVAT's own"),
    "city.json": (json.dumps({"imgHeight": 1, "imgWidth": 1, "objects": []}), "Cityscapes'"),
    "test.json": (json.dumps({"info": {}, "images": []}), "COCO file without 'annotations'"),
    "ours.json": (json.dumps({"image": {}, "vocabulary": [], "masks": []}), "`ovseg classify`"),
}


@pytest.mark.parametrize("name", UNREAD)
def test_formats_that_are_not_read_are_named(tmp_path, name):
    content, message = UNREAD[name]
    (tmp_path / name).write_text(content)
    with pytest.raises(MasksError, match=f"{message}.*masks come as"):
        read(tmp_path / name)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MasksError, match="gone.json: no such file"):
        read(tmp_path / "gone.json")
    assert len(read(store(tmp_path / "photo.json", ENTRIES)).masks) == 3
