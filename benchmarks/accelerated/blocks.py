"""A ConvNeXt block with and without its parts: where the time of a tower goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from accelerated import torch_side
from accelerated.cases import Case, draw
from accelerated.torch_side import to_torch
from ovseg_jax.models.layers import gelu
from ovseg_jax.ops.depthwise import depthwise_conv
from ovseg_jax.ops.norm import layer_norm

Step = Callable[[Any], Any]


def blocks(dtype: Any, small: bool) -> Iterator[Case]:
    """Yields the blocks of the third and the first stage of a ConvNeXt-L at 1,024 pixels."""
    for stage, size, channels in ((3, 8, 4),) if small else ((3, 64, 768), (1, 256, 192)):
        for training in (False, True):
            wrap = _differentiated if training else lambda form: form
            yield Case(
                name="ops/ConvNeXt block" + (", forward and backward" if training else ""),
                shape=f"stage {stage}, 8 x {size}² x {channels}",
                forms={name: wrap(form) for name, form in _forms().items()},
                inputs=partial(_inputs, size, channels, dtype),
                theirs=partial(_theirs, training=training),
                pick=lambda _: [],
                align=lambda _: [],
                missing="results: forms without a part differ; whole towers are compared",
                urgency=0 if stage == 3 and not training else 1,
                seconds=9.0 if training else 7.0,
            )


def _forms() -> dict[str, Callable[..., Any]]:
    no_norm: Step = lambda x, *_: x  # noqa: E731
    product = partial(layer_norm, form="product")
    half = lambda x: (0.5 * x) * (1 + jnp.tanh(0.79788456 * (x + 0.044715 * x**3)))  # noqa: E731
    return {
        "ours": _block,
        "norm by products": partial(_block, norm=product),
        "without norm": partial(_block, norm=no_norm),
        "GELU by tanh": partial(_block, activation=half),
        "without GELU": partial(_block, activation=lambda x: x),
        "depthwise alone": lambda x, w: x + depthwise_conv(x, w["kernel"]) + w["shift"],
        "norm alone": lambda x, w: x + layer_norm(x, w["scale"], w["offset"]),
        "MLP alone": partial(_block, norm=no_norm, convolve=lambda x, _: x),
    }


def _block(
    x: Any,
    w: dict[str, Any],
    norm: Callable[..., Any] = layer_norm,
    activation: Step = gelu,
    convolve: Callable[..., Any] = depthwise_conv,
) -> Any:
    """As `ovseg_jax.models.layers.ConvNeXtBlock`: float32 weights, products in the images' type."""
    branch = convolve(x, w["kernel"]) + w["shift"].astype(x.dtype)
    branch = norm(branch, w["scale"], w["offset"])
    branch = activation(_dense(branch, w["expand"], w["expand_bias"]))
    branch = _dense(branch, w["reduce"], w["reduce_bias"])
    return x + branch * w["layer_scale"].astype(x.dtype)


def _dense(x: Any, kernel: Any, bias: Any) -> Any:
    return jnp.matmul(x, kernel.astype(x.dtype)) + bias.astype(x.dtype)


def _differentiated(form: Callable[..., Any]) -> Callable[..., Any]:
    def forward_and_backward(x: Any, w: Any) -> Any:
        _, derive = jax.vjp(form, x, w)
        return derive(x)

    return forward_and_backward


def _inputs(size: int, channels: int, dtype: Any) -> list[tuple]:
    shapes = {
        "kernel": (7, 7, 1, channels),
        "shift": (channels,),
        "scale": (channels,),
        "offset": (channels,),
        "expand": (channels, 4 * channels),
        "expand_bias": (4 * channels,),
        "reduce": (4 * channels, channels),
        "reduce_bias": (channels,),
        "layer_scale": (channels,),
    }
    weights = {
        name: draw(50 + i, *shape, scale=channels**-0.5, turns=1)[0]
        for i, (name, shape) in enumerate(shapes.items())
    }
    batch = 1 if size < 16 else 8
    return [(x, weights) for x in draw(49, batch, size, size, channels, dtype=dtype)]


def _theirs(inputs: Sequence[tuple], *, training: bool) -> Any:
    """The block of timm in plain functions, half precision throughout, channels last in memory."""
    import torch
    import torch.nn.functional as F

    def block(x: Any, w: dict[str, Any]) -> Any:
        branch = F.conv2d(x, w["kernel"], w["shift"], padding=3, groups=x.shape[1])
        branch = branch.permute(0, 2, 3, 1)
        branch = F.layer_norm(branch, branch.shape[-1:], w["scale"], w["offset"], 1e-6)
        branch = F.gelu(F.linear(branch, w["expand"], w["expand_bias"]))
        branch = F.linear(branch, w["reduce"], w["reduce_bias"])
        return x + (branch * w["layer_scale"]).permute(0, 3, 1, 2)

    def backward(x: Any, w: dict[str, Any]) -> Any:
        x = x.detach().requires_grad_()
        w = {name: each.detach().requires_grad_() for name, each in w.items()}
        return torch.autograd.grad(block(x, w), [x, *w.values()], x)

    def convert(pair: tuple) -> tuple:
        x, weights = to_torch(pair[0]).permute(0, 3, 1, 2), dict(pair[1])
        w = {name: to_torch(each).to(x.dtype) for name, each in weights.items()}
        w["kernel"] = w["kernel"].permute(3, 2, 0, 1).contiguous()
        w |= {name: w[name].T.contiguous() for name in ("expand", "reduce")}
        return x.contiguous(memory_format=torch.channels_last), w

    function = backward if training else block
    return torch_side.contenders(
        function, [convert(x) for x in inputs], training=training, compiled=False
    )
