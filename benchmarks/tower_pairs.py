"""The same image tower twice: open_clip's in PyTorch and ours, with the same random weights."""

from __future__ import annotations

import pathlib
import sys
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from ovseg_jax.convert.rules import apply
from ovseg_jax.convert.towers import convnext, vit
from ovseg_jax.foundation.typing import Params
from ovseg_jax.models.clip.variants import variant

TESTS = pathlib.Path(__file__).resolve().parent.parent / "tests"
NAMES = ("vit_b_16", "convnext_base_w_320")


def their_tower(name: str, size: int) -> Any:
    """Builds open_clip's tower for images of `size` pixels, in evaluation mode."""
    sys.path.insert(0, str(TESTS))
    import parity  # noqa: F401 - lets open_clip import beside a CPU build of PyTorch
    import torch
    from open_clip.model import _build_vision_tower

    settings = {
        "vit_b_16": {"layers": 12, "width": 768, "patch_size": 16, "image_size": size},
        "convnext_base_w_320": {
            "timm_model_name": "convnext_base",
            "timm_pool": "",
            "timm_proj": "linear",
            "image_size": size,
        },
    }
    torch.manual_seed(0)
    return _build_vision_tower(variant(name).visual.embedding_dim, settings[name]).eval()


def our_tower(name: str, size: int, dtype: DTypeLike) -> nn.Module:
    """Builds ours; a ViT's positions are those of the same size, so that neither resamples."""
    sized = {"image_size": size} if name.startswith("vit") else {}
    return variant(name).visual.clone(dtype=dtype, **sized)


def build_pair(name: str, size: int, dtype: DTypeLike) -> tuple[nn.Module, Params, Any]:
    """Returns our tower, its parameters as converted from theirs, and theirs."""
    theirs, ours = their_tower(name, size), our_tower(name, size, dtype)
    image = jnp.zeros((1, size, size, 3))
    shapes = jax.eval_shape(ours.init, jax.random.key(0), image)["params"]
    tensors = {f"visual.{key}": value.numpy() for key, value in theirs.state_dict().items()}
    table = (vit if name.startswith("vit") else convnext).FAMILY.table
    params, _ = apply(table, tensors, {"visual": shapes}, "open_clip")
    return ours, params["visual"], theirs
