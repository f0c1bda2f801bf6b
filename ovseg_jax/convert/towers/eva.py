"""EVA-CLIP image towers in their two published layouts (docs/reference 0.5).

BAAI's own files, and MaskCLIP++ after them, have the names of the eva_clip package. open_clip's
files hold the same tower through timm, one level down and with other names inside the blocks.
EVA02 projects queries, keys and values apart, EVA01 at once; keys have no bias in either.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ovseg_jax.convert.family import Family, Shapes, axis, count, side
from ovseg_jax.convert.rules import (
    Rule,
    Skip,
    conv,
    layer,
    linear,
    norm,
    prefixed,
    scalar,
    split_linear,
)
from ovseg_jax.models.clip.vit import VisionTransformer

_BLOCK = r"blocks\.(\d+)\."
_ATTENTION = _BLOCK + r"attn\."
_TO = r"block\1/attention/"
_QKV = tuple(f"{_TO}{part}/kernel" for part in ("query", "key", "value"))


def _token(array: np.ndarray) -> np.ndarray:
    """Turns [1, 1, c] into [c]."""
    return array.reshape(array.shape[-1])


def _tokens(array: np.ndarray) -> np.ndarray:
    """Turns [1, l, c] into [l, c]."""
    return array.reshape(array.shape[-2:])


_SHARED = (
    Rule("cls_token", "class_embedding", _token),
    Rule("pos_embed", "position_embedding", _tokens),
    *layer(r"patch_embed\.proj", "patches", conv),
    *norm(_BLOCK + "norm1", r"block\1/attention_norm"),
    Rule(_ATTENTION + r"qkv\.weight", _QKV, split_linear),
    Rule(_ATTENTION + r"q_proj\.weight", _TO + "query/kernel", linear),
    Rule(_ATTENTION + r"k_proj\.weight", _TO + "key/kernel", linear),
    Rule(_ATTENTION + r"v_proj\.weight", _TO + "value/kernel", linear),
    Rule(_ATTENTION + "q_bias", _TO + "query/bias"),
    Rule(_ATTENTION + "v_bias", _TO + "value/bias"),
    *layer(_ATTENTION + "proj", _TO + "output"),
    *norm(_BLOCK + "norm2", r"block\1/mlp_norm"),
    *layer(_BLOCK + r"mlp\.fc1", r"block\1/mlp/expand"),
    *layer(_BLOCK + r"mlp\.fc2", r"block\1/mlp/reduce"),
    *norm("norm", "final_norm"),
    *layer("head", "projection"),
    Skip(_ATTENTION + "k_bias", because="keys have no bias; this buffer is zero"),
)

EVA_CLIP_TABLE = (
    *_SHARED,
    *norm(_ATTENTION + "inner_attn_ln", _TO + "norm"),
    *layer(_BLOCK + r"mlp\.w1", r"block\1/mlp/gate"),
    *layer(_BLOCK + r"mlp\.w2", r"block\1/mlp/expand"),
    *norm(_BLOCK + r"mlp\.ffn_ln", r"block\1/mlp/norm"),
    *layer(_BLOCK + r"mlp\.w3", r"block\1/mlp/reduce"),
    Skip(
        rf"(?:{_ATTENTION})?rope\.freqs_(?:cos|sin)",
        because="rotary positions are tabulated anew for every grid",
    ),
    Skip(
        rf"(?:{_ATTENTION}|rel_pos_bias\.)relative_position_index",
        because="an index into relative positions, which these models do not have",
    ),
)
"""Names of the eva_clip package, inside the image tower."""

TIMM_TABLE = (
    *_SHARED,
    Rule(_ATTENTION + r"q_proj\.bias", _TO + "query/bias"),
    Rule(_ATTENTION + r"v_proj\.bias", _TO + "value/bias"),
    *norm(_ATTENTION + "norm", _TO + "norm"),
    *layer(_BLOCK + r"mlp\.fc1_g", r"block\1/mlp/gate"),
    *layer(_BLOCK + r"mlp\.fc1_x", r"block\1/mlp/expand"),
    *norm(_BLOCK + r"mlp\.norm", r"block\1/mlp/norm"),
    Skip(
        r"rope\.(?:bands|pos_embed)",
        because="rotary positions are tabulated anew for every grid",
    ),
)
"""Names of timm, inside the trunk."""


def sizes(shapes: Shapes, root: str) -> dict[str, Any]:
    """Reads the attributes of `VisionTransformer` that tensors show.

    Args:
        shapes: Of all tensors of a file.
        root: What their names begin with.
    """
    inside = {name.removeprefix(root): x for name, x in shapes.items() if name.startswith(root)}
    patch = axis(inside, "patch_embed.proj.weight", 2)
    expand = [f"blocks.0.mlp.{name}.weight" for name in ("fc1", "w1", "fc1_g")]
    return {
        "patch": patch,
        "width": axis(inside, "patch_embed.proj.weight", 0),
        "layers": count(inside, _BLOCK + r".*"),
        "mlp_width": max(axis(inside, name, 0) for name in expand),
        "gated": expand[0] not in inside,
        "pre_norm": False,
        "image_size": side(axis(inside, "pos_embed", 1) - 1) * patch,
        "embedding_dim": axis(inside, "head.weight", 0),
    }


FAMILIES = (
    Family(
        "EVA in open_clip's layout",
        VisionTransformer,
        "visual.trunk.cls_token",
        prefixed(TIMM_TABLE, "visual.trunk.", "visual/"),
        partial(sizes, root="visual.trunk."),
    ),
    Family(
        "EVA in BAAI's layout",
        VisionTransformer,
        "visual.cls_token",
        (
            *prefixed(EVA_CLIP_TABLE, "visual.", "visual/"),
            Rule(r"text\.logit_scale", "logit_scale", scalar),
        ),
        partial(sizes, root="visual."),
    ),
)
