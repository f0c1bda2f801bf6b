"""Operations on features in all their forms, against the formulation of the PyTorch references."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from accelerated import torch_side
from accelerated.blocks import blocks
from accelerated.cases import Case, draw
from accelerated.torch_side import reference, to_torch
from ovseg_jax.ops.attention.deformable import deformable_sample
from ovseg_jax.ops.attention.dot_product import attention
from ovseg_jax.ops.depthwise import depthwise_conv
from ovseg_jax.ops.masks.pooling import average_under_maps

ROUNDING = {"float32": 1e-4, "bfloat16": 3e-2}
"""Largest distance of results, relative to the largest value."""


def cases(dtype: Any, *, small: bool) -> Iterator[Case]:
    """Yields all of them.

    Args:
        dtype: Of features.
        small: Sizes for trying the program.
    """
    yield from attentions(dtype, small)
    yield from depthwise(dtype, small)
    yield aggregation(dtype, small)
    yield from sampling(small)
    yield from blocks(dtype, small)


def aggregation(dtype: Any, small: bool) -> Case:
    """Masked aggregation: 16 activation maps for each mask."""
    queries, maps, channels, size = (4, 2, 8, 7) if small else (250, 16, 1536, 28)

    def planar(pair: tuple) -> tuple:
        features, weights = map(to_torch, pair)
        return features.permute(0, 3, 1, 2).contiguous(), weights.flatten(1, 2)

    return Case(
        name="ops/masked aggregation",
        shape=f"{queries} x {maps} maps, {size}² x {channels}",
        forms={
            "ours": average_under_maps,
            "softmax": partial(average_under_maps, form="softmax"),
        },
        inputs=lambda: list(
            zip(
                draw(5, 1, size, size, channels, dtype=dtype),
                draw(6, 1, queries, maps, size, size, dtype=dtype),
                strict=True,
            )
        ),
        theirs=reference("aggregation", planar),
        align=lambda x: x.unflatten(1, (queries, maps)),
        tolerance=ROUNDING[jnp.dtype(dtype).name],
        urgency=0,
    )


def depthwise(dtype: Any, small: bool) -> Iterator[Case]:
    """Depthwise 7 x 7 at the stages of a ConvNeXt-L at 1,024 pixels, four pictures."""
    batch = 1 if small else 4
    sizes = ((8, 4),) if small else ((64, 768), (256, 192), (128, 384))
    for place, (size, channels) in enumerate(sizes):

        def inputs(size: int = size, channels: int = channels) -> list[tuple]:
            x = draw(7, batch, size, size, channels, dtype=dtype)
            return list(zip(x, draw(8, 7, 7, 1, channels, dtype=dtype, scale=1 / 7), strict=True))

        for training in (False, True):
            name = "ops/depthwise 7x7" + (", forward and backward" if training else "")
            yield Case(
                name=name,
                shape=f"{batch} x {size}² x {channels}",
                forms={
                    form or "ours": _depthwise(form, training)
                    for form in (None, "grouped", "shift")
                },
                inputs=inputs,
                theirs=reference(
                    "differentiate" if training else "convolve", _planar, training=training
                ),
                align=_channels_last,
                tolerance=ROUNDING[jnp.dtype(dtype).name],
                urgency=min(place, 1),
            )


def _depthwise(form: str | None, training: bool) -> Callable[..., Any]:
    convolve = partial(depthwise_conv, form=form)
    if not training:
        return convolve

    def forward_and_backward(x: Any, kernel: Any) -> Any:
        _, derive = jax.vjp(convolve, x, kernel)
        return derive(x)

    return forward_and_backward


def _planar(pair: tuple) -> tuple:
    """In torch's order of axes, channels last in memory, which its GPU kernels like."""
    import torch

    x, kernel = to_torch(pair[0]).permute(0, 3, 1, 2), to_torch(pair[1]).permute(3, 2, 0, 1)
    last = {"memory_format": torch.channels_last}
    return x.contiguous(**last), kernel.contiguous(**last)


def _channels_last(result: Any) -> Any:
    if isinstance(result, tuple):
        return [result[0].permute(0, 2, 3, 1), result[1].permute(2, 3, 1, 0)]
    return result.permute(0, 2, 3, 1)


