"""Operations on masks in all their forms, against the formulation of the PyTorch references."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from accelerated import torch_side
from accelerated.cases import Case, draw, draw_boxes
from accelerated.torch_side import reference, to_torch
from ovseg_jax.ops.images.resize import interpolation_matrix, resample_masks, resize_masks
from ovseg_jax.ops.masks.iou import mask_iou
from ovseg_jax.ops.matching.by_iou import binarise_logits, match_by_iou


def cases(dtype: Any, *, small: bool) -> Iterator[Case]:
    """Yields all of them; masks are float32 logits or bits, whatever features are."""
    del dtype
    yield matcher(small)
    yield from resizing(small)
    yield from ious(small)


def _as_tensors(arrays: tuple) -> tuple:
    return tuple(map(to_torch, arrays))


def matcher(small: bool) -> Case:
    """Pairwise IoU and matching, from logits and boolean ground truth."""
    queries, truths, size = (10, 5, 32) if small else (250, 50, 256)

    def inputs() -> list[tuple]:
        noise = draw(0, queries, size, size)
        scenes = [draw_boxes(turn, truths, size) for turn in range(len(noise))]
        signs = [jnp.where(scene[jnp.arange(queries) % truths], 2.0, -2.0) for scene in scenes]
        return [(n + s, scene) for n, s, scene in zip(noise, signs, scenes, strict=True)]

    def ours(logits: Any, truth: Any) -> Any:
        valid = {"gt_valid": jnp.ones(truths, bool), "pred_valid": jnp.ones(queries, bool)}
        ious = mask_iou(binarise_logits(logits, 0.4), truth)
        return match_by_iou(ious, rng=jax.random.key(0), **valid)

    return Case(
        name="ops/matcher",
        shape=f"{queries} x {truths} masks of {size}²",
        forms={"ours": ours},
        inputs=inputs,
        theirs=reference("matcher", _as_tensors, compiled=False),
        pick=lambda _: [],
        align=lambda _: [],  # both draw at random which of several pairs they keep
        missing="results (both draw at random); compiled (a loop over what passes)",
    )


def ious(small: bool) -> Iterator[Case]:
    """Pairwise IoU alone in all its forms."""
    for queries, truths, size in ((6, 4, 32),) if small else ((250, 50, 256), (250, 50, 800)):

        def inputs(queries: int = queries, truths: int = truths, size: int = size) -> list[tuple]:
            pairs = [(draw_boxes(turn, queries, size), turn) for turn in (1, 2)]
            return [(boxes, draw_boxes(10 + turn, truths, size)) for boxes, turn in pairs]

        yield Case(
            name="ops/mask IoU",
            shape=f"{queries} x {truths} masks of {size}²",
            forms={
                "ours": mask_iou,
                "popcount": partial(mask_iou, form="popcount"),
                "matmul": partial(mask_iou, form="matmul"),
            },
            inputs=inputs,
            theirs=reference("iou", _as_tensors),
            urgency=1 if size == 256 else 2,
        )


def resizing(small: bool) -> Iterator[Case]:
    """Bilinear resizing of mask logits both ways."""
    sizes = ((3, 10, 40), (3, 32, 14)) if small else ((100, 200, 800), (250, 256, 112))
    for count, source, target in sizes:
        matrix = interpolation_matrix(source, target)

        def theirs(inputs: Sequence[tuple], target: int = target) -> Any:
            import torch.nn.functional as F

            def shrink(masks: Any) -> Any:
                return F.interpolate(masks, (target, target), mode="bilinear")[0]

            return torch_side.contenders(shrink, [(to_torch(x)[None],) for (x,) in inputs])

        yield Case(
            name="ops/resize masks",
            shape=f"{count} of {source}² to {target}²",
            forms={
                "ours": lambda m, t=target: resize_masks(m, (t, t)),
                "gather": partial(resample_masks, rows=matrix, columns=matrix, form="gather"),
                "matmul": partial(resample_masks, rows=matrix, columns=matrix, form="matmul"),
            },
            inputs=lambda c=count, s=source: [(x,) for x in draw(4, c, s, s)],
            theirs=theirs,
            flops=8 * count * target**2,
            tolerance=1e-3,
            urgency=1 if target > source else 2,
        )
