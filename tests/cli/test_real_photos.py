"""Every real photo that has proposals: label pictures lie on the masks that went in."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ovseg_jax.cli.main import main
from ovseg_jax.masks.read import MaskFiles

REALSET = Path(os.environ.get("OVSEG_REALSET", Path(__file__).parents[3] / "shared" / "realset"))
PROPOSALS = REALSET / "proposals.json"
ROTATED = "rotated.jpg"

pytestmark = pytest.mark.skipif(
    not PROPOSALS.exists(), reason="the realset folder (OVSEG_REALSET) is not here"
)


@pytest.fixture(scope="module")
def answers(weights, tmp_path_factory):
    """Segments all photos with proposals, and one more whose EXIF tag turns it upright."""
    folder = tmp_path_factory.mktemp("realset")
    photos, out = folder / "photos", folder / "out"
    photos.mkdir()
    proposals = json.loads(PROPOSALS.read_text())
    for name in proposals:
        shutil.copy(REALSET / name, photos)
    first = next(iter(proposals))
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(REALSET / first) as picture:
        picture.transpose(Image.Transpose.ROTATE_90).save(photos / ROTATED, exif=exif)
    proposals[ROTATED] = proposals[first]
    masks = folder / "masks.json"
    masks.write_text(json.dumps(proposals))
    options = ["--model", str(weights), "--masks", str(masks), "--out", str(out)]
    options += ["--vocab-preset", "coco_panoptic133"]
    assert main(["segment", str(photos), *options]) == 0
    assert main(["classify", str(photos), *options]) == 0
    return photos, masks, out


def iou(first, second):
    return (first & second).sum() / max((first | second).sum(), 1)


def test_labels_cover_exactly_the_masks(answers):
    photos, masks, out = answers
    assert len(list(photos.iterdir())) == 29
    for photo in photos.iterdir():
        labels = np.asarray(Image.open(out / f"{photo.stem}_labels.png"))
        given = MaskFiles(masks).read(photo.name, *labels.shape).masks
        assert iou(labels > 0, given.any(0)) >= 0.99, photo.name


def test_where_one_mask_lies_its_name_is_painted(answers):
    photos, masks, out = answers
    for photo in photos.iterdir():
        labels = np.asarray(Image.open(out / f"{photo.stem}_labels.png"))
        found = json.loads((out / f"{photo.stem}.json").read_text())["masks"]
        given = MaskFiles(masks).read(photo.name, *labels.shape).masks
        alone = given.sum(0) == 1
        for entry, mask in zip(found, given, strict=True):
            assert (labels[mask & alone] == entry["class"] + 1).all(), photo.name


def test_both_commands_name_the_masks_alike(answers):
    photos, _, out = answers
    for photo in photos.iterdir():
        segmented = json.loads((out / f"{photo.stem}.json").read_text())["masks"]
        classified = json.loads((out / f"{photo.stem}_masks.json").read_text())["masks"]
        assert [m["name"] for m in segmented] == [m["name"] for m in classified]


def test_the_rotated_copy_has_the_size_of_the_upright_photo(answers):
    photos, _, out = answers
    with Image.open(photos / ROTATED) as stored, Image.open(out / "rotated_labels.png") as labels:
        assert labels.size == stored.size[::-1]
