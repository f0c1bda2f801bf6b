"""Heads of query-based generators as Mask2Former, MaskFormer and their heirs store them."""

from __future__ import annotations

from typing import Any

from ovseg_jax.config import QueryGeneratorConfig
from ovseg_jax.convert.family import Shapes, axis, count
from ovseg_jax.convert.rules import (
    ConversionError,
    Rule,
    Skip,
    Table,
    conv,
    layer,
    norm,
    split_bias,
    split_linear,
)

HEAD = "sem_seg_head."
_PIXELS = r"sem_seg_head\.(?:pixel_decoder\.)?"
"""MaskFormer's published files leave out the level in the middle (docs/reference 6.5)."""
_QUERIES = r"sem_seg_head\.predictor\."
_INPUTS = ("query", "key", "value")


def attention(source: str, target: str) -> tuple[Rule, ...]:
    """Returns the rows of torch's multi-head attention with one fused input projection."""
    return (
        Rule(
            rf"{source}\.in_proj_weight",
            tuple(f"{target}/{name}/kernel" for name in _INPUTS),
            split_linear,
        ),
        Rule(
            rf"{source}\.in_proj_bias",
            tuple(f"{target}/{name}/bias" for name in _INPUTS),
            split_bias,
        ),
        *layer(rf"{source}\.out_proj", f"{target}/output"),
    )


def feed_forward(source: str, target: str, norm_name: str) -> tuple[Rule, ...]:
    """Returns the rows of linear1, linear2 and the norm after them."""
    return (
        *layer(rf"{source}\.linear1", f"{target}/expand"),
        *layer(rf"{source}\.linear2", f"{target}/reduce"),
        *norm(rf"{source}\.{norm_name}", f"{target}/norm"),
    )


def conv_norm(source: str, target: str) -> tuple[Rule, ...]:
    """Returns the rows of detectron2's convolution that carries its norm."""
    return (
        Rule(rf"{source}\.weight", f"{target}/convolution/kernel", conv),
        *norm(rf"{source}\.norm", f"{target}/norm"),
    )


_ENCODER = _PIXELS + r"transformer\.encoder\.layers\.(\d+)"
_DEFORMABLE = r"pixel_decoder/layer\1/attention"

DEFORMABLE_TABLE: Table = (
    *layer(_PIXELS + r"input_proj\.(\d)\.0", r"pixel_decoder/input\1/convolution", conv),
    *norm(_PIXELS + r"input_proj\.(\d)\.1", r"pixel_decoder/input\1/norm"),
    Rule(_PIXELS + r"transformer\.level_embed", "pixel_decoder/level_embedding"),
    *layer(_ENCODER + r"\.self_attn\.sampling_offsets", f"{_DEFORMABLE}/offsets"),
    *layer(_ENCODER + r"\.self_attn\.attention_weights", f"{_DEFORMABLE}/weights"),
    *layer(_ENCODER + r"\.self_attn\.value_proj", f"{_DEFORMABLE}/value"),
    *layer(_ENCODER + r"\.self_attn\.output_proj", f"{_DEFORMABLE}/output"),
    *norm(_ENCODER + r"\.norm1", r"pixel_decoder/layer\1/norm"),
    *feed_forward(_ENCODER, r"pixel_decoder/layer\1/feed_forward", "norm2"),
    *conv_norm(_PIXELS + "adapter_1", "pixel_decoder/lateral"),
    *conv_norm(_PIXELS + "layer_1", "pixel_decoder/smooth"),
    *layer(_PIXELS + "mask_features", "pixel_decoder/mask_features"),
)
"""Rows of the pixel decoder of Mask2Former, FC-CLIP and MAFT+ (docs/reference 5.6)."""

FPN_TABLE: Table = (
    *conv_norm(_PIXELS + r"adapter_(\d)", r"pixel_decoder/lateral\1"),
    *conv_norm(_PIXELS + r"layer_(\d)", r"pixel_decoder/smooth\1"),
    *layer(_PIXELS + "mask_features", "pixel_decoder/mask_features", conv),
    *layer(_PIXELS + "input_proj", "pixel_decoder/input"),
    *attention(_ENCODER + r"\.self_attn", r"pixel_decoder/layer\1/attention/attention"),
    *norm(_ENCODER + r"\.norm1", r"pixel_decoder/layer\1/attention/norm"),
    *feed_forward(_ENCODER, r"pixel_decoder/layer\1/feed_forward", "norm2"),
)
"""Rows of MaskFormer's pixel decoders (docs/reference 6.4)."""

CONSTANTS: Table = (
    Skip(r"criterion\..*", because="constants of the loss"),
    Skip(r"pixel_(mean|std)", because="constants of the configuration"),
)
"""Rows of what detectron2 stores beside parameters."""

_HEADS: Table = (
    Rule(_QUERIES + r"query_embed\.weight", "decoder/query_positions"),
    *layer(_QUERIES + r"mask_embed\.layers\.(\d)", r"decoder/mask_head/layer\1"),
    *layer(_QUERIES + "class_embed", "decoder/class_layer"),
    *layer(_QUERIES + r"class_embed\.layers\.(\d)", r"decoder/class_layer/layer\1"),
    *CONSTANTS,
)

