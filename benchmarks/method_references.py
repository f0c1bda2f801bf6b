"""Whole methods as their originals formulate them, in PyTorch: all tokens through all blocks.

Weights are those of our modules, as nested dicts of tensors (`to_tensors`), so both sides compute
the same function. Attention is PyTorch's fused kernel with query, key and value in one product,
which is at least as fast as what the originals call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

Weights = dict[str, Any]
MEAN = torch.tensor((122.7709383, 116.7460125, 104.09373615))
STD = torch.tensor((68.5005327, 66.6321579, 70.32316305))
EPS = 1e-5
HEADS = 12


def to_tensors(params: dict[str, Any]) -> Weights:
    """Copies parameters to PyTorch: linear kernels as [out, in], others as [out, in, h, w]."""
    tensors = {key: _to_tensor(key, value) for key, value in params.items()}
    if {"query", "key", "value"} <= tensors.keys() and "output" in tensors:
        parts = [tensors[name] for name in ("query", "key", "value")]
        tensors["input"] = {
            name: torch.cat([part[name] for part in parts]) for name in ("kernel", "bias")
        }
    return tensors


def _to_tensor(key: str, value: Any) -> Any:
    if isinstance(value, dict):
        return to_tensors(value)
    tensor = torch.tensor(np.asarray(value))
    if key == "kernel":
        tensor = tensor.T if tensor.ndim == 2 else tensor.permute(3, 2, 0, 1)
    return tensor.contiguous()


# ---- a vision transformer -------------------------------------------------------------------


def linear(x: torch.Tensor, layer: Weights) -> torch.Tensor:
    """Applies a linear map."""
    return F.linear(x, layer["kernel"], layer.get("bias"))


def norm(x: torch.Tensor, layer: Weights) -> torch.Tensor:
    """Normalises each token."""
    return F.layer_norm(x, x.shape[-1:], layer["scale"], layer["bias"], EPS)


def by_head(x: torch.Tensor) -> torch.Tensor:
    """[b, l, c] to [b, heads, l, c / heads]."""
    return x.unflatten(-1, (HEADS, -1)).transpose(1, 2)


def attend(
    normed: torch.Tensor,
    layer: Weights,
    bias: torch.Tensor | None = None,
    asking: torch.Tensor | None = None,
) -> torch.Tensor:
    """Self-attention of all tokens; `asking` holds what queries are made of, if not `normed`."""
    if asking is None:
        query, key, value = (by_head(x) for x in linear(normed, layer["input"]).chunk(3, -1))
    else:
        query = by_head(linear(asking, layer["query"]))
        key, value = by_head(linear(normed, layer["key"])), by_head(linear(normed, layer["value"]))
    mixed = F.scaled_dot_product_attention(query, key, value, bias)
    return linear(mixed.transpose(1, 2).flatten(2), layer["output"])


def run_block(
    x: torch.Tensor,
    block: Weights,
    bias: torch.Tensor | None = None,
    ask: Callable[[torch.Tensor], torch.Tensor] | None = None,
) -> torch.Tensor:
    """Runs one pre-norm block; `ask` says what queries are made of, from the normed tokens."""
    normed = norm(x, block["attention_norm"])
    x = x + attend(normed, block["attention"], bias, ask(normed) if ask else None)
    hidden = linear(norm(x, block["mlp_norm"]), block["mlp"]["expand"])
    hidden = hidden * torch.sigmoid(1.702 * hidden)
    return x + linear(hidden, block["mlp"]["reduce"])


def normalise(image: torch.Tensor) -> torch.Tensor:
    """[h, w, 3] of 0 to 255 to normalised [1, 3, h, w]."""
    return ((image.float() - MEAN) / STD).permute(2, 0, 1)[None].contiguous()


def embed_patches(pixels: torch.Tensor, tower: Weights) -> torch.Tensor:
    """Projects patches: [b, c, h, w]."""
    kernel = tower["patches"]["kernel"]
    return F.conv2d(pixels, kernel, stride=kernel.shape[-1])


def embed_tokens(cells: torch.Tensor, tower: Weights) -> torch.Tensor:
    """Puts the class token in front, adds positions (corners aligned) and normalises."""
    grid, table = cells.shape[2:], tower["position_embedding"]
    side = round((len(table) - 1) ** 0.5)
    places = table[1:].T.reshape(1, -1, side, side)
    if tuple(grid) != (side, side):
        places = F.interpolate(places, grid, mode="bicubic", align_corners=True)
    places = torch.cat([table[:1], places[0].flatten(1).T])
    first = tower["class_embedding"].expand(len(cells), 1, -1)
    tokens = torch.cat([first, cells.flatten(2).transpose(1, 2)], 1) + places
    return norm(tokens, tower["input_norm"])


def blocks_of(tower: Weights) -> list[Weights]:
    """Returns the blocks in their order."""
    return [tower[f"block{index}"] for index in range(12)]


def project(tokens: torch.Tensor, tower: Weights) -> torch.Tensor:
    """Takes tokens into the joint space."""
    return linear(norm(tokens, tower["final_norm"]), tower["projection"])


# ---- OVSeg ----------------------------------------------------------------------------------


def ovseg(
    weights: Weights, image: torch.Tensor, masks: torch.Tensor, rows: torch.Tensor
) -> torch.Tensor:
    """All crops of a photo in one batch, with mask prompts (docs/reference 3.2, 3.3).

    Args:
        weights: Of `OVSeg`.
        image: [h, w, 3], 0 to 255.
        masks: [q, h, w], none of them empty.
        rows: [k, d], unit vectors.

    Returns:
        Logits [q, k].
    """
    tower, prompts = weights["clip"]["visual"], weights["prompt"]["mask_embedding"]
    crops, regions = _crop(normalise(image), masks)
    cells = embed_patches(crops, tower)
    patch = tower["patches"]["kernel"].shape[-1]
    kept = F.avg_pool2d(regions, patch).ceil()
    prompt = [each.T.reshape(1, -1, *cells.shape[2:]) for each in prompts]
    x = embed_tokens(cells * kept + prompt[0] * (1 - kept), tower)
    kept = kept.flatten(2).transpose(1, 2)
    for depth, block in enumerate(blocks_of(tower), 1):
        x = run_block(x, block)
        if depth < len(prompts):
            x = torch.cat([x[:, :1], x[:, 1:] * kept + prompts[depth] * (1 - kept)], 1)
    return 100 * F.normalize(project(x[:, 0], tower), dim=-1) @ rows.T


def _crop(
    pixels: torch.Tensor, masks: torch.Tensor, size: int = 224
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cuts each mask's tight box out of the picture, background zero, and stretches it."""
    crops, regions = [], []
    for mask in masks:
        rows, columns = torch.where(mask.any(1))[0], torch.where(mask.any(0))[0]
        box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        region = mask[box][None, None].float()
        crop = pixels[..., box[0], box[1]] * region
        crops.append(F.interpolate(crop, (size, size), mode="bicubic", align_corners=False))
        regions.append(F.interpolate(region, (size, size), mode="nearest"))
    return torch.cat(crops), torch.cat(regions)


