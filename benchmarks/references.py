"""The same operations as the PyTorch references formulate them."""

from __future__ import annotations

import torch
import torch.nn.functional as F


def iou(prediction: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Matches the references: float masks, one product, union by areas."""
    prediction, truth = prediction.flatten(1).float(), truth.flatten(1).float()
    intersection = prediction @ truth.T
    union = prediction.sum(1)[:, None] + truth.sum(1)[None] - intersection
    return intersection / (union + 1e-6)


def matcher(logits: torch.Tensor, truth: torch.Tensor) -> list[tuple[int, int]]:
    """Matches Mask-Adapter's matcher on masks of one size: a loop over the ground truth."""
    ious, pairs = iou(logits.sigmoid() >= 0.4, truth), []
    for index in range(len(truth)):
        passing = torch.nonzero(ious[:, index] > 0.7).flatten()
        if len(passing):
            pairs.append((int(passing[torch.randint(len(passing), (1,))]), index))
    order = torch.randperm(len(pairs))[:8]
    return [pairs[i] for i in order]


def aggregation(features: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
    """Matches Mask-Adapter: softmax of log-sigmoids, then bmm; [b, c, h, w] and [b, qm, h, w]."""
    weights = F.softmax(F.logsigmoid(maps).flatten(2), dim=-1)
    return torch.bmm(weights, features.flatten(2).transpose(1, 2))


def convolve(x: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    """Convolves depthwise, 7 x 7, [b, c, h, w]."""
    return F.conv2d(x, kernel, padding=3, groups=x.shape[1])


def differentiate(x: torch.Tensor, kernel: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Runs `convolve` forward and backward; the input serves as the result's gradient."""
    gradient = x
    x, kernel = x.detach().requires_grad_(), kernel.detach().requires_grad_()
    return torch.autograd.grad(convolve(x, kernel), (x, kernel), gradient)


def deformable(
    values: tuple[torch.Tensor, ...], places: torch.Tensor, weights: torch.Tensor
) -> torch.Tensor:
    """Sums deformable samples by `grid_sample`, level by level, as Deformable-DETR falls back to.

    Args:
        values: Maps [b, h, w, heads, d].
        places: x and y of samples, 0 to 1: [b, n, heads, levels, points, 2].
        weights: Of samples: [b, n, heads, levels, points].

    Returns:
        [b, n, heads, d].
    """
    batch, _, heads = weights.shape[:3]
    found = []
    for level, value in enumerate(values):
        maps = value.permute(0, 3, 4, 1, 2).flatten(0, 1)
        grid = (2 * places[:, :, :, level] - 1).transpose(1, 2).flatten(0, 1)
        found.append(F.grid_sample(maps, grid, align_corners=False))
    stacked = torch.stack(found, dim=-2).flatten(-2)
    mixed = (stacked * weights.transpose(1, 2).flatten(0, 1).flatten(-2)[:, None]).sum(-1)
    return mixed.unflatten(0, (batch, heads)).permute(0, 3, 1, 2)
