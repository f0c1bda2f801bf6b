"""SAM's published files, and the same weights as Hugging Face stores them (docs/reference 7)."""

from __future__ import annotations

import re

import numpy as np

from ovseg_jax.config import ClipConfig, MaskGeneratorConfig, ModelConfig, SamConfig
from ovseg_jax.convert.family import Shapes, axis, count
from ovseg_jax.convert.rules import (
    ConversionError,
    ConversionReport,
    Rule,
    Skip,
    Table,
    Tensors,
    apply,
    conv,
    layer,
    norm,
    split_bias,
    split_linear,
)
from ovseg_jax.foundation.typing import Params
from ovseg_jax.loading.parameters import sam_shapes
from ovseg_jax.models.sam.sam import SIZES, build_sam

_INPUTS = ("query", "key", "value")
_MASK_PROMPTS = "mask prompts are not offered"


def doubling(array: np.ndarray) -> np.ndarray:
    """Turns a transposed convolution's [in, out, 2, 2] into [in, 2, 2, out]."""
    return array.transpose(0, 2, 3, 1)


def _encoder(prefix: str, names: dict[str, str]) -> tuple[Rule, ...]:
    """Rows of the image encoder; files differ in the names of a few layers."""
    block, target = rf"{prefix}{names['blocks']}\.(\d+)\.", r"generator/encoder/block\1"
    fused, attention = block + r"attn\.qkv", target + "/attention"
    return (
        *layer(rf"{prefix}patch_embed\.{names['patch']}", "generator/encoder/patches", conv),
        Rule(rf"{prefix}pos_embed", "generator/encoder/positions"),
        *norm(block + names["norm1"], target + "/attention_norm"),
        *norm(block + names["norm2"], target + "/mlp_norm"),
        Rule(rf"{fused}\.weight", tuple(f"{attention}/{x}/kernel" for x in _INPUTS), split_linear),
        Rule(rf"{fused}\.bias", tuple(f"{attention}/{x}/bias" for x in _INPUTS), split_bias),
        *layer(block + r"attn\.proj", attention + "/output"),
        Rule(block + r"attn\.rel_pos_h", attention + "/relative_rows"),
        Rule(block + r"attn\.rel_pos_w", attention + "/relative_columns"),
        *layer(block + r"mlp\.lin1", target + "/mlp/expand"),
        *layer(block + r"mlp\.lin2", target + "/mlp/reduce"),
        Rule(rf"{prefix}neck\.{names['neck1']}\.weight", "generator/encoder/neck1/kernel", conv),
        *norm(rf"{prefix}neck\.{names['neck1_norm']}", "generator/encoder/neck1_norm"),
        Rule(rf"{prefix}neck\.{names['neck2']}\.weight", "generator/encoder/neck2/kernel", conv),
        *norm(rf"{prefix}neck\.{names['neck2_norm']}", "generator/encoder/neck2_norm"),
    )


def _attention(source: str, target: str) -> tuple[Rule, ...]:
    pairs = {"q_proj": "query", "k_proj": "key", "v_proj": "value", "out_proj": "output"}
    return tuple(
        rule
        for theirs, ours in pairs.items()
        for rule in layer(rf"{source}\.{theirs}", f"{target}/{ours}")
    )


_DECODER = r"mask_decoder\.transformer\."
_BLOCK, _TARGET = _DECODER + r"layers\.(\d)\.", r"generator/decoder/block\1"
_HYPER = r"mask_decoder\.output_hypernetworks_mlps\.(\d)\."


def _decoder(names: dict[str, str]) -> tuple[Rule, ...]:
    """Rows of the mask decoder; files differ in the names of norms, upscaling and MLPs."""
    norms = (norm(_BLOCK + names["norm"] + str(i), f"{_TARGET}/norm{i}") for i in (1, 2, 3, 4))
    return (
        Rule(r"mask_decoder\.iou_token\.weight", "generator/decoder/iou_token"),
        Rule(r"mask_decoder\.mask_tokens\.weight", "generator/decoder/mask_tokens"),
        *_attention(_BLOCK + "self_attn", f"{_TARGET}/self"),
        *_attention(_BLOCK + "cross_attn_token_to_image", f"{_TARGET}/to_image"),
        *_attention(_BLOCK + "cross_attn_image_to_token", f"{_TARGET}/to_tokens"),
        *(rule for rules in norms for rule in rules),
        *layer(_BLOCK + r"mlp\.lin1", f"{_TARGET}/expand"),
        *layer(_BLOCK + r"mlp\.lin2", f"{_TARGET}/reduce"),
        *_attention(_DECODER + "final_attn_token_to_image", "generator/decoder/final"),
        *norm(_DECODER + names["final_norm"], "generator/decoder/final_norm"),
        *layer(r"mask_decoder\." + names["double1"], "generator/decoder/double1", doubling),
        *norm(r"mask_decoder\." + names["double_norm"], "generator/decoder/double_norm"),
        *layer(r"mask_decoder\." + names["double2"], "generator/decoder/double2", doubling),
        *(
            rule
            for index, name in enumerate(names["mlp"].split())
            for rule in (
                *layer(_HYPER + name, rf"generator/decoder/kernel\1/layer{index}"),
                *layer(
                    rf"mask_decoder\.iou_prediction_head\.{name}",
                    f"generator/decoder/quality/layer{index}",
                ),
            )
        ),
    )


