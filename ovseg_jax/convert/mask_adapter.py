"""Mask-Adapter's released files: CLIP, adapter head and void embedding (systems 1.8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from ovseg_jax.config import ClipConfig, MaskAdapterConfig, ModelConfig
from ovseg_jax.convert import clip
from ovseg_jax.convert.family import count
from ovseg_jax.convert.rules import (
    ConversionError,
    Report,
    Rule,
    Skip,
    Tensors,
    apply,
    conv,
    layer,
    norm,
    prefixed,
)
from ovseg_jax.models.mask_adapter import MaskAdapterHead
from ovseg_jax.typing import Params

_CLIP = "backbone.clip_model."
_HEAD = "mask_adapter."
_DOWN = r"mask_adapter\.mask_downscaling\."

HEAD_TABLE = (
    *layer(_DOWN + "0", "adapter/mask_embedding/conv1", conv),
    *norm(_DOWN + "1", "adapter/mask_embedding/norm1"),
    *layer(_DOWN + "3", "adapter/mask_embedding/conv2", conv),
    *norm(_DOWN + "4", "adapter/mask_embedding/norm2"),
    *layer(_DOWN + "6", "adapter/mask_embedding/project"),
    *layer(r"mask_adapter\.fuse", "adapter/fuse"),
    *norm(r"mask_adapter\.norm", "adapter/norm"),
    *layer(r"mask_adapter\.final", "adapter/maps"),
)
"""Rows of the head without its blocks, which `block_table` counts off."""

REST_TABLE = (
    Rule(r"void_embedding\.weight", "void_embedding"),
    Skip(r"sem_seg_head\..*", because="the mask generator is a model of its own"),
    Skip(r"criterion\..*", because="constants of the generator's loss"),
    Skip(r"pixel_(mean|std)", because="constants of the configuration"),
)


def block_table(number: int) -> tuple[Rule, ...]:
    """Returns the rows of one ConvNeXt block; the file counts from 1, the tree from 0."""
    source, target = rf"mask_adapter\.cnext{number + 1}\.", f"adapter/block{number}"
    return (
        Rule(f"{source}gamma", f"{target}/layer_scale"),
        *layer(f"{source}dwconv", f"{target}/depthwise", conv),
        *norm(f"{source}norm", f"{target}/norm"),
        *layer(f"{source}pwconv1", f"{target}/expand"),
        *layer(f"{source}pwconv2", f"{target}/reduce"),
    )


def convert_mask_adapter(
    tensors: Tensors, where: str, *, variant: str = ""
) -> tuple[ModelConfig, Params, Report]:
    """Converts a file of Mask-Adapter on FC-CLIP, after either training phase.

    Args:
        tensors: Content of the file, without the level "model".
        where: Name of the file, for messages.
        variant: The CLIP model, where sizes leave a choice.

    Returns:
        The model with the sizes of the file, its parameters, and the report.

    Raises:
        ConversionError: The file holds no adapter, one on MAFT+, or does not fit the table.
    """
    if any(name.startswith("cdt.") for name in tensors):
        raise ConversionError(
            f"{where} holds a Mask-Adapter on MAFT+ (cdt.*), whose text transfer and feature "
            "layout are not built here; without them its answers would be wrong"
        )
    head = infer_head(tensors, where)
    towers = {n.removeprefix(_CLIP): t for n, t in tensors.items() if n.startswith(_CLIP)}
    variant, clip_table = clip.identify(towers, where, variant=variant)
    width = tensors[f"{_HEAD}fuse.weight"].shape[1]
    expected = {
        "clip": clip.expected_clip(variant),
        "adapter": expected_head(head, width),
        "void_embedding": jax.ShapeDtypeStruct((1, width), jnp.float32),
    }
    table = (*prefixed(clip_table, _CLIP, "clip/"), *_head_table(head), *REST_TABLE)
    params, report = apply(table, tensors, expected, where)
    return ModelConfig(clip=ClipConfig(variant=variant), method=head), params, report


def convert_head(tensors: Tensors, where: str) -> tuple[MaskAdapterConfig, Params, Report]:
    """Converts the adapter head alone, from tensors that hold nothing else.

    Returns:
        Its sizes, its parameters without a prefix, and the report.

    Raises:
        ConversionError: The tensors do not fit the table.
    """
    head = infer_head(tensors, where)
    width = tensors[f"{_HEAD}fuse.weight"].shape[1]
    expected = {"adapter": expected_head(head, width)}
    params, report = apply(_head_table(head), tensors, expected, where)
    return head, params["adapter"], report


def infer_head(tensors: Mapping[str, Any], where: str) -> MaskAdapterConfig:
    """Reads the sizes of the head from the shapes of its tensors.

    Raises:
        ConversionError: Tensors that tell the sizes are missing.
    """
    telling = [f"{_HEAD}{name}.weight" for name in ("fuse", "final", "mask_downscaling.3")]
    if missing := [name for name in telling if name not in tensors]:
        raise ConversionError(f"{where} holds no Mask-Adapter: {', '.join(missing)} missing")
    fuse, final, embedding = (tensors[name].shape for name in telling)
    return MaskAdapterConfig(
        num_maps=final[0],
        width=fuse[0],
        mask_width=embedding[0],
        num_blocks=count(tensors, r"mask_adapter\.cnext(\d+)\..*"),
    )


def expected_head(head: MaskAdapterConfig, feature_dim: int) -> Mapping[str, Any]:
    """Returns the shapes of the head's parameters."""
    module = MaskAdapterHead(
        feature_dim=feature_dim,
        width=head.width,
        mask_width=head.mask_width,
        num_blocks=head.num_blocks,
        num_maps=head.num_maps,
    )
    arguments = jnp.zeros((1, 2, 2, feature_dim)), jnp.zeros((1, 1, 8, 8))
    return jax.eval_shape(module.init, jax.random.key(0), *arguments)["params"]


def _head_table(head: MaskAdapterConfig) -> tuple[Rule, ...]:
    blocks = (row for number in range(head.num_blocks) for row in block_table(number))
    return (*HEAD_TABLE, *blocks)
