"""Mask-Adapter's warm-up step as its original formulates it, in PyTorch.

Weights are those of our module, as `method_references.to_tensors` copies them: a frozen ConvNeXt,
the adapter with CLIP's map repeated for every mask, softmax of log-sigmoids, cross-entropy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from references import aggregation

Weights = dict[str, Any]
MEAN = (122.7709383, 116.7460125, 104.09373615)
STD = (68.5005327, 66.6321579, 70.32316305)
CLASS_WEIGHT = 2.0


def norm(x: torch.Tensor, layer: Weights, eps: float = 1e-6) -> torch.Tensor:
    """Normalises the channels of [b, c, h, w], as timm does: last for a moment."""
    last = x.permute(0, 2, 3, 1)
    found = F.layer_norm(last, last.shape[-1:], layer["scale"], layer["bias"], eps)
    return found.permute(0, 3, 1, 2)


def block(x: torch.Tensor, layer: Weights) -> torch.Tensor:
    """One ConvNeXt block."""
    kernel = layer["depthwise"]["kernel"]
    around = {"padding": kernel.shape[-1] // 2, "groups": len(kernel)}
    branch = F.conv2d(x, kernel, layer["depthwise"]["bias"], **around)
    branch = branch.permute(0, 2, 3, 1)
    scale, bias = layer["norm"]["scale"], layer["norm"]["bias"]
    branch = F.layer_norm(branch, branch.shape[-1:], scale, bias, 1e-6)
    hidden = F.gelu(F.linear(branch, layer["expand"]["kernel"], layer["expand"]["bias"]))
    branch = F.linear(hidden, layer["reduce"]["kernel"], layer["reduce"]["bias"])
    return x + (branch * layer["layer_scale"]).permute(0, 3, 1, 2)


def convnext(pixels: torch.Tensor, tower: Weights) -> torch.Tensor:
    """Returns the last map of the trunk, [b, c, h / 32, w / 32]."""
    stem = tower["stem"]["convolution"]
    x = norm(F.conv2d(pixels, stem["kernel"], stem["bias"], stride=4), tower["stem"]["norm"])
    for stage in _numbered(tower, "stage"):
        if "downsample" in stage:
            down = stage["downsample"]["convolution"]
            x = norm(x, stage["downsample"]["norm"])
            x = F.conv2d(x, down["kernel"], down["bias"], stride=2)
        for each in _numbered(stage, "block"):
            x = block(x, each)
    return x


def project(vectors: torch.Tensor, tower: Weights) -> torch.Tensor:
    """Takes trunk vectors [..., c] into the joint space: norm and MLP, or one linear map."""
    head, scale = tower["projection"], tower["head_norm"]
    x = F.layer_norm(vectors, vectors.shape[-1:], scale["scale"], scale["bias"], 1e-6)
    if "expand" in head:
        x = F.gelu(F.linear(x, head["expand"]["kernel"], head["expand"]["bias"]))
    return F.linear(x, head["reduce"]["kernel"])


def adapt(projected: torch.Tensor, masks: torch.Tensor, adapter: Weights) -> torch.Tensor:
    """Activation maps [b, q, m, h, w] of masks [b, q, 4 h, 4 w]; the map is repeated per mask."""
    batch, count = masks.shape[:2]
    x = masks.flatten(0, 1)[:, None]
    embedding = adapter["mask_embedding"]
    for number in (1, 2):
        convolution = embedding[f"conv{number}"]
        x = F.conv2d(x, convolution["kernel"], convolution["bias"], stride=2, padding=1)
        x = F.gelu(norm(x, embedding[f"norm{number}"]))
    x = _pointwise(x, embedding["project"]) + projected.repeat_interleave(count, 0)
    x = _pointwise(x, adapter["fuse"])
    for each in _numbered(adapter, "block"):
        x = block(x, each)
    maps = _pointwise(norm(x, adapter["norm"], 1e-5), adapter["maps"])
    return maps.unflatten(0, (batch, count))


def warmup_loss(
    weights: Weights,
    images: torch.Tensor,
    segment_ids: torch.Tensor,
    labels: torch.Tensor,
    rows: torch.Tensor,
) -> torch.Tensor:
    """Weighted cross-entropy of ground-truth masks.

    Args:
        weights: Of `MaskAdapter`.
        images: [b, h, w, 3], 0 to 255.
        segment_ids: [b, h, w]; i for the i-th segment.
        labels: [b, n]; -1 in unused slots, whose masks are empty.
        rows: [k, d], unit vectors.
    """
    tower = weights["clip"]["visual"]
    mean, std = (torch.tensor(colour, device=images.device) for colour in (MEAN, STD))
    with torch.no_grad():
        dense = convnext(((images.float() - mean) / std).permute(0, 3, 1, 2), tower)
        projected = project(dense.permute(0, 2, 3, 1), tower).permute(0, 3, 1, 2)
    slots = torch.arange(1, labels.shape[1] + 1, device=labels.device)
    inside = (segment_ids[:, None] == slots[:, None, None]).float()
    masks = F.adaptive_avg_pool2d(inside, [4 * side for side in dense.shape[2:]])
    maps = adapt(projected, masks, weights["adapter"])
    pooled = aggregation(dense.float(), maps.flatten(1, 2).float())
    pooled = pooled.unflatten(1, maps.shape[1:3])
    vectors = F.normalize(project(pooled, tower).mean(2).float(), dim=-1)
    if "void_embedding" in weights:
        rows = torch.cat([rows, F.normalize(weights["void_embedding"], dim=-1)])
    factor = weights["clip"]["logit_scale"].exp().clamp(max=100)
    logits = factor * vectors @ rows.T
    return CLASS_WEIGHT * F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-1)


def make_step(
    loss: Callable[..., torch.Tensor], weights: Weights, place: str, half: bool
) -> Callable[..., torch.Tensor]:
    """Returns a step that trains adapter and void: AdamW, gradients cut at a norm of one.

    Args:
        loss: `warmup_loss`, or that compiled.
        weights: Of `MaskAdapter`, float32; changed from step to step.
        place: The device.
        half: Whether products are in bfloat16.
    """
    trained = [*leaves(weights["adapter"])]
    trained += [weights["void_embedding"]] if "void_embedding" in weights else []
    for tensor in trained:
        tensor.requires_grad_()
    optimizer = torch.optim.AdamW(trained, lr=1e-4, weight_decay=0.05, fused=place == "cuda")

    def step(*batch: torch.Tensor) -> torch.Tensor:
        optimizer.zero_grad()
        with torch.autocast(place, torch.bfloat16, enabled=half):
            value = loss(weights, *batch)
        value.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        return value.detach()

    return step


def leaves(weights: Weights) -> Iterator[torch.Tensor]:
    """Yields all tensors of a nested dict."""
    for value in weights.values():
        if isinstance(value, dict):
            yield from leaves(value)
        else:
            yield value


def _pointwise(x: torch.Tensor, layer: Weights) -> torch.Tensor:
    return F.conv2d(x, layer["kernel"][:, :, None, None], layer["bias"])


def _numbered(weights: Weights, name: str) -> list[Weights]:
    """Returns the parts called name0, name1, and so on."""
    count = sum(key.startswith(name) and key[len(name) :].isdigit() for key in weights)
    return [weights[f"{name}{index}"] for index in range(count)]
