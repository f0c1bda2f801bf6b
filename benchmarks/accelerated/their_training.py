"""PyTorch's contenders for Mask-Adapter's warm-up step, with our weights and batches."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from accelerated import torch_side
from accelerated.cases import Contenders
from accelerated.measuring import described
from ovseg_jax.foundation.typing import Batch, Params, Text
from ovseg_jax.ops.text_rows import average_templates

AGREE = {"float32": 1e-3, "bfloat16": 5e-2}
"""Largest distance of the first step's losses, relative to ours."""


def contenders(  # noqa: PLR0913 - a model, what it is shown, what it answered, and its row
    params: Params,
    batches: Sequence[Batch],
    text: Text,
    slots: int,
    dtype: Any,
    loss: float,
    row: dict[str, Any],
) -> Contenders:
    """Returns PyTorch's steps, eager and on a GPU compiled, after comparing their first losses.

    Args:
        params: Ours before the first step, on the host.
        batches: Ours, in turn.
        text: The vocabulary, one name per class.
        slots: Masks that are adapted per picture; those beyond the labelled ones are empty.
        dtype: Compute type.
        loss: Of our first step.
        row: Gets errors, differences and memory.
    """
    row["not_compared"] = torch_side.missing()
    if row["not_compared"]:
        return {}
    import torch
    import training_references as references

    place, found = torch_side.device(), {}
    row |= {"errors": {}, "error": {}, "memory": {}, "compile_seconds": {}, "disagrees": False}
    rows = torch_side.to_torch(average_templates(text.embeddings))
    inputs = [(*_converted(batch, slots), rows) for batch in batches]
    ways = {"torch eager": references.warmup_loss}
    if place == "cuda":
        ways["torch compiled"] = torch.compile(references.warmup_loss, dynamic=False)
    for name, way in ways.items():
        half = dtype == jnp.bfloat16
        step = references.make_step(way, _weights(params, half), place, half)
        start = time.perf_counter()
        try:
            theirs = float(step(*inputs[0]))
        except Exception as error:  # the other may work
            row["errors"][name] = described(error)
            continue
        row["compile_seconds"][name] = time.perf_counter() - start
        gap = row["error"][name] = abs(theirs - loss) / abs(loss)
        row["disagrees"] |= not gap <= AGREE[jnp.dtype(dtype).name]
        found[name] = torch_side.turns(step, inputs, training=True)
        row["memory"][name] = {"peak": torch_side.peak_memory(found[name])}
    return found


def _converted(batch: Batch, slots: int) -> tuple[Any, Any, Any]:
    labels = np.full((len(batch.images), slots), -1)
    known = np.asarray(batch.truth[1])[:, :slots]
    labels[:, : known.shape[1]] = known
    images, ids = torch_side.to_torch(batch.images), torch_side.to_torch(batch.truth[0])
    return images, ids, torch_side.to_torch(labels)


def _weights(params: Params, half: bool) -> dict[str, Any]:
    """Tensors of all parameters; kernels of the frozen tower are cast beforehand."""
    import method_references
    import torch

    weights = _placed(method_references.to_tensors(params), None)
    if half:
        tower = _placed(weights["clip"]["visual"], torch.bfloat16)
        weights["clip"] = weights["clip"] | {"visual": tower}
    return weights


def _placed(weights: Any, dtype: Any) -> Any:
    """Puts tensors onto the device; those of several axes in a type."""
    if isinstance(weights, dict):
        return {name: _placed(value, dtype) for name, value in weights.items()}
    return weights.to(torch_side.device(), dtype if weights.ndim > 1 else None)
