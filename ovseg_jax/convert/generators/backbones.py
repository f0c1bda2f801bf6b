"""Trunks of mask generators under their published names (docs/reference 6.1, 6.2)."""

from __future__ import annotations

from typing import Any

from ovseg_jax.convert.family import Shapes, axis, count
from ovseg_jax.convert.rules import (
    ConversionError,
    Rule,
    Skip,
    Table,
    conv,
    layer,
    linear,
    norm,
    split_bias,
    split_linear,
)
from ovseg_jax.models.generators.variants import BACKBONES

_BLOCK = r"backbone\.layers\.(\d+)\.blocks\.(\d+)\."
_SWIN_BLOCK = r"backbone/stage\1_block\2"
_ATTENTION = f"{_SWIN_BLOCK}/attention"
_INPUTS = ("query", "key", "value")


def merge_rows(source: str) -> tuple[Rule, ...]:
    """Returns the rows of patch merging; the file counts from the stage before, the tree after."""
    return tuple(
        rule
        for stage in (1, 2, 3)
        for rule in (
            Rule(
                source.format(stage - 1) + r"reduction\.weight",
                f"backbone/merge{stage}/reduce/kernel",
                linear,
            ),
            *norm(source.format(stage - 1) + "norm", f"backbone/merge{stage}/norm"),
        )
    )


SWIN_TABLE: Table = (
    *layer(r"backbone\.patch_embed\.proj", "backbone/patches/projection", conv),
    *norm(r"backbone\.patch_embed\.norm", "backbone/patches/norm"),
    *norm(_BLOCK + "norm1", f"{_SWIN_BLOCK}/attention_norm"),
    *norm(_BLOCK + "norm2", f"{_SWIN_BLOCK}/mlp_norm"),
    Rule(_BLOCK + r"attn\.relative_position_bias_table", f"{_SWIN_BLOCK}/relative_positions"),
    Skip(_BLOCK + r"attn\.relative_position_index", because="follows from the window's size"),
    Rule(
        _BLOCK + r"attn\.qkv\.weight",
        tuple(f"{_ATTENTION}/{name}/kernel" for name in _INPUTS),
        split_linear,
    ),
    Rule(
        _BLOCK + r"attn\.qkv\.bias",
        tuple(f"{_ATTENTION}/{name}/bias" for name in _INPUTS),
        split_bias,
    ),
    *layer(_BLOCK + r"attn\.proj", f"{_ATTENTION}/output"),
    *layer(_BLOCK + r"mlp\.fc1", f"{_SWIN_BLOCK}/mlp/expand"),
    *layer(_BLOCK + r"mlp\.fc2", f"{_SWIN_BLOCK}/mlp/reduce"),
    *merge_rows(r"backbone\.layers\.{}\.downsample\."),
    *norm(r"backbone\.norm(\d)", r"backbone/norm\1"),
)
"""Rows of a Swin trunk in the files of Mask2Former, MaskFormer and OVSeg."""

_STATISTICS = {
    "weight": "scale",
    "bias": "bias",
    "running_mean": "mean",
    "running_var": "variance",
}


def _conv_norm(source: str, target: str) -> tuple[Rule, ...]:
    return (
        Rule(rf"{source}\.weight", f"{target}/convolution/kernel", conv),
        *(
            Rule(rf"{source}\.norm\.{theirs}", f"{target}/{ours}")
            for theirs, ours in _STATISTICS.items()
        ),
    )


def _stage(number: int) -> tuple[Rule, ...]:
    """Returns the rows of a stage; the file counts from res2, the tree from 0."""
    source, target = rf"backbone\.res{number}\.(\d+)\.", rf"backbone/stage{number - 2}_block\1"
    layers = {"conv1": "layer1", "conv2": "layer2", "conv3": "layer3", "shortcut": "shortcut"}
    return tuple(
        rule
        for theirs, ours in layers.items()
        for rule in _conv_norm(source + theirs, f"{target}/{ours}")
    )


RESNET_TABLE: Table = (
    *_conv_norm(r"backbone\.stem\.conv(\d)", r"backbone/stem\1"),
    *(rule for number in (2, 3, 4, 5) for rule in _stage(number)),
    Skip(r"backbone\..*\.num_batches_tracked", because="a counter of training steps"),
)
"""Rows of detectron2's ResNets."""


def identify_backbone(shapes: Shapes, where: str) -> tuple[str, Table]:
    """Finds the trunk of a file by its shapes.

    Returns:
        A key of `ovseg_jax.models.generators.variants.BACKBONES`, and its rows.

    Raises:
        ConversionError: There is no known trunk, or one of other sizes.
    """
    if "backbone.patch_embed.proj.weight" in shapes:
        return _row_like(_swin_sizes(shapes), where), SWIN_TABLE
    if "backbone.stem.conv1.weight" in shapes:
        return _row_like(_resnet_sizes(shapes), where), RESNET_TABLE
    raise ConversionError(
        f"{where} holds no trunk of a mask generator: neither backbone.patch_embed.* (Swin) nor "
        "backbone.stem.* (ResNet)"
    )


def _row_like(sizes: dict[str, Any], where: str) -> str:
    for name, module in BACKBONES.items():
        if all(getattr(module, field, None) == value for field, value in sizes.items()):
            return name
    raise ConversionError(f"{where} holds a trunk of a size that is not known here: {sizes}")


def _swin_sizes(shapes: Shapes) -> dict[str, Any]:
    tables = [f"backbone.layers.{i}.blocks.0.attn.relative_position_bias_table" for i in range(4)]
    return {
        "width": axis(shapes, "backbone.patch_embed.proj.weight", 0),
        "depths": tuple(
            count(shapes, rf"backbone\.layers\.{i}\.blocks\.(\d+)\..*") for i in range(4)
        ),
        "heads": tuple(axis(shapes, table, 1) for table in tables),
        "window": (round(axis(shapes, tables[0], 0) ** 0.5) + 1) // 2,
    }


def _resnet_sizes(shapes: Shapes) -> dict[str, Any]:
    blocks = tuple(count(shapes, rf"backbone\.res{i}\.(\d+)\..*") for i in (2, 3, 4, 5))
    deeplab = "backbone.stem.conv2.weight" in shapes
    # Dilations leave no trace in a file; the published files with this stem have them.
    return {"blocks": blocks, "stem": "deeplab" if deeplab else "basic"}
