"""Mask-Adapter's released files: all that a model of it needs (docs/reference 1.8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ovseg_jax.config import (
    ClipConfig,
    EnsembleConfig,
    InferenceConfig,
    MaskAdapterConfig,
    MaskAdapterOnMaftConfig,
    ModelConfig,
    NoGeneratorConfig,
)
from ovseg_jax.convert.expected import expected_of, floats
from ovseg_jax.convert.family import axis, count
from ovseg_jax.convert.generators.whole import clip_part, generator_part
from ovseg_jax.convert.methods.maft_plus import TRANSFER_TABLE, expected_transfer, is_maft
from ovseg_jax.convert.rules import (
    ConversionError,
    ConversionReport,
    Rule,
    Tensors,
    apply,
    conv,
    layer,
    norm,
)
from ovseg_jax.foundation.typing import Params
from ovseg_jax.methods.mask_adapter import adapter_head

_HEAD = "mask_adapter."
_SIZES = ("num_maps", "width", "mask_width", "num_blocks")
ON_FCCLIP = InferenceConfig(ensemble=EnsembleConfig(alpha=0.7, beta=0.9))
ON_MAFT_LARGE = InferenceConfig(overlap_threshold=0.7, ensemble=EnsembleConfig(alpha=0.8, beta=1.0))
ON_MAFT_BASE = InferenceConfig(overlap_threshold=0.7, ensemble=EnsembleConfig(alpha=0.7, beta=1.0))
"""Test settings of the published configurations (docs/reference 1.6, 1.7)."""
_DOWN = r"mask_adapter\.mask_downscaling\."

HEAD_TABLE = (
    *layer(_DOWN + "0", "adapter/mask_embedding/conv1", conv),
    *norm(_DOWN + "1", "adapter/mask_embedding/norm1"),
    *layer(_DOWN + "3", "adapter/mask_embedding/conv2", conv),
    *norm(_DOWN + "4", "adapter/mask_embedding/norm2"),
    *layer(_DOWN + "6", "adapter/mask_embedding/project"),
    *layer(r"mask_adapter\.fuse", "adapter/fuse"),
    *norm(r"mask_adapter\.norm", "adapter/norm"),
    *layer(r"mask_adapter\.final", "adapter/maps"),
)
"""Rows of the head without its blocks, which `block_table` counts off."""


def block_table(number: int) -> tuple[Rule, ...]:
    """Returns the rows of one ConvNeXt block; the file counts from 1, the tree from 0."""
    source, target = rf"mask_adapter\.cnext{number + 1}\.", f"adapter/block{number}"
    return (
        Rule(f"{source}gamma", f"{target}/layer_scale"),
        *layer(f"{source}dwconv", f"{target}/depthwise", conv),
        *norm(f"{source}norm", f"{target}/norm"),
        *layer(f"{source}pwconv1", f"{target}/expand"),
        *layer(f"{source}pwconv2", f"{target}/reduce"),
    )


def convert_mask_adapter(
    tensors: Tensors, where: str, *, variant: str = ""
) -> tuple[ModelConfig, Params, ConversionReport]:
    """Converts a file of Mask-Adapter on FC-CLIP or on MAFT+, after either training phase.

    Args:
        tensors: Content of the file, without the level "model".
        where: Name of the file, for messages.
        variant: The CLIP model, where sizes leave a choice.

    Returns:
        The model with the sizes of the file, its parameters, and the report. Files of the second
        phase hold the mask generator, and so does the model then. The form of MAFT+'s transfer
        does not show in a file: it is that of the published configuration, panoptic in the first
        phase and for the large model.

    Raises:
        ConversionError: The file holds no adapter, or does not fit the table.
    """
    head = infer_head(tensors, where)
    towers, borrowed = clip_part(tensors, where, variant), generator_part(tensors, where)
    width = _feature_dim(tensors)
    expected = towers.expected | borrowed.expected | {"adapter": expected_head(head, width)}
    table = (*towers.table, *borrowed.table, *_head_table(head))
    inference = ON_FCCLIP
    if is_maft(tensors):
        expected |= {"transfer": expected_transfer(width)}
        table = (*table, *TRANSFER_TABLE)
        large, first_phase = width > 640, isinstance(borrowed.config, NoGeneratorConfig)
        head = MaskAdapterOnMaftConfig(
            **{name: getattr(head, name) for name in _SIZES},
            mask_threshold=0.4 if large else 0.45,
            panoptic=large or first_phase,  # as the published configurations have it
        )
        inference = ON_MAFT_LARGE if large else ON_MAFT_BASE
    params, report = apply(table, tensors, expected, where)
    config = ModelConfig(
        clip=ClipConfig(variant=towers.config),
        method=head,
        generator=borrowed.config,
        inference=inference,
        train_vocabulary="coco_stuff171" if is_maft(tensors) else "coco_panoptic133",
    )
    return config, params, report


def convert_head(
    tensors: Tensors, where: str
) -> tuple[MaskAdapterConfig, Params, ConversionReport]:
    """Converts the adapter head alone, from tensors that hold nothing else.

    Returns:
        Its sizes, its parameters without a prefix, and the report.

    Raises:
        ConversionError: The tensors do not fit the table.
    """
    head = infer_head(tensors, where)
    width = _feature_dim(tensors)
    expected = {"adapter": expected_head(head, width)}
    params, report = apply(_head_table(head), tensors, expected, where)
    return head, params["adapter"], report


def infer_head(tensors: Mapping[str, Any], where: str) -> MaskAdapterConfig:
    """Reads the sizes of the head from the shapes of its tensors.

    Raises:
        ConversionError: Tensors that tell the sizes are missing.
    """
    telling = [f"{_HEAD}{name}.weight" for name in ("fuse", "final", "mask_downscaling.3")]
    if missing := [name for name in telling if name not in tensors]:
        raise ConversionError(f"{where} holds no Mask-Adapter: {', '.join(missing)} missing")
    shapes = {name: tensors[name].shape for name in telling}
    width, num_maps, mask_width = (axis(shapes, name, 0) for name in telling)
    return MaskAdapterConfig(
        num_maps=num_maps,
        width=width,
        mask_width=mask_width,
        num_blocks=count(tensors, r"mask_adapter\.cnext(\d+)\..*"),
    )


def _feature_dim(tensors: Mapping[str, Any]) -> int:
    """Returns the width of the features that the head reads."""
    name = f"{_HEAD}fuse.weight"
    return axis({name: tensors[name].shape}, name, 1)


def expected_head(head: MaskAdapterConfig, feature_dim: int) -> Mapping[str, Any]:
    """Returns the shapes of the head's parameters."""
    module = adapter_head(head, feature_dim)
    return expected_of(module, floats(1, 2, 2, feature_dim), floats(1, 1, 8, 8))


def _head_table(head: MaskAdapterConfig) -> tuple[Rule, ...]:
    blocks = (row for number in range(head.num_blocks) for row in block_table(number))
    return (*HEAD_TABLE, *blocks)
