"""FC-CLIP's trunk and mask generator as the originals formulate them, in PyTorch.

Written from docs/reference 0.2 and 5. Weights are those of our modules as tensors
(`method_references.to_tensors`). Like the originals at inference: every layer of the query decoder
answers in full. Attention is PyTorch's fused kernel, which is at least as fast as what the
originals call; deformable attention is their own fallback by `grid_sample`.
"""

from __future__ import annotations

import math

import references
import torch
import torch.nn.functional as F
from method_references import Weights, linear

HEADS, POINTS = 8, 4

Maps = list[torch.Tensor]


# ---- CLIP's trunk ---------------------------------------------------------------------------


def norm(x: torch.Tensor, layer: Weights, eps: float) -> torch.Tensor:
    """Normalises the last axis."""
    return F.layer_norm(x, x.shape[-1:], layer["scale"], layer["bias"], eps)


def norm_channels(x: torch.Tensor, layer: Weights, eps: float = 1e-6) -> torch.Tensor:
    """Normalises the channels of [b, c, h, w]."""
    return norm(x.permute(0, 2, 3, 1), layer, eps).permute(0, 3, 1, 2)


def convolve(x: torch.Tensor, layer: Weights, **options: int) -> torch.Tensor:
    """Convolves [b, c, h, w]; a linear layer is a convolution of one cell."""
    kernel = layer["kernel"]
    kernel = kernel[..., None, None] if kernel.ndim == 2 else kernel
    return F.conv2d(x, kernel, layer.get("bias"), **options)


def trunk(pixels: torch.Tensor, tower: Weights) -> Maps:
    """Returns the maps of all stages, finest first."""
    stem = tower["stem"]
    x = norm_channels(convolve(pixels, stem["convolution"], stride=4), stem["norm"])
    maps = []
    for index in range(sum(name.startswith("stage") for name in tower)):
        stage = tower[f"stage{index}"]
        if "downsample" in stage:
            normed = norm_channels(x, stage["downsample"]["norm"])
            x = convolve(normed, stage["downsample"]["convolution"], stride=2)
        for number in range(sum(name.startswith("block") for name in stage)):
            x = run_block(x, stage[f"block{number}"])
        maps.append(x)
    return maps


def run_block(x: torch.Tensor, block: Weights) -> torch.Tensor:
    """Runs one ConvNeXt block."""
    mixed = convolve(x, block["depthwise"], padding=3, groups=x.shape[1]).permute(0, 2, 3, 1)
    hidden = F.gelu(linear(norm(mixed, block["norm"], 1e-6), block["expand"]))
    branch = block["layer_scale"] * linear(hidden, block["reduce"])
    return x + branch.permute(0, 3, 1, 2)


# ---- the pixel decoder ----------------------------------------------------------------------


def positions(height: int, width: int, channels: int) -> torch.Tensor:
    """Sine codes of a grid: [channels, h, w]."""
    ones, half = torch.ones(height, width), channels // 2
    places = [ones.cumsum(axis) / ((height, width)[axis] + 1e-6) * 2 * math.pi for axis in (0, 1)]
    powers = torch.arange(half).div(2, rounding_mode="floor") * 2 / half
    codes = [place[..., None] / 10_000**powers for place in places]
    waves = [torch.stack([c[..., ::2].sin(), c[..., 1::2].cos()], -1).flatten(2) for c in codes]
    return torch.cat(waves, 2).permute(2, 0, 1)


def group_norm(x: torch.Tensor, layer: Weights) -> torch.Tensor:
    """Normalises 32 groups of channels."""
    return F.group_norm(x, 32, layer["scale"], layer["bias"])


def decode_pixels(maps: Maps, weights: Weights) -> tuple[torch.Tensor, Maps]:
    """Returns the map that masks are read from, [1, c, h, w], and the encoded levels."""
    levels = []
    for index, x in enumerate(maps[:0:-1]):
        layer = weights[f"input{index}"]
        levels.append(group_norm(convolve(x, layer["convolution"]), layer["norm"]))
    sizes, width = [tuple(x.shape[2:]) for x in levels], levels[0].shape[1]
    tokens = torch.cat([x.flatten(2).transpose(1, 2) for x in levels], 1)
    codes = [positions(*size, width).flatten(1).T for size in sizes]
    places = torch.cat([c + e for c, e in zip(codes, weights["level_embedding"], strict=True)])
    for index in range(sum(name.startswith("layer") for name in weights)):
        layer = weights[f"layer{index}"]
        found = look(tokens, places, sizes, layer["attention"])
        tokens = feed_forward(norm(tokens + found, layer["norm"], 1e-5), layer["feed_forward"])
    parts = tokens.split([h * w for h, w in sizes], 1)
    levels = [x.transpose(1, 2).unflatten(2, size) for x, size in zip(parts, sizes, strict=True)]
    lateral = convolve(maps[0], weights["lateral"]["convolution"])
    lateral = group_norm(lateral, weights["lateral"]["norm"])
    coarse = F.interpolate(levels[-1], lateral.shape[2:], mode="bilinear", align_corners=False)
    smooth = convolve(lateral + coarse, weights["smooth"]["convolution"], padding=1)
    smooth = F.relu(group_norm(smooth, weights["smooth"]["norm"]))
    return convolve(smooth, weights["mask_features"]), levels


