"""Photos and annotations of one's own: nothing of them gets lost, or means something else."""

import io
import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ovseg_jax.config import DataConfig
from ovseg_jax.foundation.errors import OvsegWarning
from ovseg_jax.inputs.datasets import DataError, decode, open_split
from ovseg_jax.masks.found import Subject
from ovseg_jax.masks.json_file import read_json
from tests.data.photo_folder import rectangle

HEIGHT, WIDTH = 24, 40
RED, BLUE = (250, 10, 10), (10, 10, 250)
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
}
"""How an upright picture is stored under an EXIF orientation."""


class Own:
    """A folder with one COCO file, whose content tests change before it is written."""

    def __init__(self, place):
        self.place = place
        (place / "images").mkdir(parents=True)
        self.content = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "cat"}]}

    def photo(self, name, orientation=1):
        """A blue photo with a red rectangle at the top left, annotated as it is displayed."""
        pixels = np.full((HEIGHT, WIDTH, 3), BLUE, np.uint8)
        pixels[2:10, 3:20] = RED
        picture, exif = Image.fromarray(pixels), Image.Exif()
        if orientation > 1:
            picture, exif[0x0112] = picture.transpose(TURNS[orientation]), orientation
        picture.save(self.place / "images" / name, exif=exif, quality=95, subsampling=0)
        number = len(self.content["images"]) + 7
        sides = {"height": HEIGHT, "width": WIDTH}
        self.content["images"].append({"id": number, "file_name": name} | sides)
        item = rectangle((None, 1), 2, 3, 10, 20, id=number, image_id=number)
        self.content["annotations"].append(item)
        return self

    def open(self):
        (self.place / "instances.json").write_text(json.dumps(self.content))
        prepared = str(self.place.parent / "prepared")
        data = DataConfig(name="photo_set", root=str(self.place), prepared=prepared, vocabulary="")
        return open_split(data)


@pytest.fixture
def own(tmp_path):
    return Own(tmp_path / "own")


@pytest.mark.parametrize("stated", [True, False])
@pytest.mark.parametrize("orientation", [1, 2, 3, 4, 6, 8])
def test_training_sees_photos_as_they_are_displayed(own, orientation, stated):
    """And so do masks of the same file in `ovseg segment`."""
    own.photo("a.jpg", orientation)
    if not stated:
        del own.content["images"][0]["height"], own.content["images"][0]["width"]
    example = decode(own.open()[0])
    assert example["image"].shape == (HEIGHT, WIDTH, 3)
    inside = example["segment_ids"] == 1
    np.testing.assert_allclose(example["image"][inside].mean(0), RED, atol=25)
    np.testing.assert_allclose(example["image"][~inside].mean(0), BLUE, atol=25)
    subject = Subject(Path("a.jpg"), (HEIGHT, WIDTH))
    found, _ = read_json(own.place / "instances.json", subject)
    np.testing.assert_array_equal(found.masks[0], inside)


def test_annotations_of_the_stored_photo_are_refused_with_the_reason(own):
    own.photo("a.jpg", 6)
    own.content["images"][0] |= {"height": WIDTH, "width": HEIGHT}
    with pytest.raises(DataError, match=r"24 x 40 pixels \(it is stored turned, EXIF.* 6; .*disp"):
        own.open()


def test_a_photo_whose_end_is_missing_is_named_when_it_is_built(own):
    own.photo("a.jpg").photo("b.jpg")
    path = own.place / "images" / "b.jpg"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match=r"images/b.jpg: the picture cannot be read: .*truncated"):
        own.open()


def _texts(content):
    for item in content["annotations"]:
        item["image_id"] = str(item["image_id"])


def _listed_twice(content):
    content["images"].append(content["images"][0] | {"id": 50})


def _same_id(content):
    content["images"][1]["id"] = content["images"][0]["id"]


def _far_away(content):
    content["annotations"][0] |= rectangle((None, 1), 500, 500, 600, 600)


def _box(content):
    content["annotations"][0]["segmentation"] = []


def _object(content):
    content["images"] = {"7": content["images"][0]}


def _outside(content):
    content["images"][0]["file_name"] = "../../a.jpg"


def _gone(content):
    content["images"][0]["file_name"] = "sub/gone.jpg"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_texts, "2 of 2 annotations belong to no image: .*'image_id' '7'; nothing would be left"),
        (_listed_twice, "'file_name' 'a.jpg' stands in 'images' more than once"),
        (_same_id, "'id' of an image 7 stands in 'images' more than once"),
        (_far_away, "annotation 7: a polygon reaches .* drawn on another size"),
        (_box, "annotation 7: is empty; an annotation with a box alone has no mask"),
        (_object, "not a COCO instances file, whose 'images' .* are lists of objects"),
        (_outside, "'file_name' '../../a.jpg' leads out of "),
        (_gone, "lists 'sub/gone.jpg', which is neither at .* nor at .*images/sub/gone.jpg"),
    ],
)
def test_annotations_that_would_get_lost_are_refused(own, change, message):
    own.photo("a.jpg").photo("b.jpg")
    change(own.content)
    with pytest.raises(DataError, match=message):
        own.open()


def test_annotations_of_photos_that_are_not_listed_are_counted(own):
    own.photo("a.jpg").photo("b.jpg")
    own.content["annotations"][1]["image_id"] = 99
    with pytest.warns(OvsegWarning, match="1 of 2 annotations belong to no image: .* 99; they are"):
        records = own.open()
    assert [len(decode(record)["categories"]) for record in records] == [1, 0]


def test_a_folder_that_is_in_order_says_nothing(own):
    own.photo("a.jpg").photo("b.jpg", 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error", OvsegWarning)
        assert len(own.open()) == 2


def test_upright_photos_are_kept_as_they_are(own):
    own.photo("a.jpg").photo("b.jpg", 3)
    upright, turned = (record["image"] for record in own.open())
    assert upright == (own.place / "images" / "a.jpg").read_bytes()
    assert Image.open(io.BytesIO(turned)).format == "PNG"
