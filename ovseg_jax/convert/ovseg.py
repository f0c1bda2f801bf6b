"""OVSeg's released files: MaskFormer named by words, and the CLIP model whose words they are."""

from __future__ import annotations

import re

import jax
import jax.numpy as jnp

from ovseg_jax.config import (
    ClipConfig,
    EnsembleConfig,
    InferenceConfig,
    MaskGeneratorConfig,
    ModelConfig,
    NoGeneratorConfig,
    OVSegConfig,
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
PROMPTS = Rule(re.escape(f"{CLIP}visual.mask_embedding"), "prompt/mask_embedding")
NO_PROMPTS = Skip(PROMPTS.source, because="mask prompts are for crops, which are not read here")


def convert_ovseg_generator(
    tensors: Tensors, where: str, *, variant: str = ""
) -> tuple[ModelConfig, Params, Report]:
    """Converts the mask generator of an OVSeg file, with the CLIP model that names its masks.

    The branch that crops and prompts is left out; see `convert_ovseg` for the whole.

    Args:
        tensors: Content of the file, without the level "model".
        where: Name of the file, for messages.
        variant: The CLIP model; empty for the one of OpenAI's with the file's sizes.

    Returns:
        The generator as a model of its own, its parameters, and the report.

    Raises:
        ConversionError: The file does not fit.
    """
    return _convert(tensors, where, variant, MaskGeneratorConfig(mask_loss="focal", num_points=0))


def convert_ovseg(
    tensors: Tensors, where: str, *, variant: str = ""
) -> tuple[ModelConfig, Params, Report]:
    """Converts a whole OVSeg file: generator, CLIP model and mask prompts.

    Arguments, result and errors are those of `convert_ovseg_generator`. Files that were only
    fine-tuned hold prompts as well, which nobody trained: `method.prompts` "none" leaves them out.
    """
    prompts = tensors.get(f"{CLIP}visual.mask_embedding")
    method = OVSegConfig(has_void=True, prompts="none")
    if prompts is not None:
        method = OVSegConfig(has_void=True, prompt_depth=len(prompts))
    return _convert(tensors, where, variant, method)


def _convert(
    tensors: Tensors, where: str, variant: str, method: MaskGeneratorConfig | OVSegConfig
) -> tuple[ModelConfig, Params, Report]:
    towers = {n.removeprefix(CLIP): t for n, t in tensors.items() if n.startswith(CLIP)}
    name, clip_table = clip.identify(towers, where, variant=variant)
    if not variant and name + clip.QUICK in clip.VARIANTS:
        name += clip.QUICK  # OVSeg stands on OpenAI's models
    shapes = {tensor: array.shape for tensor, array in tensors.items()}
    width = towers["text_projection"].shape[1]
    expected = {
        "clip": clip.expected_clip(name),
        "void_embedding": jax.ShapeDtypeStruct((1, width), jnp.float32),
    }
    prompts = NO_PROMPTS
    if isinstance(method, OVSegConfig) and method.prompts == "mask":
        prompts = PROMPTS
        found = towers["visual.mask_embedding"]
        expected["prompt"] = {"mask_embedding": jax.ShapeDtypeStruct(found.shape, jnp.float32)}
    table = (*prefixed(clip_table, CLIP, "clip/"), prompts, *REST)
    generator, trunk = NoGeneratorConfig(), ""
    if any(tensor.startswith("sem_seg_head.") for tensor in shapes):
        trunk, trunk_table = identify_backbone(shapes, where)
        fields, head_table = identify_heads(shapes, where)
        generator = QueryGeneratorConfig(backbone=trunk, **fields)
        expected["generator"] = expected_generator(generator, width)
        table = (*table, *prefixed((*trunk_table, *head_table), "", "generator/"))
    params, report = apply(table, tensors, expected, where)
    short, long = TESTED.get(trunk, (640, 2560))
    config = ModelConfig(
        clip=ClipConfig(variant=name),
        method=method,
        generator=generator,
        inference=InferenceConfig(
            short_side=short,
            long_side=long,
            ensemble=EnsembleConfig(kind="ovseg", alpha=0.7, beta=0.7),
        ),
        train_vocabulary="coco_stuff171",
    )
    return config, params, report
