"""Settings of MaskCLIP++'s cases: as fields of our method, as sizes, or as a refusal."""

from __future__ import annotations

import numpy as np

from ovseg_jax.methods.maskclippp import MaskClipPlusPlus

from . import NotSupported
from .frames import Size


def check_supported(config: dict) -> None:
    """Refuses variants of the original that no published configuration uses.

    Raises:
        NotSupported: The case has such a setting.
    """
    tower, psm = config.get("visual_encoder", {}), config.get("psm", {})
    kind = tower.get("NAME", "CLIPViT")
    attends, pseudo = kind != "CLIPConvNeXt", psm.get("NAME") == "PseudoTextPSM"
    fixed = tower.get("DOWN_MASK_THRESH", config.get("down_mask_thresh"))
    early = not attends and tower.get("MASK_PRIOR_BEG", 5) != 5
    refused = {
        "masks cut at a fixed value": attends and fixed is not None,
        "masks cut before they average": not attends and bool(fixed),
        "masks in an early stage": early,
        "masks resized otherwise": tower.get("DOWNSAMPLE_METHOD", "bilinear") != "bilinear",
        "similarities beside the PSM": psm.get("CORR_RESIDUAL", False),
        "a PSM with a temperature": psm.get("USE_LOGIT_SCALE", False),
        "cells of any length in pseudo text": pseudo and not psm.get("NORM_VISUAL_COND", True),
        "other heads of pseudo text": pseudo and psm.get("NUM_HEADS", 8) != 8,
        "other conditions of pseudo text": pseudo and psm.get("IN_FEATURES") != ["p_embs"],
        "labels that are ignored": config.get("criterion", {}).get("IGNORE_INDEX", -100) >= 0,
    }
    if reasons := [reason for reason, found in refused.items() if found]:
        raise NotSupported("; ".join(reasons))


def mask_settings(config: dict, method: MaskClipPlusPlus, expected: dict) -> dict:
    """How masks enter the tower, as fields of the method; the files say only what was learned."""
    tower, fields = config.get("visual_encoder", {}), {}
    first = tower.get("MASK_PRIOR_BEG", config.get("mask_prior_beg"))
    if method.reads and first is not None:
        fields["depth"] = method.clip.visual.layers - first + 1
    if method.attends and "log_strength" not in expected:
        scale = tower.get("MASK_LOGIT_SCALE", config.get("mask_logit_scale", -5.0))
        fields["strength"] = float(np.exp(scale))
    return fields


def picture_size(config: dict, image: np.ndarray) -> Size:
    """The size of an image as CLIP sees it.

    Raises:
        NotSupported: It is scaled by a factor.
    """
    tower = config.get("visual_encoder", {})
    kind = config.get("resize", tower.get("TEST_RESIZE_TYPE"))
    if kind == "none":
        return image.shape[:2]
    side = config.get("clip_short_side") or config.get("test_image_size")
    side = side or tower["TEST_IMAGE_SIZE"]
    if kind == "square":
        return side, side
    if kind != "short":
        raise NotSupported(f"images resized by {kind!r}")
    return short_side(image, side)


def short_side(image: np.ndarray, short: int) -> Size:
    """The size with a given shorter side; the longer one is cut to whole pixels."""
    height, width = image.shape[:2]
    if height < width:
        return short, int(width * short / height)
    return int(height * short / width), short
