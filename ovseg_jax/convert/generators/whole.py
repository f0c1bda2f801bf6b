"""Whole mask generators: Mask2Former, MaskFormer, and FC-CLIP with its CLIP model."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from ovseg_jax.config import (
    ClipConfig,
    EnsembleConfig,
    InferenceConfig,
    MaskGeneratorConfig,
    MaskPoolingConfig,
    ModelConfig,
    NoGeneratorConfig,
    QueryGeneratorConfig,
)
from ovseg_jax.convert.expected import expected_of, floats
from ovseg_jax.convert.family import Shapes, axis
from ovseg_jax.convert.generators.backbones import identify_backbone
from ovseg_jax.convert.generators.query_heads import CONSTANTS, identify_heads
from ovseg_jax.convert.rules import ConversionReport, Rule, Table, Tensors, apply, prefixed
from ovseg_jax.convert.towers import clip
from ovseg_jax.foundation.typing import Params
from ovseg_jax.models.clip.variants import build_clip
from ovseg_jax.models.generators.variants import build_generator

CLIP = "backbone.clip_model."
_CLASS_LAYER = re.compile(r"sem_seg_head\.predictor\.class_embed\.layers\.\d\.weight")
VOCABULARIES = {133: "coco_panoptic133", 150: "ade150", 171: "coco_stuff171", 847: "ade847"}
"""Class lists by their length: a linear head does not say which list it was trained on."""
TESTED = InferenceConfig(
    short_side=800,
    long_side=1333,
    object_threshold=0.8,
    overlap_threshold=0.8,
)


def convert_closed_generator(
    tensors: Tensors, where: str, *, variant: str = ""
) -> tuple[ModelConfig, Params, ConversionReport]:
    """Converts a generator with a trunk of its own: Mask2Former or MaskFormer.

    Args:
        tensors: Content of the file, without the level "model".
        where: Name of the file, for messages.
        variant: Class list of a linear head, where its length leaves a choice.

    Returns:
        A model that names its masks by its own class list, its parameters, and the report.

    Raises:
        ConversionError: The file does not fit.
    """
    shapes = _shapes(tensors)
    backbone, trunk_table = identify_backbone(shapes, where)
    fields, head_table = identify_heads(shapes, where)
    generator = QueryGeneratorConfig(backbone=backbone, **fields)
    expected = {"generator": expected_generator(generator, 0)}
    table = prefixed((*trunk_table, *head_table), "", "generator/")
    params, report = apply(table, tensors, expected, where)
    config = ModelConfig(
        clip=ClipConfig(variant=""),
        method=MaskGeneratorConfig(has_void=False),
        generator=generator,
        inference=TESTED,
        train_vocabulary=variant or VOCABULARIES.get(generator.num_classes, ""),
    )
    return config, params, report


def convert_fcclip(
    tensors: Tensors, where: str, *, variant: str = ""
) -> tuple[ModelConfig, Params, ConversionReport]:
    """Converts FC-CLIP: CLIP, the generator on its trunk, and the void row.

    Args:
        tensors: Content of the file, without the level "model".
        where: Name of the file, for messages.
        variant: The CLIP model, where sizes leave a choice.

    Returns:
        Mask pooling with the generator and the published ensemble.

    Raises:
        ConversionError: The file does not fit.
    """
    towers, borrowed = clip_part(tensors, where, variant), generator_part(tensors, where)
    params, report = apply(
        (*towers.table, *borrowed.table), tensors, towers.expected | borrowed.expected, where
    )
    attends = hasattr(build_clip(towers.config).visual, "embed_masks")  # FC-CLIP's ResNets
    config = ModelConfig(
        clip=ClipConfig(variant=towers.config, position_resize="bilinear" if attends else ""),
        method=MaskPoolingConfig(has_void=True),
        generator=borrowed.config,
        inference=InferenceConfig(
            short_side=800,
            long_side=1333,
            ensemble=EnsembleConfig(alpha=0.4, beta=0.8, skip_empty=attends),
        ),
        train_vocabulary="coco_panoptic133",
    )
    return config, params, report


@dataclasses.dataclass(frozen=True)
class Part:
    """One part of a file.

    Attributes:
        config: Its description.
        table: Its rows.
        expected: Shapes of its parameters, nested.
    """

    config: Any
    table: Table
    expected: dict[str, Any]


def clip_part(tensors: Tensors, where: str, variant: str = "") -> Part:
    """Reads the CLIP model and the void row of FC-CLIP's family; `config` is the variant's name.

    Raises:
        ConversionError: The towers are not known.
    """
    towers = {n.removeprefix(CLIP): t for n, t in tensors.items() if n.startswith(CLIP)}
    variant, table = clip.identify(towers, where, variant=variant)
    rows = Rule(r"void_embedding\.weight", "void_embedding")
    expected: dict[str, Any] = {"clip": clip.expected_clip(variant)}
    expected["void_embedding"] = floats(1, axis(_shapes(towers), "text_projection", 1))
    return Part(variant, (*prefixed(table, CLIP, "clip/"), rows), expected)


def generator_part(tensors: Tensors, where: str) -> Part:
    """Reads the generator that stands on the trunk of a CLIP model, if the file has one.

    Raises:
        ConversionError: What is there is no generator of this family.
    """
    shapes = _shapes(tensors)
    if not any(name.startswith("sem_seg_head.") for name in shapes):
        return Part(NoGeneratorConfig(), CONSTANTS, {})
    fields, table = identify_heads(shapes, where)
    generator = QueryGeneratorConfig(backbone="clip", **fields)
    last = max((n for n in shapes if _CLASS_LAYER.fullmatch(n)), default="")
    pyramid = {
        f"res{index + 2}": floats(1, 8, 8, channels)
        for index, channels in enumerate(_trunk_channels(shapes))
    }
    expected = expected_generator(generator, axis(shapes, last, 0), pyramid)
    return Part(generator, prefixed(table, "", "generator/"), {"generator": expected})


def _shapes(tensors: Tensors) -> Shapes:
    return {name: tensor.shape for name, tensor in tensors.items()}


def _trunk_channels(shapes: Mapping[str, tuple[int, ...]]) -> list[int]:
    """Channels of res2 to res5, as the input projections of the pixel decoder see them."""
    head = "sem_seg_head.pixel_decoder."
    names = ("adapter_1", "input_proj.2.0", "input_proj.1.0", "input_proj.0.0")
    return [axis(shapes, f"{head}{name}.weight", 1) or 1 for name in names]


def expected_generator(
    config: QueryGeneratorConfig, embedding_dim: int, pyramid: Mapping[str, Any] | None = None
) -> Mapping[str, Any]:
    """Returns the shapes of a generator's parameters.

    Args:
        config: The generator.
        embedding_dim: Width of the joint space, for heads that compare with words.
        pyramid: Shapes of the trunk maps that it borrows; None where it has a backbone.
    """
    module = build_generator(config, embedding_dim)
    sizes = jax.ShapeDtypeStruct((1, 2), jnp.int32)
    return expected_of(module, floats(1, 64, 64, 3), sizes, pyramid)