def sampling(small: bool) -> Iterator[Case]:
    """Deformable sampling at the shapes of Mask2Former's pixel decoder."""
    heads, depth, points, side = (2, 4, 2, 64) if small else (8, 32, 4, 1024)
    sides = [side // stride for stride in (32, 16, 8)]
    count = sum(each**2 for each in sides)
    shape = (1, count, heads, len(sides), points)

    def inputs() -> list[tuple]:
        maps = [draw(9 + i, 1, s, s, heads, depth, turns=1)[0] for i, s in enumerate(sides)]
        axes = [(jnp.arange(s) + 0.5) / s for s in sides]
        grids = [jnp.stack(jnp.meshgrid(a, a), -1).reshape(-1, 2) for a in axes]
        offsets = draw(20, *shape, 2, turns=1)[0] * 3 / jnp.asarray(sides)[:, None, None]
        places = jnp.concatenate(grids)[None, :, None, None, None] + offsets
        return [(tuple(maps), places, jax.nn.softmax(draw(21, *shape, turns=1)[0]))]

    def differentiate(form: str | None) -> Callable[..., Any]:
        def loss(maps: Any, places: Any, weights: Any) -> jax.Array:
            return (deformable_sample(maps, places, weights, form=form) ** 2).sum()

        return jax.grad(loss, (0, 1, 2))

    for training in (False, True):
        forms = {
            form or "ours": (
                differentiate(form) if training else partial(deformable_sample, form=form)
            )
            for form in (None, "reference", "packed", "whole")
        }
        yield Case(
            name="ops/deformable sampling" + (", forward and backward" if training else ""),
            shape=f"{count} x {heads} x {len(sides)} x {points}",
            forms=forms,
            inputs=inputs,
            theirs=partial(_grid_sampled, training=training),
            tolerance=2e-2 if training else 1e-3,
            urgency=0,
            seconds=12.0,
        )


def _grid_sampled(inputs: Sequence[tuple], *, training: bool) -> Any:
    import torch
    from references import deformable as sample

    (maps, places, weights), *_ = inputs
    tensors = tuple(to_torch(x).requires_grad_(training) for x in (*maps, places, weights))

    def forward(*tensors: Any) -> Any:
        return sample(tensors[:-2], *tensors[-2:])

    def backward(*tensors: Any) -> Any:
        return torch.autograd.grad((forward(*tensors) ** 2).sum(), tensors)

    function = backward if training else forward
    return torch_side.contenders(function, [tensors], training=training, compiled=False)


def attentions(dtype: Any, small: bool) -> Iterator[Case]:
    """Attention of a ViT-L: plain, with a bias, and with its gradient."""
    batch, length, heads, depth = (1, 32, 2, 8) if small else (8, 2116, 16, 64)
    for biased, training in ((False, False), (True, False), (False, True), (True, True)):
        name = "ops/attention" + (", bias" if biased else "")
        names = (None, "xla", "chunked", "cudnn", "reference")
        if biased:  # the others are known to be far slower without one
            names = (None, "xla", "spread")
        yield Case(
            name=name + (", forward and backward" if training else ""),
            shape=f"{batch} x {length} tokens, {heads} x {depth}",
            forms={form or "ours": _attend(form, training) for form in names},
            inputs=partial(_attention_inputs, dtype, batch, length, heads, depth, biased),
            theirs=partial(_sdpa, training=training),
            align=_heads_second,
            tolerance=ROUNDING[jnp.dtype(dtype).name],
            urgency=0 if biased else int(training),
            seconds=10.0 if biased else 20.0,
        )


def _attention_inputs(
    dtype: Any, batch: int, length: int, heads: int, depth: int, biased: bool
) -> list[tuple]:
    arrays = [draw(30 + i, batch, length, heads, depth, dtype=dtype) for i in range(3)]
    if biased:
        arrays.append(draw(40, 1, heads, length, length, dtype=dtype))
    return list(zip(*arrays, strict=True))


def _attend(form: str | None, training: bool) -> Callable[..., Any]:
    mix = _attend_spread if form == "spread" else partial(attention, form=form)
    if not training:
        return mix

    def forward_and_backward(query: Any, *rest: Any) -> Any:
        _, derive = jax.vjp(mix, query, *rest)
        return derive(query)

    return forward_and_backward


def _attend_spread(query: Any, key: Any, value: Any, bias: Any) -> Any:
    """With a bias that is written out for all images, as the kernel need not have it."""
    whole = jnp.broadcast_to(bias, (len(query), *bias.shape[1:]))
    return attention(query, key, value, whole)


def _sdpa(inputs: Sequence[tuple], *, training: bool) -> Any:
    import torch
    import torch.nn.functional as F

    def convert(arrays: tuple) -> tuple:
        heads = [to_torch(x).transpose(1, 2).contiguous() for x in arrays[:3]]
        return (*heads, *map(to_torch, arrays[3:]))

    def backward(query: Any, *rest: Any) -> Any:
        tensors = [x.detach().requires_grad_() for x in (query, *rest)]
        return torch.autograd.grad(F.scaled_dot_product_attention(*tensors), tensors, query)

    def forward(query: Any, key: Any, value: Any, bias: Any = None) -> Any:
        return F.scaled_dot_product_attention(query, key, value, bias)

    function = backward if training else forward
    return torch_side.contenders(function, [convert(x) for x in inputs], training=training)


def _heads_second(result: Any) -> Any:
    if isinstance(result, tuple):  # the bias's gradient stays as it is
        return [x.transpose(1, 2) if i < 3 else x for i, x in enumerate(result)]
    return result.transpose(1, 2)
