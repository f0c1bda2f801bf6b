"""CVAT for images' XML, and GeoJSON whose coordinates are pixels, as masks."""

import json

import numpy as np
import pytest

from ovseg_jax.foundation.errors import MasksError, OvsegWarning
from tests.masks.drawn import HEIGHT, MASKS, WIDTH, read, store

IMAGE = f'<image id="0" name="photo.jpg" width="{WIDTH}" height="{HEIGHT}">'
POLYGON = '<polygon label="cat" points="2.00,1.00;7.00,1.00;7.00,4.00;2.00,4.00"/>'
BOX = '<box label="dog" xtl="2.0" ytl="1.0" xbr="7.0" ybr="4.0" rotation="180"/>'
MASK = '<mask label="cat" rle="0, 15" left="2" top="1" width="5" height="3"/>'
ELLIPSE = '<ellipse label="o" cx="4.5" cy="3" rx="2" ry="2"/>'


def cvat(tmp_path, *shapes, image=IMAGE):
    path = tmp_path / "annotations.xml"
    content = f"<annotations><version>1.1</version>{image}{''.join(shapes)}</image></annotations>"
    path.write_text(content, encoding="utf-8")
    return path


def test_masks_polygons_and_boxes_of_cvat_are_the_same(tmp_path):
    with pytest.warns(OvsegWarning, match="are there twice"):
        found = read(cvat(tmp_path, POLYGON, BOX, MASK))
    np.testing.assert_array_equal(found.masks, MASKS[[0, 0, 0]])
    assert found.names == ("cat", "dog", "cat")
    assert found.sources[2].startswith("annotations.xml mask[2] of 'photo.jpg'")


def test_boxes_turn_about_their_middle_and_ellipses_are_round(tmp_path):
    turned = '<box label="a" xtl="3" ytl="1" xbr="6" ybr="4" rotation="90"/>'
    found = read(cvat(tmp_path, turned, ELLIPSE))
    assert found.masks[0].sum() == 9 and found.masks[0][1:4, 3:6].all()
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    np.testing.assert_array_equal(found.masks[1], (x - 4.5) ** 2 + (y - 3) ** 2 <= 4)


def test_lines_of_cvat_are_left_out_and_a_photo_may_have_none(tmp_path):
    with pytest.warns(OvsegWarning, match="1 shapes of type 'polyline'"):
        assert len(read(cvat(tmp_path, '<polyline label="a" points="1,1;2,2"/>')).masks) == 0


@pytest.mark.parametrize(
    ("shape", "image", "message"),
    [
        ('<mask label="a" rle="1" left="0" top="0" width="9" height="9"/>', IMAGE, "does not lie"),
        ('<mask label="a" rle="1" left="-1" top="0" width="1" height="1"/>', IMAGE, "'left'"),
        ('<polygon label="a" points="1,1;2"/>', IMAGE, "at least three"),
        ('<polygon label="a" points="1,x;2,2;3,3"/>', IMAGE, "'x', not a number"),
        ('<ellipse label="a" cx="1" cy="1" rx="1"/>', IMAGE, "'', not a number"),
        ("", IMAGE.replace("photo", "other"), "no image 'photo.jpg' among its 1"),
        ("", IMAGE.replace('width="9"', 'width="6"'), "is 6 x 6"),
        ("", IMAGE.replace('width="9"', ""), "'width' is '', not a whole number"),
        ("", "<image id='0' name='photo.jpg' height='6' width='9'/>" + IMAGE, "lists .* 2 times"),
        ("<image", IMAGE, "not readable as XML"),
        ("", "<track id='0'/>" + IMAGE, "tracks of a video"),
    ],
)
def test_faults_in_cvat_are_named(tmp_path, shape, image, message):
    with pytest.raises(MasksError, match=message):
        read(cvat(tmp_path, shape, image=image))


def test_entities_of_xml_are_not_expanded(tmp_path):
    bomb = '<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
    path = tmp_path / "a.xml"
    path.write_text(f"{bomb}<annotations>&b;</annotations>")
    with pytest.raises(MasksError, match="declares a document type"):
        read(path)


# ---- GeoJSON ------------------------------------------------------------------------------

OUTER = [[2, 1], [7, 1], [7, 4], [2, 4], [2, 1]]
HOLE = [[4, 2], [4, 3], [5, 3], [5, 2], [4, 2]]
POINT = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 1]}, "properties": {}}


def feature(kind, coordinates, **properties):
    geometry = {"type": kind, "coordinates": coordinates}
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def collection(*features, image=True):
    about = {"file": "photo.jpg", "height": HEIGHT, "width": WIDTH}
    return {"type": "FeatureCollection", "features": list(features)} | (
        {"image": about} if image else {}
    )


def test_holes_and_parts_of_geojson(tmp_path):
    name = {"classification": {"name": "cat"}}
    one, two = feature("Polygon", [OUTER, HOLE], **name), feature("MultiPolygon", [[OUTER], [HOLE]])
    found = read(
        store(tmp_path / "a.geojson", collection(one, two | {"properties": {"name": "b"}}))
    )
    expected = MASKS[0].copy()
    expected[2, 4] = False
    np.testing.assert_array_equal(found.masks, [expected, MASKS[0]])
    assert found.names == ("cat", "b")


def test_points_are_left_out(tmp_path):
    with pytest.warns(OvsegWarning, match="1 features of lines and points"):
        assert len(read(store(tmp_path / "a.json", collection(POINT))).masks) == 0


def test_qupaths_geojson_is_of_pixels_and_others_are_refused(tmp_path):
    theirs = collection(feature("Polygon", [OUTER], objectType="annotation"), image=False)
    np.testing.assert_array_equal(read(store(tmp_path / "a.geojson", theirs)).masks, MASKS[:1])
    with pytest.raises(MasksError, match="GeoJSON of degrees"):
        read(store(tmp_path / "b.json", collection(feature("Polygon", [OUTER]), image=False)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (collection({"type": "Feature"}), r"features\[0\]: has no geometry"),
        (collection(feature("Circle", [])), "'Circle', not Polygon"),
        (collection(feature("Polygon", 3)), "no lists of rings"),
        (collection(feature("Polygon", [[1, 2]])), r"not a list of \[x, y\]"),
        (collection() | {"image": {"file": "other.jpg"}}, "'image' says 'other.jpg'"),
        (collection() | {"image": {"height": 9, "width": 9}}, "is 9 x 9"),
    ],
)
def test_faults_in_geojson_are_named(tmp_path, content, message):
    with pytest.raises(MasksError, match=message):
        read(store(tmp_path / "photo.json", content))


def test_a_folder_of_geojson_is_found_by_stem(tmp_path):
    content = json.dumps(collection(feature("Polygon", [OUTER])))
    (tmp_path / "photo.geojson").write_text(content)
    np.testing.assert_array_equal(read(tmp_path).masks, MASKS[:1])
