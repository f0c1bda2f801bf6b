"""Mask2Former as Hugging Face stores it: the published names, told in another way.

Every tensor gets the name that detectron2's files give it, and then goes the way of those files.
"""

from __future__ import annotations

import dataclasses
import re

import numpy as np

from ovseg_jax.config import ModelConfig
from ovseg_jax.convert.generators.whole import convert_closed_generator
from ovseg_jax.convert.rules import ConversionError, ConversionReport, Tensors
from ovseg_jax.foundation.typing import Params

_SWIN = r"model\.pixel_level_module\.encoder\.(?:swin\.|model\.)?"
_SWIN_BLOCK = _SWIN + r"encoder\.layers\.(\d+)\.blocks\.(\d+)\."
_PIXELS = r"model\.pixel_level_module\.decoder\."
_QUERIES = r"model\.transformer_module\."
_LAYER = _QUERIES + r"decoder\.layers\.(\d+)\."
_BLOCK = r"backbone.layers.\1.blocks.\2."
_HEAD = "sem_seg_head.pixel_decoder."
_PREDICTOR = "sem_seg_head.predictor."
_FUSED = {"query": 0, "key": 1, "value": 2, "q_proj": 0, "k_proj": 1, "v_proj": 2}

RENAMES: tuple[tuple[str, str], ...] = (
    (_SWIN + r"embeddings\.patch_embeddings\.projection", "backbone.patch_embed.proj"),
    (_SWIN + r"embeddings\.norm", "backbone.patch_embed.norm"),
    (_SWIN_BLOCK + "layernorm_before", _BLOCK + "norm1"),
    (_SWIN_BLOCK + "layernorm_after", _BLOCK + "norm2"),
    (_SWIN_BLOCK + r"attention\.self\.(query|key|value)", _BLOCK + r"attn.qkv[\3]"),
    (
        _SWIN_BLOCK + r"attention\.self\.(relative_position_(?:bias_table|index))",
        _BLOCK + r"attn.\3",
    ),
    (_SWIN_BLOCK + r"attention\.output\.dense", _BLOCK + "attn.proj"),
    (_SWIN_BLOCK + r"intermediate\.dense", _BLOCK + "mlp.fc1"),
    (_SWIN_BLOCK + r"output\.dense", _BLOCK + "mlp.fc2"),
    (_SWIN + r"encoder\.layers\.(\d+)\.downsample", r"backbone.layers.\1.downsample"),
    (_PIXELS + r"input_projections", _HEAD + "input_proj"),
    (_PIXELS + r"level_embed", _HEAD + "transformer.level_embed"),
    (
        _PIXELS + r"encoder\.layers\.(\d+)\.self_attn_layer_norm",
        _HEAD + r"transformer.encoder.layers.\1.norm1",
    ),
    (
        _PIXELS + r"encoder\.layers\.(\d+)\.final_layer_norm",
        _HEAD + r"transformer.encoder.layers.\1.norm2",
    ),
    (
        _PIXELS + r"encoder\.layers\.(\d+)\.fc(\d)",
        _HEAD + r"transformer.encoder.layers.\1.linear\2",
    ),
    (_PIXELS + r"encoder\.layers\.(\d+)", _HEAD + r"transformer.encoder.layers.\1"),
    (_PIXELS + r"mask_projection", _HEAD + "mask_features"),
    (_PIXELS + r"(adapter|layer)_1\.0", _HEAD + r"\1_1"),
    (_PIXELS + r"(adapter|layer)_1\.1", _HEAD + r"\1_1.norm"),
    (_QUERIES + r"queries_embedder", _PREDICTOR + "query_embed"),
    (_QUERIES + r"queries_features", _PREDICTOR + "query_feat"),
    (_QUERIES + r"level_embed", _PREDICTOR + "level_embed"),
    (
        _LAYER + r"self_attn\.([qkv]_proj)",
        _PREDICTOR + r"transformer_self_attention_layers.\1.self_attn.in_proj[\2]",
    ),
    (
        _LAYER + r"self_attn\.out_proj",
        _PREDICTOR + r"transformer_self_attention_layers.\1.self_attn.out_proj",
    ),
    (_LAYER + "self_attn_layer_norm", _PREDICTOR + r"transformer_self_attention_layers.\1.norm"),
    (_LAYER + "cross_attn_layer_norm", _PREDICTOR + r"transformer_cross_attention_layers.\1.norm"),
    (
        _LAYER + "cross_attn",
        _PREDICTOR + r"transformer_cross_attention_layers.\1.multihead_attn",
    ),
    (_LAYER + r"fc(\d)", _PREDICTOR + r"transformer_ffn_layers.\1.linear\2"),
    (_LAYER + "final_layer_norm", _PREDICTOR + r"transformer_ffn_layers.\1.norm"),
    (_QUERIES + r"decoder\.layernorm", _PREDICTOR + "decoder_norm"),
    (
        _QUERIES + r"decoder\.mask_predictor\.mask_embedder\.(\d)\.0",
        _PREDICTOR + r"mask_embed.layers.\1",
    ),
    (r"class_predictor", _PREDICTOR + "class_embed"),
    (r"criterion\.empty_weight", "criterion.empty_weight"),
)
"""Starts of names; what follows (`.weight`, `.bias`, a sublayer) stays."""