_CROSS = _QUERIES + r"transformer_cross_attention_layers\.(\d+)"
_SELF = _QUERIES + r"transformer_self_attention_layers\.(\d+)"
_FORWARD = _QUERIES + r"transformer_ffn_layers\.(\d+)"

MASKED_TABLE: Table = (
    *_HEADS,
    *attention(_CROSS + r"\.multihead_attn", r"decoder/cross\1/attention"),
    *norm(_CROSS + r"\.norm", r"decoder/cross\1/norm"),
    *attention(_SELF + r"\.self_attn", r"decoder/self\1/attention"),
    *norm(_SELF + r"\.norm", r"decoder/self\1/norm"),
    *feed_forward(_FORWARD, r"decoder/feed_forward\1", "norm"),
    *norm(_QUERIES + "decoder_norm", "decoder/norm"),
    Rule(_QUERIES + r"(?:query_feat|static_query)\.weight", "decoder/query_features"),
    Rule(_QUERIES + r"level_embed\.weight", "decoder/level_embedding"),
    *norm(_QUERIES + r"_mask_pooling_proj\.0", "decoder/pool_norm"),
    *layer(_QUERIES + r"_mask_pooling_proj\.1", "decoder/pool_layer"),
    Rule(_QUERIES + "logit_scale", "decoder/logit_scale"),
)
"""Rows of the masked-attention decoder (docs/reference 5.6, 6.3)."""

_DETR = _QUERIES + r"transformer\.decoder\.layers\.(\d+)"

DETR_TABLE: Table = (
    *_HEADS,
    *layer(_QUERIES + "input_proj", "decoder/input"),
    *attention(_DETR + r"\.self_attn", r"decoder/self\1/attention"),
    *norm(_DETR + r"\.norm1", r"decoder/self\1/norm"),
    *attention(_DETR + r"\.multihead_attn", r"decoder/cross\1/attention"),
    *norm(_DETR + r"\.norm2", r"decoder/cross\1/norm"),
    *feed_forward(_DETR, r"decoder/feed_forward\1", "norm3"),
    *norm(_QUERIES + r"transformer\.decoder\.norm", "decoder/norm"),
)
"""Rows of DETR's decoder (docs/reference 6.4)."""


def identify_heads(shapes: Shapes, where: str) -> tuple[dict[str, Any], Table]:
    """Reads the kinds and sizes of both decoders off a file.

    Returns:
        Fields of `QueryGeneratorConfig` but the backbone, and the rows of both decoders.

    Raises:
        ConversionError: The file holds no decoders of these families.
    """
    shapes = {name.replace("sem_seg_head.pixel_decoder.", HEAD): s for name, s in shapes.items()}
    detr = f"{HEAD}predictor.transformer.decoder.norm.weight" in shapes
    deformable = f"{HEAD}transformer.level_embed" in shapes
    if f"{HEAD}predictor.query_embed.weight" not in shapes:
        raise ConversionError(f"{where} holds no mask generator: {HEAD}predictor.* is missing")
    fields = {
        "pixel_decoder": "deformable" if deformable else "fpn",
        "decoder": "detr" if detr else "masked_attention",
        **_class_head(shapes, detr),
        **_sizes(shapes, detr, deformable),
    }
    pixel_rows = DEFORMABLE_TABLE if deformable else FPN_TABLE
    return fields, (*pixel_rows, *(DETR_TABLE if detr else MASKED_TABLE))


def _class_head(shapes: Shapes, detr: bool) -> dict[str, Any]:
    linear = f"{HEAD}predictor.class_embed.weight"
    if linear in shapes:
        return {"class_head": "linear", "num_classes": axis(shapes, linear, 0) - 1}
    return {"class_head": "embedding" if detr else "text"}


def _sizes(shapes: Shapes, detr: bool, deformable: bool) -> dict[str, Any]:
    queries = f"{HEAD}predictor.query_embed.weight"
    width = axis(shapes, queries, 1)
    layers = r"transformer\.decoder\.layers" if detr else r"transformer_ffn_layers"
    first = "transformer.decoder.layers.0" if detr else "transformer_ffn_layers.0"
    encoder = f"{HEAD}transformer.encoder.layers.0.linear1.weight"
    return {
        "num_queries": axis(shapes, queries, 0),
        "width": width,
        "mask_width": axis(shapes, f"{HEAD}mask_features.weight", 0) or width,
        "encoder_layers": count(shapes, r"sem_seg_head\.transformer\.encoder\.layers\.(\d+)\..*"),
        "encoder_hidden": axis(shapes, encoder, 0) or QueryGeneratorConfig().encoder_hidden,
        "decoder_layers": count(shapes, rf"sem_seg_head\.predictor\.{layers}\.(\d+)\..*"),
        "decoder_hidden": axis(shapes, f"{HEAD}predictor.{first}.linear1.weight", 0),
        "levels": count(shapes, r"sem_seg_head\.input_proj\.(\d)\.0\..*") if deformable else 3,
    }