def look(
    tokens: torch.Tensor, places: torch.Tensor, sizes: list[tuple[int, int]], layer: Weights
) -> torch.Tensor:
    """Deformable attention of all tokens over their own maps."""
    shape, query = (*tokens.shape[:2], HEADS, len(sizes), POINTS), tokens + places
    values = linear(tokens, layer["value"]).split([h * w for h, w in sizes], 1)
    values = tuple(
        value.unflatten(1, size).unflatten(-1, (HEADS, -1))
        for value, size in zip(values, sizes, strict=True)
    )
    offsets = linear(query, layer["offsets"]).view(*shape, 2)
    weights = linear(query, layer["weights"]).view(*shape[:3], -1).softmax(-1).view(shape)
    scale = torch.tensor([(w, h) for h, w in sizes]).float()[:, None]
    spots = centres(sizes)[None, :, None, None, None] + offsets / scale
    return linear(references.deformable(values, spots, weights).flatten(2), layer["output"])


def centres(sizes: list[tuple[int, int]]) -> torch.Tensor:
    """Column and row of every token, 0 to 1: [n, 2]."""
    grids = []
    for height, width in sizes:
        axes = [(torch.arange(side) + 0.5) / side for side in (height, width)]
        rows, columns = torch.meshgrid(*axes, indexing="ij")
        grids.append(torch.stack([columns, rows], -1).flatten(0, 1))
    return torch.cat(grids)


def feed_forward(x: torch.Tensor, layer: Weights) -> torch.Tensor:
    """Two linear maps with ReLU between, the norm after the sum."""
    return norm(
        x + linear(F.relu(linear(x, layer["expand"])), layer["reduce"]), layer["norm"], 1e-5
    )


# ---- the query decoder ----------------------------------------------------------------------


def decode_queries(
    features: torch.Tensor, levels: Maps, text: torch.Tensor, weights: Weights
) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns mask logits [q, h, w] and class logits [q, k + 1] of the last layer."""
    sizes, width = [x.shape[2:] for x in levels], features.shape[1]
    values = [
        x.flatten(2).transpose(1, 2) + embedding
        for x, embedding in zip(levels, weights["level_embedding"], strict=True)
    ]
    codes = [positions(*size, width).flatten(1).T for size in sizes]
    keys = [value + code for value, code in zip(values, codes, strict=True)]
    x, asked = weights["query_features"][None], weights["query_positions"]
    masks, names = answer(x, features, text, weights)
    for index in range(sum(name.startswith("cross") for name in weights)):
        level = index % len(levels)
        guide = F.interpolate(masks[None], sizes[level], mode="bilinear", align_corners=False)
        blocked = guide[0].flatten(1).sigmoid() < 0.5
        blocked[blocked.all(1)] = False
        cross, own = weights[f"cross{index}"], weights[f"self{index}"]
        found = attend(x + asked, keys[level], values[level], cross["attention"], ~blocked)
        x = norm(x + found, cross["norm"], 1e-5)
        found = attend(x + asked, x + asked, x, own["attention"])
        x = feed_forward(norm(x + found, own["norm"], 1e-5), weights[f"feed_forward{index}"])
        masks, names = answer(x, features, text, weights)
    return masks, names


def attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    layer: Weights,
    seen: torch.Tensor | None = None,
) -> torch.Tensor:
    """Attention of several heads; `seen` says which keys each query may look at."""
    pairs = ((query, "query"), (key, "key"), (value, "value"))
    parts = [linear(x, layer[name]).unflatten(-1, (HEADS, -1)).transpose(1, 2) for x, name in pairs]
    mixed = F.scaled_dot_product_attention(*parts, seen)
    return linear(mixed.transpose(1, 2).flatten(2), layer["output"])


def answer(
    x: torch.Tensor, features: torch.Tensor, text: torch.Tensor, weights: Weights
) -> tuple[torch.Tensor, torch.Tensor]:
    """Masks and names of the queries as they are: at full resolution, after every layer."""
    normed = norm(x, weights["norm"], 1e-5)
    masks = torch.einsum("bqc,bchw->bqhw", deep(normed, weights["mask_head"]), features)
    inside = (masks > 0).to(features.dtype)
    area = inside.sum((-1, -2))[..., None] + 1e-8
    pooled = torch.einsum("bchw,bqhw->bqc", features, inside / area[..., None])
    pooled = linear(norm(pooled, weights["pool_norm"], 1e-5), weights["pool_layer"])
    vectors = F.normalize(deep(pooled + normed, weights["class_layer"]), dim=-1)
    return masks[0], (weights["logit_scale"].exp().clamp(max=100) * vectors @ text.T)[0]


def deep(x: torch.Tensor, layers: Weights) -> torch.Tensor:
    """Linear maps with ReLU between them."""
    for index in range(len(layers) - 1):
        x = F.relu(linear(x, layers[f"layer{index}"]))
    return linear(x, layers[f"layer{len(layers) - 1}"])
