"""ResNet image towers as OpenAI and OpenCLIP store them (docs/reference 0.4)."""

from __future__ import annotations

from typing import Any

from ovseg_jax.convert.family import Family, Shapes, axis, count, side
from ovseg_jax.convert.rules import Rule, Skip, conv, layer
from ovseg_jax.models.clip.resnet import ResNetTower

_STATISTICS = {
    "weight": "scale",
    "bias": "bias",
    "running_mean": "mean",
    "running_var": "variance",
}


def _conv_norm(convolution: str, normalisation: str, target: str) -> tuple[Rule, ...]:
    return (
        Rule(rf"{convolution}\.weight", f"{target}/convolution/kernel", conv),
        *(
            Rule(rf"{normalisation}\.{theirs}", f"{target}/{ours}")
            for theirs, ours in _STATISTICS.items()
        ),
    )


def _stage(number: int) -> tuple[Rule, ...]:
    """Returns the rows of a stage; the file counts from 1, the tree from 0."""
    source, target = rf"visual\.layer{number}\.(\d+)\.", rf"visual/stage{number - 1}_block\1"
    shortcut = source + r"downsample\.{}"
    return (
        *(
            rule
            for index in (1, 2, 3)
            for rule in _conv_norm(
                f"{source}conv{index}", f"{source}bn{index}", f"{target}/layer{index}"
            )
        ),
        *_conv_norm(shortcut.format(0), shortcut.format(1), f"{target}/shortcut"),
    )


TABLE = (
    *(
        rule
        for index in (1, 2, 3)
        for rule in _conv_norm(
            rf"visual\.conv{index}", rf"visual\.bn{index}", f"visual/stem{index}"
        )
    ),
    *(rule for number in (1, 2, 3, 4) for rule in _stage(number)),
    Rule(r"visual\.attnpool\.positional_embedding", "visual/pooling/position_embedding"),
    *layer(r"visual\.attnpool\.q_proj", "visual/pooling/query"),
    *layer(r"visual\.attnpool\.k_proj", "visual/pooling/key"),
    *layer(r"visual\.attnpool\.v_proj", "visual/pooling/value"),
    *layer(r"visual\.attnpool\.c_proj", "visual/pooling/output"),
    Skip(r"visual\..*\.num_batches_tracked", because="a counter of training steps"),
)


def sizes(shapes: Shapes) -> dict[str, Any]:
    """Reads the attributes of `ResNetTower` that tensors show."""
    positions = axis(shapes, "visual.attnpool.positional_embedding", 0)
    return {
        "width": axis(shapes, "visual.conv3.weight", 0),
        "blocks": tuple(count(shapes, rf"visual\.layer{i}\.(\d+)\..*") for i in (1, 2, 3, 4)),
        "image_size": side(positions - 1) * 32,
        "embedding_dim": axis(shapes, "visual.attnpool.c_proj.weight", 0),
    }


FAMILY = Family("ResNet", ResNetTower, "visual.layer1.0.conv1.weight", TABLE, sizes)
