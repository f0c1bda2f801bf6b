"""ViT image towers as OpenAI and OpenCLIP store them (docs/reference 0.3)."""

from __future__ import annotations

from typing import Any

from ovseg_jax.convert.family import Family, Shapes, axis, count, side
from ovseg_jax.convert.rules import Rule, conv, layer, norm, split_bias, split_linear
from ovseg_jax.models.clip.vit import VisionTransformer

_BLOCK = r"visual\.transformer\.resblocks\.(\d+)\."
_QKV = tuple(rf"visual/block\1/attention/{part}/" for part in ("query", "key", "value"))

TABLE = (
    Rule(r"visual\.conv1\.weight", "visual/patches/kernel", conv),
    Rule(r"visual\.class_embedding", "visual/class_embedding"),
    Rule(r"visual\.positional_embedding", "visual/position_embedding"),
    *norm(r"visual\.ln_pre", "visual/input_norm"),
    *norm(_BLOCK + "ln_1", r"visual/block\1/attention_norm"),
    Rule(_BLOCK + r"attn\.in_proj_weight", tuple(f"{t}kernel" for t in _QKV), split_linear),
    Rule(_BLOCK + r"attn\.in_proj_bias", tuple(f"{t}bias" for t in _QKV), split_bias),
    *layer(_BLOCK + r"attn\.out_proj", r"visual/block\1/attention/output"),
    *norm(_BLOCK + "ln_2", r"visual/block\1/mlp_norm"),
    *layer(_BLOCK + r"mlp\.c_fc", r"visual/block\1/mlp/expand"),
    *layer(_BLOCK + r"mlp\.c_proj", r"visual/block\1/mlp/reduce"),
    *norm(r"visual\.ln_post", "visual/final_norm"),
    Rule(r"visual\.proj", "visual/projection/kernel"),
)


def sizes(shapes: Shapes) -> dict[str, Any]:
    """Reads the attributes of `VisionTransformer` that tensors show."""
    patch = axis(shapes, "visual.conv1.weight", 2)
    positions = axis(shapes, "visual.positional_embedding", 0)
    return {
        "patch": patch,
        "width": axis(shapes, "visual.conv1.weight", 0),
        "layers": count(shapes, _BLOCK + r".*"),
        "image_size": side(positions - 1) * patch,
        "embedding_dim": axis(shapes, "visual.proj", 1),
        "pre_norm": True,
        "gated": False,
    }


FAMILY = Family("ViT", VisionTransformer, "visual.class_embedding", TABLE, sizes)