UNUSED = {
    _SWIN + r"layernorm\..*": "a norm after the last stage that no decoder reads",
    r".*num_batches_tracked": "a counter of training steps",
}


def convert_mask2former_hf(
    tensors: Tensors, where: str, *, variant: str = ""
) -> tuple[ModelConfig, Params, ConversionReport]:
    """Converts Mask2Former with a Swin trunk from Hugging Face's safetensors.

    Args:
        tensors: Content of the file.
        where: Name of the file, for messages.
        variant: Class list of the head, where its length leaves a choice.

    Returns:
        As `convert_closed_generator`; the report speaks of the file's own names.

    Raises:
        ConversionError: A name is not known, or the file does not fit.
    """
    renamed, origins, skipped = _renamed(tensors, where)
    config, params, report = convert_closed_generator(renamed, where, variant=variant)
    used = {old: paths for new, paths in report.used.items() for old in origins[new]}
    reasons = {old: why for new, why in report.skipped.items() for old in origins[new]}
    return config, params, dataclasses.replace(report, used=used, skipped=reasons | skipped)


def _renamed(tensors: Tensors, where: str) -> tuple[dict, dict[str, list[str]], dict[str, str]]:
    """Tensors by detectron2's names, the file's names behind each, and what is left out."""
    renamed, origins, skipped, parts, unknown = {}, {}, {}, {}, []
    for name, array in tensors.items():
        reason = next((why for row, why in UNUSED.items() if re.fullmatch(row, name)), None)
        if reason is not None:
            skipped[name] = reason
            continue
        new = None if "[" in name else _new_name(name)
        if new is None:
            unknown.append(name)
            continue
        whole, _, part = new.partition("[")
        part, _, ending = part.partition("]")
        # torch's own attention writes in_proj_weight, Swin's writes qkv.weight.
        whole += ending.replace(".", "_") if whole.endswith("in_proj") else ending
        origins.setdefault(whole, []).append(name)
        place = parts.setdefault(whole, {}) if part else renamed
        key = _FUSED[part] if part else whole
        if key in place:
            raise ConversionError(f"{where} holds {name} twice, under two names of the same layer")
        place[key] = array
    if unknown:
        raise ConversionError(
            f"{where} has {len(unknown)} tensors that are not Mask2Former's with a Swin trunk: "
            f"{', '.join(sorted(unknown)[:5])}"
        )
    for whole, thirds in parts.items():
        try:
            renamed[whole] = np.concatenate([thirds[index] for index in sorted(thirds)])
        except ValueError as error:
            names = ", ".join(origins[whole])
            raise ConversionError(f"{where}: {names} do not fit together: {error}") from error
    return renamed, origins, skipped


def _new_name(name: str) -> str | None:
    if match := re.fullmatch(_SWIN + r"hidden_states_norms\.stage(\d)\.(weight|bias)", name):
        return f"backbone.norm{int(match[1]) - 1}.{match[2]}"  # stages count from 1 there
    for old, new in RENAMES:
        if match := re.match(rf"{old}(?=\.|$)", name):
            return match.expand(new) + name[match.end() :]
    return None
