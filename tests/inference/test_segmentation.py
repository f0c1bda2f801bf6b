"""The answer as Python users hold it: by name, as a picture, for COCO and supervision."""

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

import ovseg_jax
from ovseg_jax import api
from ovseg_jax.foundation.errors import MissingPackageError
from ovseg_jax.inference.results import SegmenterError
from tests.inference.answers import HEIGHT, WIDTH, answer, shapes


def test_segments_are_found_by_any_name_of_their_class():
    result = answer()
    assert [segment.name for segment in result.segments][::2] == ["cat", "球"]
    (cat,) = result.segments_of("kitten")
    assert (cat.name, cat.position, cat.is_thing, cat.score) == ("cat", 0, True, 0.9)
    np.testing.assert_array_equal(result.mask_of("cat"), shapes()[0])
    np.testing.assert_array_equal(result.mask_of("yes"), shapes()[1] | shapes()[3])
    assert result.labels.shape == (HEIGHT, WIDTH) and result.labels[14, 6] == 0
    nothing = answer(shapes()[:0])
    assert not nothing.segments and not nothing.mask_of("cat").any()


def test_a_name_that_was_not_asked_for_is_refused():
    with pytest.raises(SegmenterError, match="the vocabulary has no 'dog'; it has 'cat'"):
        answer().mask_of("dog")


def test_pictures_for_notebooks_are_small():
    result = answer(np.ones((1, 900, 1500), bool), (0,), (0.5,))
    picture = Image.open(io.BytesIO(result._repr_png_()))
    assert picture.format == "PNG" and max(picture.size) <= 1200
    assert result.plot(legend=False).size == (1500, 900)
    assert result.plot().width > 1500


def test_pycocotools_takes_one_answer():
    coco = COCO()
    coco.dataset = answer().to_coco()
    coco.createIndex()
    found = coco.loadAnns(coco.getAnnIds())
    np.testing.assert_array_equal([coco.annToMask(item) for item in found], shapes())
    assert coco.imgs[1]["file_name"] == "a.jpg"
    assert [item["score"] for item in found] == [0.9, 0.8, 0.7, 0.4]


def test_supervision_gets_boxes_masks_and_names():
    supervision = pytest.importorskip("supervision")
    found = answer().to_supervision()
    assert isinstance(found, supervision.Detections) and len(found) == 4
    assert found.xyxy[1].tolist() == [3, 2, 4, 3] and found.class_id.tolist() == [0, 1, 2, 1]
    assert found.data["class_name"][2] == "球"
    assert len(answer(shapes()[:0]).to_supervision()) == 0


def test_without_supervision_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(MissingPackageError, match="pip install supervision"):
        answer().to_supervision()


def test_the_package_loads_nothing_before_it_is_asked():
    code = (
        "import sys, ovseg_jax; "
        "print([m for m in ('jax', 'flax', 'numpy', 'PIL') if m in sys.modules]); "
        "print(sorted(set(ovseg_jax.__all__) - set(dir(ovseg_jax))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "[]"]


def test_the_top_level_is_the_api():
    assert ovseg_jax.load is api.load_segmenter
    assert all(getattr(ovseg_jax, name) for name in ovseg_jax.__all__)
    assert set(ovseg_jax.__all__) == {*api.__all__, "load"}
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ovseg_jax.nothing
