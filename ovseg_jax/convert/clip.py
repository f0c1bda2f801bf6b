"""OpenCLIP's ConvNeXt models: the table, and which variant a file holds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from ovseg_jax.config import ClipConfig, MaskPoolingConfig, ModelConfig
from ovseg_jax.convert.rules import (
    ConversionError,
    Report,
    Rule,
    Skip,
    Tensors,
    apply,
    conv,
    layer,
    linear,
    norm,
    prefixed,
    scalar,
    split_bias,
    split_linear,
)
from ovseg_jax.models.clip.variants import VARIANTS, Variant, build_clip
from ovseg_jax.typing import Params

_BLOCK = r"visual\.trunk\.stages\.(\d+)\.blocks\.(\d+)\."
_TEXT = r"transformer\.resblocks\.(\d+)\."
_QKV = tuple(rf"text/block\1/attention/{part}/" for part in ("query", "key", "value"))


CONVNEXT_TABLE = (
    *layer(r"visual\.trunk\.stem\.0", "visual/stem/convolution", conv),
    *norm(r"visual\.trunk\.stem\.1", "visual/stem/norm"),
    *norm(r"visual\.trunk\.stages\.(\d+)\.downsample\.0", r"visual/stage\1/downsample/norm"),
    *layer(
        r"visual\.trunk\.stages\.(\d+)\.downsample\.1",
        r"visual/stage\1/downsample/convolution",
        conv,
    ),
    Rule(_BLOCK + "gamma", r"visual/stage\1/block\2/layer_scale"),
    *layer(_BLOCK + "conv_dw", r"visual/stage\1/block\2/depthwise", conv),
    *norm(_BLOCK + "norm", r"visual/stage\1/block\2/norm"),
    *layer(_BLOCK + r"mlp\.fc1", r"visual/stage\1/block\2/expand"),
    *layer(_BLOCK + r"mlp\.fc2", r"visual/stage\1/block\2/reduce"),
    *norm(r"visual\.trunk\.head\.norm", "visual/head_norm"),
    Rule(r"visual\.head\.(?:proj|mlp\.fc2)\.weight", "visual/projection/reduce/kernel", linear),
    *layer(r"visual\.head\.mlp\.fc1", "visual/projection/expand"),
)

TEXT_TABLE = (
    Rule(r"token_embedding\.weight", "text/token_embedding"),
    Rule(r"positional_embedding", "text/position_embedding"),
    *norm(_TEXT + "ln_1", r"text/block\1/attention_norm"),
    Rule(_TEXT + r"attn\.in_proj_weight", tuple(f"{t}kernel" for t in _QKV), split_linear),
    Rule(_TEXT + r"attn\.in_proj_bias", tuple(f"{t}bias" for t in _QKV), split_bias),
    *layer(_TEXT + r"attn\.out_proj", r"text/block\1/attention/output"),
    *norm(_TEXT + "ln_2", r"text/block\1/mlp_norm"),
    *layer(_TEXT + r"mlp\.c_fc", r"text/block\1/mlp/expand"),
    *layer(_TEXT + r"mlp\.c_proj", r"text/block\1/mlp/reduce"),
    *norm("ln_final", "text/final_norm"),
    Rule("text_projection", "text/projection/kernel"),
    Rule("logit_scale", "logit_scale", scalar),
    Skip("attn_mask", because="the causal mask is a constant"),
)

TABLE = (*CONVNEXT_TABLE, *TEXT_TABLE)


def convert_open_clip(tensors: Tensors, where: str) -> tuple[ModelConfig, Params, Report]:
    """Converts a whole OpenCLIP ConvNeXt file.

    Args:
        tensors: Content of `open_clip_pytorch_model.bin` or its safetensors form.
        where: Name of the file, for messages.

    Returns:
        A model that pools under masks, its parameters under `clip/`, and the report.

    Raises:
        ConversionError: The file holds another kind of model, or does not fit the table.
    """
    variant = infer_variant(tensors, where)
    table = prefixed(TABLE, "", "clip/")
    params, report = apply(table, tensors, {"clip": expected_clip(variant)}, where)
    return ModelConfig(clip=ClipConfig(variant=variant), method=MaskPoolingConfig()), params, report


def expected_clip(variant: str) -> Mapping[str, Any]:
    """Returns the shapes of all parameters of a variant."""
    clip = build_clip(variant)
    arguments = jnp.zeros((1, 64, 64, 3)), jnp.zeros((1, 1), jnp.int32)
    return jax.eval_shape(clip.init, jax.random.key(0), *arguments)["params"]


def infer_variant(tensors: Mapping[str, Any], where: str) -> str:
    """Returns the variant whose sizes are those of the tensors.

    Args:
        tensors: Anything with a `shape`, by the names of an OpenCLIP file.
        where: Name of the file, for messages.

    Raises:
        ConversionError: The file holds no ConvNeXt CLIP, or one of unknown sizes.
    """
    if "visual.trunk.stem.0.weight" not in tensors:
        some = ", ".join(list(tensors)[:3])
        raise ConversionError(
            f"{where} holds no OpenCLIP ConvNeXt model: visual.trunk.stem.0.weight is missing "
            f"(it has {some}, ...)"
        )
    sizes = _sizes({name: tuple(tensor.shape) for name, tensor in tensors.items()})
    for name, row in VARIANTS.items():
        if all(getattr(row, field) == value for field, value in sizes.items()):
            return name
    known = "\n  ".join(f"{n}: {_fields(row, sizes)}" for n, row in VARIANTS.items())
    raise ConversionError(f"{where} has sizes that no variant has: {sizes}. Known:\n  {known}")


def _fields(row: Variant, fields: Mapping[str, Any]) -> dict[str, Any]:
    return {field: getattr(row, field) for field in fields}


def _sizes(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """Reads the fields of `Variant` that tensors show; absent tensors give zeros."""
    trunk = r"visual\.trunk\.stages\.{}\.blocks\.\d+\.conv_dw\.weight"
    stages = count(shapes, r"visual\.trunk\.stages\.(\d+)\..*")
    blocks = [[n for n in shapes if re.fullmatch(trunk.format(i), n)] for i in range(stages)]
    has_mlp = "visual.head.mlp.fc1.weight" in shapes
    projection = "visual.head.mlp.fc2.weight" if has_mlp else "visual.head.proj.weight"
    vocabulary, width = shapes.get("token_embedding.weight", (0, 0))
    return {
        "dims": tuple(shapes[names[0]][0] if names else 0 for names in blocks),
        "depths": tuple(len(names) for names in blocks),
        "head": "mlp" if has_mlp else "linear",
        "embedding_dim": shapes.get(projection, (0,))[0],
        "text_width": width,
        "text_layers": count(shapes, _TEXT + r".*"),
        "vocab_size": vocabulary,
    }


def count(names: Iterable[str], pattern: str) -> int:
    """Returns how many different first groups the names that match have."""
    return len({m.group(1) for name in names if (m := re.fullmatch(pattern, name))})