_OFFICIAL_NAMES = {
    **{"blocks": "blocks", "patch": "proj", "norm1": "norm1", "norm2": "norm2"},
    **{"neck1": "0", "neck1_norm": "1", "neck2": "2", "neck2_norm": "3"},
    **{"norm": "norm", "final_norm": "norm_final_attn"},
    **{"double1": r"output_upscaling\.0", "double_norm": r"output_upscaling\.1"},
    **{"double2": r"output_upscaling\.3", "mlp": r"layers\.0 layers\.1 layers\.2"},
}
_PROMPTS = r"prompt_encoder\."

OFFICIAL_TABLE: Table = (
    *_encoder(r"image_encoder\.", _OFFICIAL_NAMES),
    *_decoder(_OFFICIAL_NAMES),
    Rule(
        _PROMPTS + r"pe_layer\.positional_encoding_gaussian_matrix", "generator/prompts/frequencies"
    ),
    Rule(_PROMPTS + r"point_embeddings\.(\d)\.weight", r"generator/prompts/kind\1"),
    Rule(_PROMPTS + r"not_a_point_embed\.weight", "generator/prompts/no_point"),
    Rule(_PROMPTS + r"no_mask_embed\.weight", "generator/prompts/no_mask"),
    Skip(_PROMPTS + r"mask_downscaling\..*", because=_MASK_PROMPTS),
    Skip(r"pixel_(mean|std)", because="constants of the configuration"),
)
"""Rows of facebookresearch/segment-anything."""

_HF_NAMES = {
    **{"blocks": "layers", "patch": "projection", "norm1": "layer_norm1", "norm2": "layer_norm2"},
    **{"neck1": "conv1", "neck1_norm": "layer_norm1", "neck2": "conv2"},
    **{"neck2_norm": "layer_norm2", "norm": "layer_norm", "double1": "upscale_conv1"},
    **{"final_norm": "layer_norm_final_attn", "double_norm": "upscale_layer_norm"},
    **{"double2": "upscale_conv2", "mlp": r"proj_in layers\.0 proj_out"},
}

HF_TABLE: Table = (
    *_encoder(r"vision_encoder\.", _HF_NAMES),
    *_decoder(_HF_NAMES),
    Rule(r"shared_image_embedding\.positional_embedding", "generator/prompts/frequencies"),
    Skip(
        _PROMPTS + r"shared_embedding\.positional_embedding",
        because="the same frequencies a second time",
    ),
    Rule(_PROMPTS + r"point_embed\.(\d)\.weight", r"generator/prompts/kind\1"),
    Rule(_PROMPTS + r"not_a_point_embed\.weight", "generator/prompts/no_point"),
    Rule(_PROMPTS + r"no_mask_embed\.weight", "generator/prompts/no_mask"),
    Skip(_PROMPTS + r"mask_embed\..*", because=_MASK_PROMPTS),
)
"""Rows of `SamModel` of huggingface/transformers."""


def convert_sam(
    tensors: Tensors, where: str, *, variant: str = ""
) -> tuple[ModelConfig, Params, ConversionReport]:
    """Converts SAM from its published `.pth` or from Hugging Face's safetensors.

    Args:
        tensors: Content of the file.
        where: Name of the file, for messages.
        variant: Not needed: shapes tell the model.

    Returns:
        A model that makes masks and names nothing, its parameters, and the report.

    Raises:
        ConversionError: The file is no SAM, of a size that is not known, or does not fit.
    """
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    table, name = _identify(shapes, where)
    expected = {"generator": sam_shapes(build_sam(name))}
    params, report = apply(table, tensors, expected, where)
    config = ModelConfig(
        clip=ClipConfig(variant=""),
        method=MaskGeneratorConfig(has_void=False),
        generator=SamConfig(variant=name),
    )
    return config, params, report


def _identify(shapes: Shapes, where: str) -> tuple[Table, str]:
    for table, prefix, blocks in (
        (OFFICIAL_TABLE, "image_encoder.", "blocks"),
        (HF_TABLE, "vision_encoder.", "layers"),
    ):
        width = axis(shapes, f"{prefix}pos_embed", 3)
        depth = count(shapes, rf"{re.escape(prefix)}{blocks}\.(\d+)\..*")
        for name, sizes in SIZES.items():
            if (width, depth) == (sizes["width"], sizes["depth"]):
                return table, name
        if width:
            raise ConversionError(
                f"{where} holds a SAM of width {width} and depth {depth}; known are ViT-B, L, H"
            )
    raise ConversionError(f"{where} holds no SAM: neither image_encoder.* nor vision_encoder.*")
