"""FC-CLIP with Mask-Adapter as the originals formulate it, in PyTorch: pixels to segments.

Written from docs/reference 0.7, 0.8 and 1. CLIP's map is repeated for every mask, and all masks go
at once, as in the originals at inference.
"""

from __future__ import annotations

import references
import torch
import torch.nn.functional as F
from fcclip_reference import (
    convolve,
    decode_pixels,
    decode_queries,
    norm,
    norm_channels,
    run_block,
    trunk,
)
from method_references import Weights, linear, normalise

SEEN, UNSEEN = 0.7, 0.9
"""Exponents of the ensemble: Mask-Adapter on FC-CLIP."""
OVERLAP = 0.8


def segment(
    weights: Weights,
    image: torch.Tensor,
    rows: torch.Tensor,
    seen: torch.Tensor,
    is_thing: torch.Tensor,
    shown: torch.Tensor | None = None,
) -> dict[str, torch.Tensor]:
    """Goes from pixels to segments.

    Args:
        weights: Of `MaskAdapter` with a query generator.
        image: [h, w, 3], 0 to 255.
        rows: [k, d], unit vectors.
        seen: [k], classes of the training vocabulary.
        is_thing: [k].
        shown: Mask logits that take the place of the generator's after it: [q, h / 4, w / 4].

    Returns:
        Segment ids, a row (id, is thing, class) per segment, and results on the way.
    """
    text = torch.cat([rows, F.normalize(weights["void_embedding"], dim=-1)])
    maps = trunk(normalise(image), weights["clip"]["visual"])
    features, levels = decode_pixels(maps, weights["generator"]["pixel_decoder"])
    own, names = decode_queries(features, levels, text, weights["generator"]["decoder"])
    masks = own if shown is None else shown
    logits = classify(maps[-1], masks, text, weights)
    mixed = ensemble(names, logits, seen)
    ids, info = panoptic(mixed, enlarge(masks, image.shape[:2]), is_thing)
    results = {"masks": own, "names": names, "logits": logits, "answer": mixed}
    return {"dense": maps[-1][0], **results, "ids": ids, "info": info}


# ---- Mask-Adapter ---------------------------------------------------------------------------


def classify(
    dense: torch.Tensor, masks: torch.Tensor, text: torch.Tensor, weights: Weights
) -> torch.Tensor:
    """Logits [q, k + 1] of masks by what CLIP sees under their activation maps."""
    tower, head = weights["clip"]["visual"], weights["adapter"]
    projected = project(dense.permute(0, 2, 3, 1), tower).permute(0, 3, 1, 2)
    maps = adapt(projected, masks.sigmoid() > 0.5, head)
    pooled = references.aggregation(dense, maps.flatten(0, 1)[None])[0]
    vectors = project(pooled, tower).unflatten(0, (len(masks), -1)).mean(1)
    factor = weights["clip"]["logit_scale"].exp().clamp(max=100)
    return factor * F.normalize(vectors, dim=-1) @ text.T


def project(vectors: torch.Tensor, tower: Weights) -> torch.Tensor:
    """CLIP's head on any vectors."""
    return linear(norm(vectors, tower["head_norm"], 1e-6), tower["projection"]["reduce"])


def adapt(projected: torch.Tensor, masks: torch.Tensor, head: Weights) -> torch.Tensor:
    """Activation maps of masks: [q, m, h, w]."""
    size, embedding = [4 * side for side in projected.shape[2:]], head["mask_embedding"]
    x = F.interpolate(masks[:, None].float(), size, mode="bilinear", align_corners=False)
    for number in (1, 2):
        x = convolve(x, embedding[f"conv{number}"], stride=2, padding=1)
        x = F.gelu(norm_channels(x, embedding[f"norm{number}"]))
    x = projected.repeat(len(masks), 1, 1, 1) + convolve(x, embedding["project"])
    x = convolve(x, head["fuse"])
    for index in range(sum(name.startswith("block") for name in head)):
        x = run_block(x, head[f"block{index}"])
    return convolve(norm_channels(x, head["norm"], 1e-5), head["maps"])


# ---- the answer -----------------------------------------------------------------------------


def ensemble(names: torch.Tensor, logits: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    """The geometric mean of both opinions, void last: logits [q, k + 1]."""
    inside, outside = names[:, :-1].softmax(-1), logits[:, :-1].softmax(-1)
    known = (inside ** (1 - SEEN) * outside**SEEN).log() * seen
    other = (inside ** (1 - UNSEEN) * outside**UNSEEN).log() * ~seen
    void = names.softmax(-1)[:, -1:]
    return (torch.cat([(known + other).softmax(-1) * (1 - void), void], -1) + 1e-8).log()


def enlarge(masks: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """To the padded input, cut, and to the photo's own size: here all three are one."""
    for _ in range(2):
        masks = F.interpolate(masks[None], tuple(size), mode="bilinear", align_corners=False)[0]
    return masks


def panoptic(
    logits: torch.Tensor, masks: torch.Tensor, is_thing: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Lets masks compete for pixels: segment ids, and a row per segment."""
    scores, labels = logits.softmax(-1).max(-1)
    keep = (labels != len(is_thing)) & (scores > 0)
    probabilities, labels = masks.sigmoid()[keep], labels[keep]
    ids = torch.zeros(masks.shape[1:], dtype=torch.int32)
    info, stuff = [], {}
    if not len(labels):
        return ids, torch.zeros(0, 3)
    owner = (scores[keep][:, None, None] * probabilities).argmax(0)
    for index, label in enumerate(labels.tolist()):
        won, sure = owner == index, probabilities[index] >= 0.5
        mine, area = won & sure, sure.sum().item()
        if not area or not mine.any() or won.sum().item() / area < OVERLAP:
            continue
        if label in stuff:
            ids[mine] = stuff[label]
            continue
        ids[mine] = len(info) + 1
        info.append((len(info) + 1, int(is_thing[label]), label))
        if not is_thing[label]:
            stuff[label] = len(info)
    return ids, torch.tensor(info).reshape(-1, 3)
