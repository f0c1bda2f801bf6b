"""MaskCLIP++'s released files: a tuned image tower and the PSM (docs/reference 2.9).

The files leave out what stayed frozen: the text tower, unless it was tuned as well, and the
temperature. Both come from the CLIP file that was tuned, which the caller adds.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from ovseg_jax.config import ClipConfig, EnsembleConfig, InferenceConfig, ModelConfig
from ovseg_jax.config import MaskClipPlusPlusConfig as MethodConfig
from ovseg_jax.convert.expected import expected_of, floats
from ovseg_jax.convert.family import axis
from ovseg_jax.convert.generators.whole import Part
from ovseg_jax.convert.rules import (
    ConversionError,
    ConversionReport,
    Fill,
    Rule,
    Skip,
    Table,
    Tensors,
    apply,
    layer,
    linear,
    norm,
    prefixed,
    scalar,
    split_bias,
    split_linear,
)
from ovseg_jax.convert.towers import clip, clip_text
from ovseg_jax.foundation.typing import Params
from ovseg_jax.models.clip.variants import build_clip
from ovseg_jax.models.psm import build_similarity

IMAGE, TEXT = "visual_encoder.proxy.", "text_encoder."
TEST_SIZES = {
    **{"convnext_base": 512, "rn50x16": 512},
    **{"eva02_b_16": 384, "eva02_l_14": 392, "eva01_g_14": 336},
}
"""Short side in pixels at which the published evaluations show images to CLIP, by name."""
_QKV = tuple(f"align/attention/{part}/" for part in ("query", "key", "value"))


def _last_block_first(array: np.ndarray) -> np.ndarray:
    """Turns rows that count from the last block into rows that count from the first."""
    return array[::-1] if array.ndim == 2 else array[None]


PSM_TABLE: Table = (
    Rule(r"psm\.corr_proj_in\.0\.weight", "align/expand_kernel", linear),
    Rule(r"psm\.corr_proj_in\.0\.bias", "align/expand_bias"),
    Rule(r"psm\.corr_proj_out\.0\.weight", "align/reduce_kernel", linear),
    Rule(r"psm\.corr_proj_out\.0\.bias", "align/reduce_bias"),
    Rule(r"psm\.img_proj\.weight", "align/image/kernel", linear),
    Rule(r"psm\.img2text\.in_proj_weight", tuple(f"{t}kernel" for t in _QKV), split_linear),
    Rule(r"psm\.img2text\.in_proj_bias", tuple(f"{t}bias" for t in _QKV), split_bias),
    *layer(r"psm\.img2text\.out_proj", "align/attention/output"),
    *norm(r"psm\.ln_1", "align/norm"),
    Rule(r"visual_encoder\.mask_logit_scale", "log_strength", _last_block_first),
    Skip(r"criterion\..*", because="the loss has no weights that answers need"),
)
TEXT_TABLE: Table = (
    *prefixed(clip_text.TABLE, TEXT + "proxy.", "clip/"),
    Rule(re.escape(TEXT) + "logit_scale", "clip/logit_scale", scalar),
)
"""Rows of a text tower that was tuned as well."""


def convert_maskclippp(
    tensors: Tensors, where: str, *, variant: str = "", base: Tensors | None = None
) -> tuple[ModelConfig, Params, ConversionReport]:
    """Converts a file of MaskCLIP++.

    Args:
        tensors: Content of the file, without the level "model".
        where: Name of the file, for messages.
        variant: The CLIP model, where sizes leave a choice.
        base: Content of the CLIP file that was tuned. Of it, the text tower is used unless the
            file brings its own, and the temperature.

    Returns:
        The model, its parameters, and the report.

    Raises:
        ConversionError: The text tower is nowhere, or a file does not fit.
    """
    tuned_text = any(name.startswith(TEXT + "proxy.") for name in tensors)
    if base is None and not tuned_text:
        raise ConversionError(
            f"{where} brings no text tower, since MaskCLIP++ leaves it as it was: add the CLIP "
            "file that was tuned (ovseg convert ... --clip FILE)"
        )
    part = classifier_part(tensors, where, variant or _identified(tensors, base or {}, where))
    borrowed, skipped = _borrowed(base or {}, tensors)
    text = (*prefixed(clip_text.TABLE, "", "clip/"), *TEXT_TABLE)
    expected = part.expected | {"clip": clip.expected_clip(part.config.clip.variant)}
    params, report = apply((*part.table, *text), {**tensors, **borrowed}, expected, where)
    report.skipped.update(skipped)
    return part.config, params, report


def classifier_part(tensors: Tensors, where: str, variant: str = "") -> Part:
    """Reads the tuned image tower and the PSM; `expected` lacks the text tower.

    Raises:
        ConversionError: There is no tower, or none that is known.
    """
    inside = {f"visual.{n.removeprefix(IMAGE)}": t for n, t in tensors.items() if IMAGE in n}
    if not inside:
        raise ConversionError(f"{where} holds no MaskCLIP++: {IMAGE}* is missing")
    name, table = clip.identify_image(inside, where, variant=variant)
    size = clip.find_variant(name).image_size
    tower = expected_of(build_clip(name).visual, floats(1, size, size, 3))
    method = _method(tensors)
    expected: dict[str, Any] = {"clip": {"visual": tower}}
    if method.psm != "none":
        expected["align"] = _expected_psm(method, build_clip(name).embedding_dim)
    if (scales := tensors.get("visual_encoder.mask_logit_scale")) is not None:
        shape = scales.shape if len(scales.shape) == 2 else (1, *scales.shape)
        expected["log_strength"] = floats(*shape)
    return Part(_config(name, method), (*_moved(table), *PSM_TABLE), expected)


def _identified(tensors: Tensors, base: Tensors, where: str) -> str:
    """Names the CLIP model by both towers: the images of EVA01 g/14 and g/14-plus are alike."""
    image = {f"visual.{n.removeprefix(IMAGE)}": t for n, t in tensors.items() if IMAGE in n}
    tuned = TEXT + "proxy."
    text = {n.removeprefix(tuned): t for n, t in tensors.items() if n.startswith(tuned)}
    text = text or {n: t for n, t in base.items() if not n.startswith("visual.")}
    return clip.identify(image | text, where)[0] if image else ""


def _method(tensors: Tensors) -> MethodConfig:
    scales = tensors.get("visual_encoder.mask_logit_scale")
    depth = len(scales) if scales is not None and scales.ndim == 2 else 3
    if "psm.img_proj.weight" in tensors:
        return MethodConfig(psm="pseudo_text", depth=depth)
    if "psm.corr_proj_in.0.weight" not in tensors:  # "DummyPSM" has no weights
        return MethodConfig(psm="none", depth=depth)
    expand = "psm.corr_proj_in.0.weight"
    templates = axis({expand: tensors[expand].shape}, expand, 1)
    return MethodConfig(psm="linear", depth=depth, num_templates=templates, ignore_empty=True)


def _config(name: str, method: MethodConfig) -> ModelConfig:
    short = next((size for key, size in TEST_SIZES.items() if name.startswith(key)), 640)
    convolutional = name.startswith("convnext")
    alpha = 0.6 if convolutional else 0.9
    return ModelConfig(
        clip=ClipConfig(variant=name, position_resize="" if convolutional else "bicubic_aligned"),
        method=method,
        inference=InferenceConfig(
            short_side=short,
            long_side=2560,
            ensemble=EnsembleConfig(alpha=alpha, beta=1.0, floor=1e-8, with_others=True),
        ),
        templates="vild14" if method.num_templates == 14 else "single",
        train_vocabulary="coco_stuff171",
    )


def _expected_psm(method: MethodConfig, width: int) -> Mapping[str, Any]:
    psm = build_similarity(method.psm, width, method.num_templates)
    words = floats(1, method.num_templates, width)
    return expected_of(psm, words, see=lambda: jnp.zeros((1, 1, width)), method="words")


def _moved(table: Table) -> Table:
    """Returns the rows of the image tower under the names that they have here."""
    here, there = re.escape("visual."), re.escape(IMAGE)
    moved = (
        dataclasses.replace(row, source=there + row.source.removeprefix(here))
        for row in table
        if not isinstance(row, Fill) and row.source.startswith(here)
    )
    return prefixed(tuple(moved), "", "clip/")


def _borrowed(base: Tensors, tensors: Tensors) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Splits the CLIP file into what is used and, with the reason, what is not."""
    used, skipped = {}, {}
    own_text = any(name.startswith(TEXT + "proxy.") for name in tensors)
    for name, array in base.items():
        scale = name in ("logit_scale", "text.logit_scale")
        if name.startswith("visual."):
            skipped[f"(clip) {name}"] = "the image tower is the tuned one"
        elif (own_text and not scale) or (scale and TEXT + "logit_scale" in tensors):
            skipped[f"(clip) {name}"] = "the file brings its own, tuned"
        else:
            used["logit_scale" if scale else name] = array
    return used, skipped
