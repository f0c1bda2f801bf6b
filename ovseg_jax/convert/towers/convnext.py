"""ConvNeXt image towers as OpenCLIP stores them, through timm (docs/reference 0.2)."""

from __future__ import annotations

import re
from typing import Any

from ovseg_jax.convert.family import Family, Shapes, axis, count
from ovseg_jax.convert.rules import Rule, conv, layer, linear, norm
from ovseg_jax.models.clip.convnext import ConvNeXtTower

_BLOCK = r"visual\.trunk\.stages\.(\d+)\.blocks\.(\d+)\."

TABLE = (
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


def sizes(shapes: Shapes) -> dict[str, Any]:
    """Reads the attributes of `ConvNeXtTower` that tensors show."""
    trunk = r"visual\.trunk\.stages\.{}\.blocks\.\d+\.conv_dw\.weight"
    stages = count(shapes, r"visual\.trunk\.stages\.(\d+)\..*")
    blocks = [[n for n in shapes if re.fullmatch(trunk.format(i), n)] for i in range(stages)]
    has_mlp = "visual.head.mlp.fc1.weight" in shapes
    projection = "visual.head.mlp.fc2.weight" if has_mlp else "visual.head.proj.weight"
    return {
        "dims": tuple(axis(shapes, names[0], 0) if names else 0 for names in blocks),
        "depths": tuple(len(names) for names in blocks),
        "head": "mlp" if has_mlp else "linear",
        "embedding_dim": axis(shapes, projection, 0),
    }


FAMILY = Family("ConvNeXt", ConvNeXtTower, "visual.trunk.stem.0.weight", TABLE, sizes)
