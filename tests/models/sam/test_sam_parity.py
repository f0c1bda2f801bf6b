"""SAM against segment-anything at random weights: every stage, and automatic mask generation."""

import dataclasses

import numpy as np
import pytest

pytest.importorskip("torch")
import parity  # noqa: F401 - before torchvision is imported

pytest.importorskip("segment_anything")

import jax
import jax.numpy as jnp
import official_sam as official
import torch
from segment_anything import SamAutomaticMaskGenerator

from ovseg_jax.config import SamConfig
from ovseg_jax.convert.generators.sam import OFFICIAL_TABLE
from ovseg_jax.convert.rules import apply
from ovseg_jax.inference.mask_makers.automatic_masks import AutomaticMaskGenerator
from ovseg_jax.loading.parameters import sam_shapes
from ovseg_jax.models.sam.image_encoder import SamImageEncoder
from ovseg_jax.models.sam.mask_decoder import MaskDecoder
from ovseg_jax.models.sam.prompt_encoder import PromptEncoder
from ovseg_jax.models.sam.sam import Sam

SIDE = 128


@pytest.fixture(scope="module")
def theirs():
    return official.small_sam(side=SIDE)


@pytest.fixture(scope="module")
def ours(theirs):
    module = Sam(
        encoder=SamImageEncoder(32, 2, 2, (1,), image_size=SIDE, window=3),
        prompts=PromptEncoder(image_size=SIDE),
        decoder=MaskDecoder(),
    )
    expected = {"generator": sam_shapes(module)}
    params, report = apply(OFFICIAL_TABLE, official.arrays(theirs), expected, "x")
    assert all("mask_downscaling" in n or "pixel_" in n for n in report.skipped)
    return module, params["generator"]


def photo(height=90, width=120, seed=0):
    """Coloured blocks with noise."""
    rng = np.random.default_rng(seed)
    blocks = np.kron(rng.integers(0, 256, (6, 8, 3)), np.ones((height // 6, width // 8, 1)))
    return np.clip(blocks + rng.normal(0, 10, blocks.shape), 0, 255).astype(np.uint8)


def test_image_encoder_and_decoder_agree(theirs, ours):
    module, params = ours
    images = np.random.default_rng(0).integers(0, 256, (1, SIDE, SIDE, 3)).astype(np.float32)
    points = np.array([[[30.0, 40.0]], [[100.0, 7.5]]], np.float32)
    with torch.inference_mode():
        pixels = theirs.preprocess(torch.tensor(np.moveaxis(images, -1, 1))[0])[None]
        want = theirs.image_encoder(pixels)
        sparse, dense = theirs.prompt_encoder(
            (torch.tensor(points), torch.tensor([[1], [0]])), None, None
        )
        masks, quality = theirs.mask_decoder(
            image_embeddings=want,
            image_pe=theirs.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=True,
        )[:2]
    sizes = jnp.array([[SIDE, SIDE]])
    encode = jax.jit(lambda p, *x: module.apply({"params": p}, *x, method="encode"))
    decode = jax.jit(lambda p, *x: module.apply({"params": p}, *x, method="decode"))
    encoded = encode(params, jnp.asarray(images), sizes)
    np.testing.assert_allclose(np.moveaxis(np.asarray(encoded), -1, 1), want, atol=2e-4)
    got = decode(params, encoded, jnp.asarray(points), jnp.array([[1], [0]]))
    np.testing.assert_allclose(got[0], masks, atol=5e-4 * float(masks.abs().max()))
    np.testing.assert_allclose(got[1], quality, atol=5e-4)


CASES = {
    "plain": {},
    "parts of the photo": {"crop_layers": 1, "crop_points_factor": 2},
    "without specks": {"min_region": 40},
}


@pytest.mark.parametrize("case", CASES)
def test_automatic_masks_agree(theirs, ours, case):
    if "min_region" in CASES[case]:
        pytest.importorskip("cv2")
    options = SamConfig(
        points_per_side=6,
        points_per_batch=5,
        min_iou=0.5,
        min_stability=0.6,
        nms_iou=1.0,  # boxes of random masks look much alike; `distinct_boxes` has its own test
        **CASES[case],
    )
    reference = SamAutomaticMaskGenerator(
        theirs,
        points_per_side=options.points_per_side,
        points_per_batch=7,
        pred_iou_thresh=options.min_iou,
        stability_score_thresh=options.min_stability,
        box_nms_thresh=options.nms_iou,
        crop_nms_thresh=options.nms_iou,
        crop_n_layers=options.crop_layers,
        crop_n_points_downscale_factor=options.crop_points_factor,
        min_mask_region_area=options.min_region,
    )
    pixels = photo()
    want = reference.generate(pixels)
    module, params = ours
    found = AutomaticMaskGenerator(module, params, options).generate(pixels)
    same_masks(found, want)
    assert len(found) >= 20


def same_masks(found, want):
    """Same count, boxes within a pixel, mask IoU of at least 0.999."""
    assert len(found) == len(want)
    for index, (mask, record) in enumerate(zip(found.masks, want, strict=True)):
        truth = record["segmentation"]
        assert (mask & truth).sum() >= 0.999 * (mask | truth).sum()
        left, top, width, height = record["bbox"]
        box = (left, top, left + width, top + height)
        assert np.abs(found.boxes[index] - box).max() <= 1
        assert abs(found.ious[index] - record["predicted_iou"]) < 1e-3
        assert abs(found.stability[index] - record["stability_score"]) < 1e-2


def test_the_batch_of_points_changes_nothing(ours):
    module, params = ours
    options = SamConfig(points_per_side=4, points_per_batch=16, min_iou=0.5, min_stability=0.6)
    whole = AutomaticMaskGenerator(module, params, options).generate(photo())
    few = dataclasses.replace(options, points_per_batch=3)
    parts = AutomaticMaskGenerator(module, params, few).generate(photo())
    np.testing.assert_array_equal(whole.boxes, parts.boxes)
    assert len(whole) and (whole.masks != parts.masks).mean() < 1e-3