# ---- MaskCLIP++ -----------------------------------------------------------------------------


def maskclippp(
    weights: Weights, image: torch.Tensor, masks: torch.Tensor, texts: torch.Tensor
) -> torch.Tensor:
    """[Q masks | CLS | patches] through the last blocks; linear PSM (docs/reference 2.2, 2.5).

    Args:
        weights: Of `MaskClipPlusPlus`.
        image: [h, w, 3], 0 to 255.
        masks: [q, h, w].
        texts: [k, t, d], unit vectors per name and template.

    Returns:
        Logits [q, k].
    """
    tower, strength = weights["clip"]["visual"], weights["log_strength"].exp()
    cells = embed_patches(normalise(image), tower)
    soft = F.interpolate(masks[None].float(), cells.shape[2:], mode="bilinear")[0].flatten(1)
    x, blocks = embed_tokens(cells, tower), blocks_of(tower)
    depth, count = len(strength), len(masks)
    for block in blocks[:-depth]:
        x = run_block(x, block)
    x = torch.cat([x[:, :1].expand(-1, count, -1), x], 1)
    for scale, block in zip(strength, blocks[-depth:], strict=True):
        x = run_block(x, block, _soft_bias(soft, scale, x.shape[1]))
    vectors = F.normalize(project(x[:, :count], tower)[0], dim=-1)
    factor = weights["clip"]["logit_scale"].exp().clamp(max=100)
    scores = torch.einsum("qd,ktd->qkt", vectors, texts) * factor
    align = weights["align"]
    hidden = scores @ align["expand_kernel"] + align["expand_bias"]
    return (hidden @ align["reduce_kernel"] + align["reduce_bias"])[..., 0]


