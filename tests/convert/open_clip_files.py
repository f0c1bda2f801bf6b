"""Fake checkpoints: the names and shapes of published files, at any size, with random values."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

GOLDENS = Path(__file__).parents[1] / "goldens"


def golden_shapes(case: str) -> dict[str, tuple[int, ...]]:
    """Returns the names and shapes of a golden case's checkpoint."""
    keys = json.loads((GOLDENS / case / "manifest.json").read_text())["keys"]
    return {name: tuple(shape) for name, (shape, _) in keys.items()}


def hollow(shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Returns tensors of zeros that take no memory."""
    return {name: np.broadcast_to(np.float32(0), shape) for name, shape in shapes.items()}


def random(shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Returns tensors of random values."""
    rng = np.random.default_rng(0)
    return {n: rng.standard_normal(s).astype(np.float32) for n, s in shapes.items()}


def toy_clip(prefix: str = "") -> dict[str, tuple[int, ...]]:
    """Returns the names and shapes that OpenCLIP would give the toy CLIP."""
    shapes = {
        "positional_embedding": (32, 96),
        "text_projection": (96, 96),
        "logit_scale": (),
        "token_embedding.weight": (4096, 96),
        "visual.head.proj.weight": (96, 96),
        "visual.trunk.stages.1.downsample.1.weight": (96, 32, 2, 2),
        "visual.trunk.stages.1.downsample.1.bias": (96,),
        "visual.trunk.stem.0.weight": (32, 3, 4, 4),
        "visual.trunk.stem.0.bias": (32,),
    }
    for name, width in (
        ("visual.trunk.stem.1", 32),
        ("visual.trunk.stages.1.downsample.0", 32),
        ("visual.trunk.head.norm", 96),
        ("ln_final", 96),
    ):
        shapes |= {f"{name}.weight": (width,), f"{name}.bias": (width,)}
    for stage, block, width, kernel in ((0, 0, 32, 3), (1, 0, 96, 3), (1, 1, 96, 3)):
        name = f"visual.trunk.stages.{stage}.blocks.{block}"
        shapes[f"{name}.gamma"] = (width,)
        shapes |= _linear(f"{name}.mlp.fc1", width, 4 * width)
        shapes |= _linear(f"{name}.mlp.fc2", 4 * width, width)
        shapes |= {f"{name}.norm.weight": (width,), f"{name}.norm.bias": (width,)}
        shapes[f"{name}.conv_dw.weight"] = (width, 1, kernel, kernel)
        shapes[f"{name}.conv_dw.bias"] = (width,)
    for block in range(2):
        name = f"transformer.resblocks.{block}"
        shapes |= {f"{name}.attn.in_proj_weight": (288, 96), f"{name}.attn.in_proj_bias": (288,)}
        shapes |= _linear(f"{name}.attn.out_proj", 96, 96)
        shapes |= _linear(f"{name}.mlp.c_fc", 96, 384) | _linear(f"{name}.mlp.c_proj", 384, 96)
        for norm in ("ln_1", "ln_2"):
            shapes |= {f"{name}.{norm}.weight": (96,), f"{name}.{norm}.bias": (96,)}
    return {prefix + name: shape for name, shape in shapes.items()}


def toy_adapter() -> dict[str, tuple[int, ...]]:
    """Returns the names and shapes of a Mask-Adapter file around the toy CLIP."""
    shapes = toy_clip("backbone.clip_model.") | {"void_embedding.weight": (1, 96)}
    for name, shape in (
        ("fuse", (24, 96, 1, 1)),
        ("final", (5, 24, 1, 1)),
        ("mask_downscaling.0", (3, 1, 3, 3)),
        ("mask_downscaling.3", (12, 3, 3, 3)),
        ("mask_downscaling.6", (96, 12, 1, 1)),
    ):
        shapes |= {f"mask_adapter.{name}.weight": shape, f"mask_adapter.{name}.bias": shape[:1]}
    for name, width in (("norm", 24), ("mask_downscaling.1", 3), ("mask_downscaling.4", 12)):
        shapes |= {f"mask_adapter.{name}.{part}": (width,) for part in ("weight", "bias")}
    for block in (1, 2):
        name = f"mask_adapter.cnext{block}"
        shapes |= {f"{name}.gamma": (24,), f"{name}.dwconv.weight": (24, 1, 7, 7)}
        shapes |= {f"{name}.{part}": (24,) for part in ("dwconv.bias", "norm.weight", "norm.bias")}
        shapes |= _linear(f"{name}.pwconv1", 24, 96) | _linear(f"{name}.pwconv2", 96, 24)
    return shapes


def _linear(name: str, inputs: int, outputs: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}
