"""CLIP towers: dense features, heads, image and text embeddings."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

from golden_cases import Case, NotSupported, Outputs, runner
from golden_cases.frames import channels_first
from ovseg_jax.convert.towers.clip import QUICK, convert_open_clip
from ovseg_jax.models.clip.clip import Clip
from ovseg_jax.models.clip.resnet import ResNetTower
from ovseg_jax.models.clip.variants import VARIANTS, build_clip, build_tokenizer
from ovseg_jax.models.clip.vit import VisionTransformer


@runner("clip_towers", "clip_fc", "clip_open_clip")
def run(case: Case) -> Outputs:
    """Runs one tower pair on images, on pooled vectors or masks, and on prompts."""
    name = variant_name(case.config["model"])
    _, params, _ = convert_open_clip(case.checkpoint(), case.name, variant=name)
    variables = {"params": jax.tree.map(jnp.asarray, params.pop("clip"))}
    clip = build_clip(name)
    if isinstance(clip.visual, VisionTransformer):
        outputs = run_transformer(clip, variables, case)
    else:
        outputs = run_pyramid(clip, variables, case)
    tokens = build_tokenizer(name)(list(case.inputs["prompts"]))
    text = jax.jit(functools.partial(clip.apply, method="encode_text"))(variables, tokens)
    return outputs | {"tokens": tokens, "text_embedding": np.asarray(text)}


def variant_name(model: str) -> str:
    """Returns our name of an open_clip model."""
    name = model.lower().replace("-quickgelu", QUICK).replace("-", "_")
    if name not in VARIANTS:
        raise NotSupported(f"no such tower yet: {model}")
    return name


def run_pyramid(clip: Clip, variables: dict, case: Case) -> Outputs:
    """Runs a ConvNeXt or ResNet: all maps, the head per cell, the embedding."""

    def inside(clip, image):
        maps, whole = clip.visual.outputs(image)
        return maps, clip.project(list(maps.values())[-1]), whole

    compute = jax.jit(functools.partial(clip.apply, method=inside))
    maps, projected, whole = jax.device_get(compute(variables, normalised(case, "image")))
    if "image_native" in case.inputs:
        whole = jax.device_get(compute(variables, normalised(case, "image_native")))[-1]
    outputs = {name: channels_first(x) for name, x in maps.items()}
    outputs["clip_vis_dense"] = outputs[max(n for n in outputs if n.startswith("res"))]
    outputs["image_embedding"] = whole
    if "pooled" in case.inputs:
        outputs["dense_projected"] = channels_first(projected)
        pooled = jnp.asarray(case.inputs["pooled"])
        outputs["visual_head"] = np.asarray(clip.apply(variables, pooled, method="project"))
    if "mask_logits" in case.inputs and isinstance(clip.visual, ResNetTower):
        outputs["visual_head"] = masked_pooling(clip, variables, case, maps["res5"])
    return outputs


def masked_pooling(clip: Clip, variables: dict, case: Case, dense: np.ndarray) -> np.ndarray:
    """Runs the attention pool per mask as FC-CLIP does: its own resize, cells inside only."""
    tower = clip.clone(visual=clip.visual.clone(position_resize="bilinear"))
    logits = case.inputs["mask_logits"]
    inside = jnp.asarray(logits.reshape(-1, np.prod(logits.shape[-2:])) > 0)
    bias = jnp.where(inside, 0.0, -jnp.inf)[None, None]
    return np.asarray(
        tower.apply(variables, jnp.asarray(dense), bias, method=lambda m, *x: m.visual.pool(*x))
    )


def run_transformer(clip: Clip, variables: dict, case: Case) -> Outputs:
    """Runs a ViT at its own size and, where the case has one, at another."""
    outputs = transformer_outputs(clip, variables, normalised(case, "image"))
    if "image_nonnative" in case.inputs:
        image = normalised(case, "image_nonnative")
        other = transformer_outputs(clip, variables, image)
        outputs["nonnative_image_embedding"] = other["image_embedding"]
        outputs["nonnative_patch_tokens"] = other["last_patch_tokens"]
        patch = clip.visual.patch
        grid = image.shape[1] // patch, image.shape[2] // patch
        positions = clip.apply(variables, method=lambda m: m.visual.positions(grid))
        outputs["pos_embed_resized"] = np.asarray(positions)
    return outputs


def transformer_outputs(clip: Clip, variables: dict, image: jax.Array) -> Outputs:
    """Returns the tokens behind every block and the norm, and the embedding."""
    last, prefix = clip.visual.layers, clip.visual.prefix

    @jax.jit
    def compute(variables, image):
        def inside(module, image):
            tokens, memories = module.visual.run(image, remember=range(last))
            whole = module.visual.embed_whole(tokens)
            entering = [memories[index].tokens for index in range(last)]
            return tokens, module.visual.final_norm(tokens), whole, entering

        return clip.apply(variables, image, method=inside)

    tokens, normed, whole, entering = jax.device_get(compute(variables, image))
    outputs = {
        f"block{index}_patch_tokens": x[:, prefix:]
        for index, x in enumerate([*entering[1:], tokens], start=1)
    }
    return outputs | {
        "image_embedding": whole,
        "tokens_after_norm": normed,
        "last_cls": tokens[:, :1],
        "last_patch_tokens": tokens[:, prefix:],
    }


def normalised(case: Case, name: str) -> jax.Array:
    """Returns an input image as a normalised batch of one."""
    mean, std = (np.float32(case.config[key]) for key in ("pixel_mean", "pixel_std"))
    return jnp.asarray((case.inputs[name][None].astype(np.float32) - mean) / std)
