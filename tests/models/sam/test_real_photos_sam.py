"""SAM ViT-B's automatic masks on real photos against segment-anything, at random weights."""

import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
import parity  # noqa: F401 - before torchvision is imported

pytest.importorskip("segment_anything")

import official_sam as official
from PIL import Image
from segment_anything import SamAutomaticMaskGenerator, build_sam_vit_b

from ovseg_jax.config import SamConfig
from ovseg_jax.convert.generators.sam import convert_sam
from ovseg_jax.inference.mask_makers.automatic_masks import AutomaticMaskGenerator
from ovseg_jax.models.sam.sam import build_sam

FOLDER = Path(os.environ.get("OVSEG_REALSET", Path(__file__).parents[4] / "shared/realset"))
PHOTOS = sorted(FOLDER.rglob("*.jpg"))[:10]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(len(PHOTOS) < 10, reason="no real photos here; set OVSEG_REALSET"),
]
LEAST = 20
"""Masks that must survive on every photo, or the comparison says little."""
# Boxes of random masks look much alike, so only equal ones go.
THRESHOLDS = {"min_iou": 0.5, "min_stability": 0.5, "nms_iou": 1.0}


@pytest.fixture(scope="module")
def models():
    theirs = official.certain(official.shaken(build_sam_vit_b())).eval()
    config, params, _ = convert_sam(official.arrays(theirs), "x")
    assert config.generator.variant == "sam_vit_b"
    return theirs, params["generator"]


def compare(models, path, points_per_side):
    theirs, params = models
    pixels = np.asarray(Image.open(path).convert("RGB"))
    reference = SamAutomaticMaskGenerator(
        theirs,
        points_per_side=points_per_side,
        points_per_batch=16,
        pred_iou_thresh=THRESHOLDS["min_iou"],
        stability_score_thresh=THRESHOLDS["min_stability"],
        box_nms_thresh=THRESHOLDS["nms_iou"],
        output_mode="uncompressed_rle",
    )
    want = reference.generate(pixels)
    options = SamConfig(variant="sam_vit_b", points_per_side=points_per_side, **THRESHOLDS)
    found = AutomaticMaskGenerator(build_sam("sam_vit_b"), params, options).generate(pixels)
    assert len(found) == len(want) >= LEAST
    left = list(range(len(found)))
    for record in want:
        # Expected IoUs that are equal but for rounding may change places: the point tells.
        same = [i for i in left if np.allclose(found.points[i], record["point_coords"][0])]
        truth = unpacked(record["segmentation"])
        ious = [overlap(found.take(np.array([i])).masks[0], truth) for i in same]
        best = same[int(np.argmax(ious))]
        assert max(ious) >= 0.999, (path.stem, record["point_coords"], max(ious))
        x, y, width, height = record["bbox"]
        assert np.abs(found.boxes[best] - (x, y, x + width, y + height)).max() <= 1
        left.remove(best)


def overlap(one, two):
    return (one & two).sum() / max((one | two).sum(), 1)


def unpacked(runs):
    """Run lengths column by column, outside first."""
    height, width = runs["size"]
    inside = np.arange(len(runs["counts"])) % 2 == 1
    return np.repeat(inside, runs["counts"]).reshape(width, height).T


@pytest.mark.parametrize("path", PHOTOS, ids=lambda path: path.stem)
def test_a_small_grid_gives_the_same_masks(models, path):
    compare(models, path, 8)


def test_a_large_grid_gives_the_same_masks(models):
    compare(models, PHOTOS[0], 32)
