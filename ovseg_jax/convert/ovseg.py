"""OVSeg's released files: MaskFormer named by words, and the CLIP model whose words they are."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from ovseg_jax.config import (
    ClipConfig,
    InferenceConfig,
    MaskGeneratorConfig,
    ModelConfig,
    QueryGeneratorConfig,
)
from ovseg_jax.convert import clip
from ovseg_jax.convert.backbones import identify_backbone
from ovseg_jax.convert.generators import expected_generator
from ovseg_jax.convert.query_generator import identify_heads
from ovseg_jax.convert.rules import Report, Rule, Skip, Tensors, apply, prefixed
from ovseg_jax.typing import Params

CLIP = "clip_adapter.clip_model."
TESTED = {"swin_base": (640, 2560), "resnet101c": (512, 2048)}
"""Short and long side of the published evaluations by trunk (systems 3.2)."""
REST = (
    Rule(r"clip_adapter\.non_object_embedding", "void_embedding"),
    Skip(r"clip_adapter\.pixel_(mean|std)", because="constants of the configuration"),
)
PROMPTS = Skip(
    r"visual\.mask_embedding",
    because="mask prompts belong to OVSeg's classification of crops, which is not built yet",
)


def convert_ovseg_generator(
    tensors: Tensors, where: str, *, variant: str = ""
) -> tuple[ModelConfig, Params, Report]:
    """Converts the mask generator of an OVSeg file, with the CLIP model that names its masks.

    The file's image tower is fine-tuned on masked crops; as a whole it converts, but the branch
    that crops and prompts does not come with it.

    Args:
        tensors: Content of the file, without the level "model".
        where: Name of the file, for messages.
        variant: The CLIP model; empty for the one of OpenAI's with the file's sizes.

    Returns:
        The generator as a model of its own, its parameters, and the report.

    Raises:
        ConversionError: The file does not fit.
    """
    towers = {n.removeprefix(CLIP): t for n, t in tensors.items() if n.startswith(CLIP)}
    name, clip_table = clip.identify(towers, where, variant=variant)
    if not variant and name + clip.QUICK in clip.VARIANTS:
        name += clip.QUICK  # OVSeg stands on OpenAI's models
    shapes = {tensor: array.shape for tensor, array in tensors.items()}
    backbone, trunk_table = identify_backbone(shapes, where)
    fields, head_table = identify_heads(shapes, where)
    generator = QueryGeneratorConfig(backbone=backbone, **fields)
    width = towers["text_projection"].shape[1]
    expected = {
        "clip": clip.expected_clip(name),
        "generator": expected_generator(generator, width),
        "void_embedding": jax.ShapeDtypeStruct((1, width), jnp.float32),
    }
    table = (
        *prefixed((*clip_table, PROMPTS), CLIP, "clip/"),
        *prefixed((*trunk_table, *head_table), "", "generator/"),
        *REST,
    )
    params, report = apply(table, tensors, expected, where)
    short, long = TESTED.get(backbone, (640, 2560))
    config = ModelConfig(
        clip=ClipConfig(variant=name),
        method=MaskGeneratorConfig(mask_loss="focal", num_points=0),
        generator=generator,
        inference=InferenceConfig(short_side=short, long_side=long),
        train_vocabulary="coco_stuff171",
    )
    return config, params, report
