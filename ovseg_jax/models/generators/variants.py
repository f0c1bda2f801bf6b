"""From the description of a mask generator to its module."""

from __future__ import annotations

import difflib
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike

from ovseg_jax.foundation.errors import ModelError
from ovseg_jax.models.backbones.convnext import ConvNeXtBackbone
from ovseg_jax.models.backbones.resnet import ResNetBackbone
from ovseg_jax.models.backbones.swin import SwinBackbone
from ovseg_jax.models.generators.deformable_decoder import DeformableDecoder
from ovseg_jax.models.generators.detr_decoder import DetrDecoder
from ovseg_jax.models.generators.fpn_decoder import FpnDecoder
from ovseg_jax.models.generators.generator import QueryGenerator
from ovseg_jax.models.generators.query_decoder import QueryDecoder

CLIP = "clip"
"""Stands for no backbone of its own: the generator reads the trunk maps of the CLIP tower."""


def _swin(width: int, depth: int, heads: int, window: int) -> SwinBackbone:
    """Swin doubles width and heads from stage to stage; only the third differs in depth."""
    depths, per_stage = (2, 2, depth, 2), tuple(heads * 2**stage for stage in range(4))
    return SwinBackbone(width=width, depths=depths, heads=per_stage, window=window)


BACKBONES: dict[str, nn.Module] = {
    "swin_tiny": _swin(96, 6, 3, 7),
    "swin_small": _swin(96, 18, 3, 7),
    "swin_base": _swin(128, 18, 4, 12),
    "swin_large": _swin(192, 18, 6, 12),
    "resnet50": ResNetBackbone(blocks=(3, 4, 6, 3)),
    "resnet101": ResNetBackbone(blocks=(3, 4, 23, 3)),
    "resnet50c": ResNetBackbone(blocks=(3, 4, 6, 3), stem="deeplab", res5_dilations=(1, 2, 4)),
    "resnet101c": ResNetBackbone(blocks=(3, 4, 23, 3), stem="deeplab", res5_dilations=(1, 2, 4)),
    "convnext_toy": ConvNeXtBackbone(dims=(32, 64, 128), depths=(1, 1, 2)),
}


def build_generator(
    config: Any, embedding_dim: int = 0, dtype: DTypeLike = jnp.float32
) -> QueryGenerator:
    """Builds a generator; parameters come separately.

    Args:
        config: A `ovseg_jax.config.QueryGeneratorConfig`.
        embedding_dim: Width of the joint space of images and words; not needed by "linear".
        dtype: Compute type of the backbone; the decoders compute in float32, as published.

    Raises:
        ModelError: There is no such backbone, or parts do not fit together.
    """
    _check_widths(config)
    return QueryGenerator(
        backbone=None if config.backbone == CLIP else backbone(config.backbone).clone(dtype=dtype),
        pixel_decoder=_pixel_decoder(config),
        decoder=_decoder(config, embedding_dim),
    )


def backbone(name: str) -> nn.Module:
    """Returns the module of a row.

    Raises:
        ModelError: There is no such row; the message names the nearest and lists all.
    """
    if name in BACKBONES:
        return BACKBONES[name]
    near = difflib.get_close_matches(name, BACKBONES, n=1, cutoff=0.4)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    known = ", ".join((CLIP, *BACKBONES))
    raise ModelError(f"generator.backbone: no row {name!r}.{hint} Known: {known}")


def _check_widths(config: Any) -> None:
    if config.width % config.heads:
        raise ModelError(
            f"generator.heads is {config.heads}, which does not divide generator.width, "
            f"{config.width}"
        )
    if config.width % 4:
        raise ModelError(
            f"generator.width is {config.width}, but sine positions need a multiple of four"
        )


def _pixel_decoder(config: Any) -> nn.Module:
    shared = {
        "width": config.width,
        "mask_width": config.mask_width,
        "heads": config.heads,
        "encoder_layers": config.encoder_layers,
        "hidden": config.encoder_hidden,
    }
    if config.pixel_decoder == "deformable":
        return DeformableDecoder(levels=config.levels, **shared)
    return FpnDecoder(**shared)


def _decoder(config: Any, embedding_dim: int) -> nn.Module:
    shared = {
        "width": config.width,
        "mask_width": config.mask_width,
        "heads": config.heads,
        "hidden": config.decoder_hidden,
        "layers": config.decoder_layers,
        "num_queries": config.num_queries,
        "class_head": config.class_head,
        "num_classes": config.num_classes,
        "embedding_dim": embedding_dim,
    }
    if config.decoder == "masked_attention":
        if config.pixel_decoder != "deformable":
            raise ModelError(
                f"generator.pixel_decoder is {config.pixel_decoder!r}, but generator.decoder "
                "'masked_attention' needs 'deformable': it looks at maps of several sizes"
            )
        if config.class_head == "embedding":
            raise ModelError("generator.class_head: masked attention has 'linear' or 'text' heads")
        return QueryDecoder(levels=config.levels, **shared)
    if config.class_head == "text":
        raise ModelError("generator.class_head: DETR's decoder has 'linear' or 'embedding' heads")
    # MaskFormer's encoder, where it has one, brings the map to the decoder's width already.
    return DetrDecoder(project_input=config.encoder_layers == 0, **shared)
