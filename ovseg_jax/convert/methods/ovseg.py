"""OVSeg's released files: MaskFormer named by words, and the CLIP model whose words they are."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

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
from ovseg_jax.convert.expected import floats
from ovseg_jax.convert.family import axis
from ovseg_jax.convert.generators.backbones import identify_backbone
from ovseg_jax.convert.generators.query_heads import identify_heads
from ovseg_jax.convert.generators.whole import expected_generator
from ovseg_jax.convert.rules import ConversionReport, Rule, Skip, Tensors, apply, prefixed
from ovseg_jax.convert.towers import clip
from ovseg_jax.foundation.typing import Params

CLIP, NON_OBJECT = "clip_adapter.clip_model.", "clip_adapter.non_object_embedding"
TESTED = {"swin_base": (640, 2560, 0.4), "resnet101c": (512, 2048, 0.5)}
"""Short and long side, and the threshold of masks, of the published evaluations by trunk
(docs/reference 3.2)."""
CONSTANTS = Skip(r"clip_adapter\.pixel_(mean|std)", because="constants of the configuration")


def convert_ovseg_generator(
    tensors: Tensors, where: str, *, variant: str = ""
) -> tuple[ModelConfig, Params, ConversionReport]:
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
) -> tuple[ModelConfig, Params, ConversionReport]:
    """Converts a whole OVSeg file: generator, CLIP model and mask prompts.

    Arguments, result and errors are those of `convert_ovseg_generator`. Files that were only
    fine-tuned hold prompts as well, which nobody trained: `method.prompts` "none" leaves them out.
    A checkpoint of the tuning itself, which holds CLIP and prompts alone, gives a model without a
    generator, and one without the row of "no object" a model that never says so.
    """
    prompts = tensors.get(f"{_level(tensors)}visual.mask_embedding")
    method = OVSegConfig(has_void=NON_OBJECT in tensors, prompts="none")
    if prompts is not None and prompts.ndim:
        method = dataclasses.replace(method, prompts="mask", prompt_depth=prompts.shape[0])
    return _convert(tensors, where, variant, method)


def _level(tensors: Tensors) -> str:
    """Where CLIP's names start: below the whole model, or at the top in a checkpoint of tuning."""
    return CLIP if any(name.startswith(CLIP) for name in tensors) else ""


def _convert(
    tensors: Tensors, where: str, variant: str, method: MaskGeneratorConfig | OVSegConfig
) -> tuple[ModelConfig, Params, ConversionReport]:
    level = _level(tensors)
    towers = {n.removeprefix(level): t for n, t in tensors.items() if n.startswith(level)}
    name, clip_table = clip.identify(towers, where, variant=variant)
    if not variant and name + clip.QUICK in clip.VARIANTS:
        name += clip.QUICK  # OVSeg stands on OpenAI's models
    shapes = {tensor: array.shape for tensor, array in tensors.items()}
    width = axis({n: t.shape for n, t in towers.items()}, "text_projection", 1)
    expected: dict[str, Any] = {"clip": clip.expected_clip(name)}
    void = ()
    if method.has_void:
        void = (Rule(re.escape(NON_OBJECT), "void_embedding"),)
        expected["void_embedding"] = floats(1, width)
    source = re.escape(f"{level}visual.mask_embedding")
    prompts = Skip(source, because="mask prompts are for crops, which are not read here")
    if isinstance(method, OVSegConfig) and method.prompts == "mask":
        prompts = Rule(source, "prompt/mask_embedding")
        found = towers["visual.mask_embedding"]
        expected["prompt"] = {"mask_embedding": floats(*found.shape)}
    table = (prompts, *prefixed(clip_table, level, "clip/"), *void, CONSTANTS)
    generator, trunk = NoGeneratorConfig(), ""
    if any(tensor.startswith("sem_seg_head.") for tensor in tensors):
        trunk, trunk_table = identify_backbone(shapes, where)
        fields, head_table = identify_heads(shapes, where)
        generator = QueryGeneratorConfig(backbone=trunk, **fields)
        expected["generator"] = expected_generator(generator, width)
        table = (*table, *prefixed((*trunk_table, *head_table), "", "generator/"))
    params, report = apply(table, tensors, expected, where)
    short, long, threshold = TESTED.get(trunk, TESTED["swin_base"])
    if isinstance(method, OVSegConfig):
        method = dataclasses.replace(method, mask_threshold=threshold)
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
