"""timm's image towers with CLIP's projection behind them, and their weights as ours."""

from __future__ import annotations

import functools
import pathlib
import re
import sys
from typing import Any

import jax
import jax.numpy as jnp

from accelerated import torch_side
from ovseg_jax.convert.rules import apply
from ovseg_jax.convert.towers import convnext, eva, vit
from ovseg_jax.foundation.typing import Params
from ovseg_jax.models.clip.rows import ROWS

TESTS = pathlib.Path(__file__).resolve().parents[2] / "tests"
NAMES = {
    "convnext_base": "convnext_base",
    "convnext_large_d_320": "convnext_large",
    "vit_b_16": "vit_base_patch16_clip_224",
    "vit_l_14_336": "vit_large_patch14_clip_336",
    "eva02_b_16": "eva02_base_patch16_clip_224",
    "eva02_l_14_336": "eva02_large_patch14_clip_336",
}
"""timm's names of the same towers."""
OPEN_CLIP = (
    (r"cls_token", "class_embedding"),
    (r"pos_embed", "positional_embedding"),
    (r"patch_embed\.proj\.", "conv1."),
    (r"norm_pre\.", "ln_pre."),
    (r"blocks\.(\d+)\.norm(\d)\.", r"transformer.resblocks.\1.ln_\2."),
    (r"blocks\.(\d+)\.attn\.qkv\.", r"transformer.resblocks.\1.attn.in_proj_"),
    (r"blocks\.(\d+)\.attn\.proj\.", r"transformer.resblocks.\1.attn.out_proj."),
    (r"blocks\.(\d+)\.mlp\.fc1\.", r"transformer.resblocks.\1.mlp.c_fc."),
    (r"blocks\.(\d+)\.mlp\.fc2\.", r"transformer.resblocks.\1.mlp.c_proj."),
    (r"norm\.", "ln_post."),
)
"""timm's names inside a ViT, and those of open_clip that `convert.towers.vit` reads."""


@functools.cache
def missing() -> str:
    """Says why timm cannot take part; empty where it can."""
    if reason := torch_side.missing():
        return reason
    try:
        if torch_side.device() == "cpu":
            sys.path.append(str(TESTS))
            import parity  # noqa: F401 - lets timm import beside a CPU build of PyTorch
        import timm  # noqa: F401
    except Exception as error:  # a broken installation raises whatever it likes
        return f"timm does not import: {error}"
    return ""


def pair(name: str, size: int, shapes: Params) -> tuple[Any, Params]:
    """Builds timm's tower for pictures of one size, and our parameters with its weights.

    Args:
        name: A row of `ovseg_jax.models.clip.rows`, a key of `NAMES`.
        size: Side of the pictures in pixels.
        shapes: Of our parameters.
    """
    import torch

    torch.manual_seed(0)
    module = _build(name, size).eval()
    with torch.no_grad():
        for key, weight in module.named_parameters():
            if key.endswith("gamma"):  # starts at 1e-6, which hides the blocks
                weight.fill_(0.1)
    tensors = {f"visual.{key}": x.numpy() for key, x in module.state_dict().items()}
    if name.startswith("vit"):
        tensors = _as_open_clip(tensors)
    table = {"vit": vit.FAMILY, "con": convnext.FAMILY, "eva": eva.FAMILIES[0]}[name[:3]].table
    params, _ = apply(table, tensors, {"visual": shapes}, f"timm's {NAMES[name]}")
    return module, jax.tree.map(jnp.asarray, params["visual"])


def _build(name: str, size: int) -> Any:
    import timm
    from torch import nn

    tower = ROWS[name].visual
    sized = {} if name.startswith("convnext") else {"img_size": size}
    ends = {"num_classes": tower.embedding_dim if name.startswith("eva") else 0}
    trunk = timm.create_model(NAMES[name], **sized, **ends)
    parts: dict[str, Any] = {"trunk": trunk}
    if not name.startswith("eva"):
        parts["head"] = _head(trunk.num_features, tower.embedding_dim, name)
    return nn.Sequential(_ordered(parts))


def _ordered(parts: dict[str, Any]) -> Any:
    from collections import OrderedDict

    return OrderedDict(parts)


def _head(width: int, dim: int, name: str) -> Any:
    """open_clip's projection: linear without bias, or an MLP (ConvNeXt-L)."""
    from torch import nn

    if name != "convnext_large_d_320":
        return nn.Sequential(_ordered({"proj": nn.Linear(width, dim, bias=False)}))
    layers = {
        "fc1": nn.Linear(width, 2 * dim),
        "act": nn.GELU(),
        "fc2": nn.Linear(2 * dim, dim, bias=False),
    }
    return nn.Sequential(_ordered({"mlp": nn.Sequential(_ordered(layers))}))


def _as_open_clip(tensors: dict[str, Any]) -> dict[str, Any]:
    """Renames the tensors of timm's ViT and brings them into open_clip's shapes."""
    found = {}
    for key, tensor in tensors.items():
        if key == "visual.head.proj.weight":
            found["visual.proj"] = tensor.T
            continue
        inside = key.removeprefix("visual.trunk.")
        for pattern, target in OPEN_CLIP:
            if re.match(pattern, inside):
                inside = re.sub(f"^{pattern}", target, inside)
                break
        if inside in ("class_embedding", "positional_embedding"):
            tensor = tensor.reshape(tensor.shape[1:]).squeeze()
        found[f"visual.{inside}"] = tensor
    return found
