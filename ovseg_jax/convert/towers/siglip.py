"""SigLIP and SigLIP 2 from big_vision's `.npz` files, and from Hugging Face's `SiglipModel`.

big_vision stores kernels as Flax does, heads apart; a scanned tower has one array for all blocks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ovseg_jax.config import ClipConfig, MaskPoolingConfig, ModelConfig
from ovseg_jax.convert.family import Shapes, axis, count, side
from ovseg_jax.convert.rules import (
    ConversionError,
    ConversionReport,
    Fill,
    Rule,
    Skip,
    Table,
    Tensors,
    apply,
    conv,
    layer,
    norm,
    scalar,
    split_bias,
    split_linear,
)
from ovseg_jax.convert.towers import huggingface
from ovseg_jax.convert.towers.clip import expected_clip
from ovseg_jax.foundation.typing import Params
from ovseg_jax.models.clip.siglip_variants import siglip_towers


def vector(array: np.ndarray) -> np.ndarray:
    """Flattens a bias that is stored by heads, or a token with axes of one."""
    return array.reshape(-1)


def heads_out(array: np.ndarray) -> np.ndarray:
    """Turns [in, heads, channels] into [in, out]."""
    return array.reshape(array.shape[0], -1)


def heads_in(array: np.ndarray) -> np.ndarray:
    """Turns [heads, channels, out] into [in, out]."""
    return array.reshape(-1, array.shape[-1])


def table_of_tokens(array: np.ndarray) -> np.ndarray:
    """Turns [1, l, c] into [l, c]."""
    return array.reshape(array.shape[-2:])


def _same_layer(source: str, target: str) -> tuple[Rule, Rule]:
    return Rule(f"{source}/kernel", f"{target}/kernel"), Rule(f"{source}/bias", f"{target}/bias")


def _same_norm(source: str, target: str) -> tuple[Rule, Rule]:
    return Rule(f"{source}/scale", f"{target}/scale"), Rule(f"{source}/bias", f"{target}/bias")


def _attention(source: str, target: str) -> tuple[Rule, ...]:
    rows = [
        rule
        for part in ("query", "key", "value")
        for rule in (
            Rule(f"{source}/{part}/kernel", f"{target}/{part}/kernel", heads_out),
            Rule(f"{source}/{part}/bias", f"{target}/{part}/bias", vector),
        )
    ]
    return (
        *rows,
        Rule(f"{source}/out/kernel", f"{target}/output/kernel", heads_in),
        Rule(f"{source}/out/bias", f"{target}/output/bias"),
    )


def _block(source: str, target: str) -> tuple[Rule, ...]:
    return (
        *_same_norm(f"{source}/LayerNorm_0", f"{target}/attention_norm"),
        *_attention(f"{source}/MultiHeadDotProductAttention_0", f"{target}/attention"),
        *_same_norm(f"{source}/LayerNorm_1", f"{target}/mlp_norm"),
        *_same_layer(f"{source}/MlpBlock_0/Dense_0", f"{target}/mlp/expand"),
        *_same_layer(f"{source}/MlpBlock_0/Dense_1", f"{target}/mlp/reduce"),
    )


_HEAD = "img/MAPHead_0"
BIG_VISION_TABLE: Table = (
    *_same_layer("img/embedding", "clip/visual/patches"),
    Rule("img/pos_embedding", "clip/visual/position_embedding", table_of_tokens),
    *_block(r"img/Transformer/encoderblock_(\d+)", r"clip/visual/block\1"),
    *_same_norm("img/Transformer/encoder_norm", "clip/visual/final_norm"),
    Rule(f"{_HEAD}/probe", "clip/visual/head/probe", table_of_tokens),
    *_attention(f"{_HEAD}/MultiHeadDotProductAttention_0", "clip/visual/head/attention"),
    *_same_norm(f"{_HEAD}/LayerNorm_0", "clip/visual/head/norm"),
    *_same_layer(f"{_HEAD}/MlpBlock_0/Dense_0", "clip/visual/head/mlp/expand"),
    *_same_layer(f"{_HEAD}/MlpBlock_0/Dense_1", "clip/visual/head/mlp/reduce"),
    Rule("txt/Embed_0/embedding", "clip/text/token_embedding"),
    Rule("txt/pos_embedding", "clip/text/position_embedding", table_of_tokens),
    *_block(r"txt/Encoder_0/encoderblock_(\d+)", r"clip/text/block\1"),
    *_same_norm("txt/Encoder_0/encoder_norm", "clip/text/final_norm"),
    *_same_layer("txt/head", "clip/text/projection"),
    Rule("t", "clip/logit_scale", scalar),
    Rule("b", "clip/logit_bias", scalar),
    Fill("clip/logit_bias", 0.0, because="the model was trained with a softmax, which has none"),
    Skip("opt/.*", because="state of the optimizer"),
)

_VISION, _TEXT = r"vision_model\.", r"text_model\."
_POOL, _PARTS = _VISION + r"head\.", ("query", "key", "value")


_POOLED = "clip/visual/head/attention"
HF_TABLE: Table = (
    *layer(_VISION + r"embeddings\.patch_embedding", "clip/visual/patches", conv),
    Rule(_VISION + r"embeddings\.position_embedding\.weight", "clip/visual/position_embedding"),
    *huggingface.block(_VISION + r"encoder\.layers\.(\d+)\.", r"clip/visual/block\1"),
    *norm(_VISION + "post_layernorm", "clip/visual/final_norm"),
    Rule(_POOL + "probe", "clip/visual/head/probe", table_of_tokens),
    Rule(
        _POOL + r"attention\.in_proj_weight",
        tuple(f"{_POOLED}/{part}/kernel" for part in _PARTS),
        split_linear,
    ),
    Rule(
        _POOL + r"attention\.in_proj_bias",
        tuple(f"{_POOLED}/{part}/bias" for part in _PARTS),
        split_bias,
    ),
    *layer(_POOL + r"attention\.out_proj", f"{_POOLED}/output"),
    *norm(_POOL + "layernorm", "clip/visual/head/norm"),
    *layer(_POOL + r"mlp\.fc1", "clip/visual/head/mlp/expand"),
    *layer(_POOL + r"mlp\.fc2", "clip/visual/head/mlp/reduce"),
    Rule(_TEXT + r"embeddings\.token_embedding\.weight", "clip/text/token_embedding"),
    Rule(_TEXT + r"embeddings\.position_embedding\.weight", "clip/text/position_embedding"),
    *huggingface.block(_TEXT + r"encoder\.layers\.(\d+)\.", r"clip/text/block\1"),
    *norm(_TEXT + "final_layer_norm", "clip/text/final_norm"),
    *layer(_TEXT + "head", "clip/text/projection"),
    Rule("logit_scale", "clip/logit_scale", scalar),
    Rule("logit_bias", "clip/logit_bias", scalar),
    huggingface.POSITION_IDS,
)


def convert_big_vision(
    tensors: Tensors, where: str, *, variant: str = ""
) -> tuple[ModelConfig, Params, ConversionReport]:
    """Converts a checkpoint of big_vision's two towers.

    Args:
        tensors: Content of the `.npz` file, with or without a leading `params/`.
        where: Name of the file, for messages.
        variant: The model; empty for the first whose sizes fit.

    Returns:
        A model that pools under masks, its parameters under `clip/`, and the report.

    Raises:
        ConversionError: The file holds another kind of model, or does not fit the table.
    """
    tensors = unrolled({name.removeprefix("params/"): x for name, x in tensors.items()})
    shapes = {name: tuple(x.shape) for name, x in tensors.items()}
    patch = axis(shapes, "img/embedding/kernel", 0)
    sizes = {
        "patch": patch,
        "width": axis(shapes, "img/embedding/kernel", 3),
        "layers": count(shapes, r"img/Transformer/encoderblock_(\d+)/.*"),
        "image_size": side(axis(shapes, "img/pos_embedding", 1)) * patch,
    }
    vocabulary = axis(shapes, "txt/Embed_0/embedding", 0)
    name = _variant(sizes, vocabulary, variant, where)
    return _converted(BIG_VISION_TABLE, tensors, name, where)


def convert_siglip_hf(
    tensors: Tensors, where: str, *, variant: str = ""
) -> tuple[ModelConfig, Params, ConversionReport]:
    """Converts `model.safetensors` of a Hugging Face `SiglipModel`; as `convert_big_vision`."""
    shapes: Shapes = {name: tuple(x.shape) for name, x in tensors.items()}
    kernel = "vision_model.embeddings.patch_embedding.weight"
    positions = axis(shapes, "vision_model.embeddings.position_embedding.weight", 0)
    sizes = {
        "patch": axis(shapes, kernel, 2),
        "width": axis(shapes, kernel, 0),
        "layers": count(shapes, r"vision_model\.encoder\.layers\.(\d+)\..*"),
        "image_size": side(positions) * axis(shapes, kernel, 2),
    }
    vocabulary = axis(shapes, "text_model.embeddings.token_embedding.weight", 0)
    name = _variant(sizes, vocabulary, variant, where)
    return _converted(HF_TABLE, tensors, name, where)


_MOST_BLOCKS = 1000


def unrolled(tensors: Tensors) -> dict[str, np.ndarray]:
    """Splits the arrays of scanned towers, whose first axis counts blocks, and old positions.

    Some text towers of 2023 hold a second table of positions that is added to the first.
    """
    result: dict[str, np.ndarray] = {}
    for name, array in tensors.items():
        if "/encoderblock/" in name and 0 < (*array.shape, 0)[0] <= _MOST_BLOCKS:
            for index, part in enumerate(array):
                result[name.replace("/encoderblock/", f"/encoderblock_{index}/")] = part
        else:
            result[name] = array
    extra = result.pop("txt/Encoder_0/pos_embedding", None)
    if extra is not None and "txt/pos_embedding" in result:
        result["txt/pos_embedding"] = result["txt/pos_embedding"] + extra
    return result


def _variant(sizes: Mapping[str, Any], vocabulary: int, wanted: str, where: str) -> str:
    rows = siglip_towers()
    if wanted and wanted not in rows:
        raise ConversionError(f"{wanted!r} is no SigLIP variant; known: {', '.join(rows)}")
    fits = [
        name
        for name, (visual, text) in rows.items()
        if all(getattr(visual, field) == value for field, value in sizes.items())
        and text.vocab_size == vocabulary
    ]
    if wanted in fits or (fits and not wanted):
        return wanted or fits[0]
    told = ", ".join(f"{field} {value}" for field, value in sizes.items())
    known = wanted or f"any of {', '.join(rows)}"
    raise ConversionError(
        f"{where} has sizes ({told}, {vocabulary} token ids) that are not those of {known}; "
        "a file without both towers, or of NaFlex, has none of them; Hugging Face's CLIP is clip_hf"
    )


def _converted(
    table: Table, tensors: Tensors, variant: str, where: str
) -> tuple[ModelConfig, Params, ConversionReport]:
    params, report = apply(table, tensors, {"clip": expected_clip(variant)}, where)
    return ModelConfig(clip=ClipConfig(variant=variant), method=MaskPoolingConfig()), params, report