def _soft_bias(soft: torch.Tensor, scale: torch.Tensor, length: int) -> torch.Tensor:
    """The bias of all tokens over all tokens: [1, heads, length, length]."""
    count = len(soft)
    inside = soft > soft.max(1, keepdim=True).values / 2
    bias = torch.zeros(1, HEADS, length, length)
    bias[..., :count] = -torch.inf
    bias[:, :, :count, count] = -torch.inf
    bias[:, :, :count, count + 1 :] = torch.where(inside, soft * scale[:, None, None], -100.0)
    return bias


# ---- FISA -----------------------------------------------------------------------------------


def fisa(
    weights: Weights, image: torch.Tensor, masks: torch.Tensor, rows: torch.Tensor, size: int = 448
) -> torch.Tensor:
    """[Q masks | CLS | patches] through all blocks, words first (docs/reference 4.2, 4.3).

    Args:
        weights: Of `Fisa`, with two convolutions and one g for all blocks.
        image: [h, w, 3], 0 to 255.
        masks: [q, h, w].
        rows: [k, d], unit vectors.
        size: Side of what the tower sees.

    Returns:
        Logits [q, k].
    """
    tower = weights["clip"]["visual"]
    shown = {"size": (size, size), "align_corners": False}
    pixels = F.interpolate(normalise(image), mode="bicubic", antialias=True, **shown)
    logits = torch.where(masks, 6.0, -6.0)[:, None]
    logits = F.interpolate(logits, mode="bilinear", **shown)
    logits = logits + _adapt(logits, weights["distribution"])
    cells = embed_patches(pixels, tower)
    patch = size // cells.shape[2]
    covered = F.max_pool2d((logits >= 0).float(), patch).flatten(1) > 0
    x, count = embed_tokens(cells, tower), len(masks)
    x = torch.cat([x[:, :1].expand(-1, count, -1), x], 1)
    bias = _hard_bias(covered, x.shape[1])
    words = norm(rows, weights["seve"]["word_norm"])

    def ask(normed: torch.Tensor) -> torch.Tensor:
        told = _told(normed[:, :count], words, weights["seve"]["shared"])
        return torch.cat([told, normed[:, count:]], 1)

    for block in blocks_of(tower):
        x = run_block(x, block, bias, ask)
    vectors = F.normalize(project(x[:, :count], tower)[0], dim=-1)
    return weights["clip"]["logit_scale"].exp().clamp(max=100) * vectors @ rows.T


def _adapt(logits: torch.Tensor, layers: Weights) -> torch.Tensor:
    """The Distribution Adapter's two convolutions."""
    first, last = layers["conv0"], layers["conv1"]
    hidden = F.relu(F.conv2d(logits, first["kernel"], first["bias"], padding=1))
    return F.conv2d(hidden, last["kernel"], last["bias"], padding=1)


def _hard_bias(covered: torch.Tensor, length: int) -> torch.Tensor:
    """Nobody sees mask tokens; these see the class token and what they cover: [1, 1, l, l]."""
    count = len(covered)
    bias = torch.zeros(1, 1, length, length)
    bias[..., :count] = -torch.inf
    bias[..., :count, count + 1 :] = torch.where(covered, 0.0, -torch.inf)
    return bias


def _told(normed: torch.Tensor, words: torch.Tensor, layers: Weights) -> torch.Tensor:
    """What the words say to each mask token (equation 3)."""
    query = by_head(linear(normed, layers["query"]))
    key, value = (by_head(linear(words, layers[name])[None]) for name in ("key", "value"))
    return F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
