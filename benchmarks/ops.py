"""Times our operations against the formulation of the PyTorch references.

    python benchmarks/ops.py [--repeats 15] [--only matcher,depthwise]

Both sides get the same inputs, the same number of threads and alternating runs; medians are
compared. On a GPU, where PyTorch sees one too, PyTorch runs eager and compiled, in bfloat16. The
table is printed and written to `benchmarks/results/ops_BACKEND.json`.
"""

from __future__ import annotations

import argparse
import os
import pathlib
from collections.abc import Iterator

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # a GPU is shared with PyTorch

import jax
import jax.numpy as jnp
import numpy as np
import references
import torch
import torch.nn.functional as F
from PIL import Image
from timing import (
    DISTINCT_INPUTS,
    Case,
    describe_machine,
    format_table,
    measure_peaks,
    on_jax,
    on_torch,
    run_case,
    write_json,
)

from ovseg_jax.ops.depthwise import depthwise_conv
from ovseg_jax.ops.images.pillow import resize_image
from ovseg_jax.ops.images.resize import resize_masks
from ovseg_jax.ops.masks.iou import mask_iou
from ovseg_jax.ops.masks.pooling import average_under_maps
from ovseg_jax.ops.matching.by_iou import binarise_logits, match_by_iou

RESULTS = pathlib.Path(__file__).parent / "results"
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
DTYPE = jnp.float32 if jax.default_backend() == "cpu" else jnp.bfloat16


def draw(*shape: int, dtype: jnp.dtype = jnp.float32) -> list[jax.Array]:
    """Draws arrays of normal numbers, a different one for every turn."""
    rng = np.random.default_rng(len(shape))
    return [jnp.asarray(rng.normal(size=shape), dtype) for _ in range(DISTINCT_INPUTS)]


def to_torch(array: jax.Array) -> torch.Tensor:
    """Copies an array to PyTorch's device, bfloat16 through float32."""
    wide = array.astype(jnp.float32) if array.dtype == jnp.bfloat16 else array
    dtype = torch.bfloat16 if array.dtype == jnp.bfloat16 else None
    return torch.tensor(np.asarray(wide), dtype=dtype, device=DEVICE)


def draw_scene(queries: int, truths: int, size: int) -> list[tuple[jax.Array, jax.Array]]:
    """Draws prediction logits and true boxes; each truth is found by every truths-th query."""
    logits, scenes = draw(queries, size, size), []
    for number, noise in enumerate(logits):
        corners = np.random.default_rng(number).integers(0, size // 2, (truths, 2, 1))
        grid, extent = np.arange(size), size // 3
        inside = (grid >= corners) & (grid < corners + extent)  # [truth, axis, position]
        masks = jnp.asarray(inside[:, 0, :, None] & inside[:, 1, None, :])
        signs = jnp.where(masks[jnp.arange(queries) % truths], 2.0, -2.0)
        scenes.append((noise + signs, masks))
    return scenes


def matcher() -> Iterator[Case]:
    """Pairwise IoU and matching, from logits and boolean ground truth."""
    queries, truths, size = 250, 50, 256
    scenes = draw_scene(queries, truths, size)
    valid = {"gt_valid": jnp.ones(truths, bool), "pred_valid": jnp.ones(queries, bool)}

    def ours(logits, truth, key):
        return match_by_iou(mask_iou(binarise_logits(logits, 0.4), truth), rng=key, **valid)

    yield Case(
        name="matcher",
        shape=f"{queries} x {truths} masks of {size}²",
        ours=on_jax(ours, [(*scene, jax.random.key(i)) for i, scene in enumerate(scenes)]),
        theirs=on_torch(references.matcher, [tuple(map(to_torch, scene)) for scene in scenes]),
        flops=2 * queries * truths * size**2,
        transfers=(4 * queries + truths) * size**2,
        limit=1,
    )


def iou() -> Iterator[Case]:
    """Pairwise IoU alone at a large size, in both fast forms."""
    queries, truths, size = 250, 50, 800
    scenes = [(logits > 0, truth) for logits, truth in draw_scene(queries, truths, size)]
    theirs = on_torch(references.iou, [tuple(map(to_torch, scene)) for scene in scenes])
    for form in ("popcount", "matmul"):
        yield Case(
            name=f"mask IoU, {form}",
            shape=f"{queries} x {truths} masks of {size}²",
            ours=on_jax(lambda a, b, form=form: mask_iou(a, b, form=form), scenes),
            theirs=theirs,
            flops=2 * queries * truths * size**2,
            transfers=(queries + truths) * size**2,
        )


def aggregation() -> Iterator[Case]:
    """Masked aggregation: 16 activation maps for each of 250 masks."""
    queries, maps, channels, size = 250, 16, 1536, 28
    width = jnp.dtype(DTYPE).itemsize
    inputs = list(
        zip(
            draw(1, size, size, channels, dtype=DTYPE),
            draw(1, queries, maps, size, size, dtype=DTYPE),
            strict=True,
        )
    )
    planar = [
        (to_torch(f).permute(0, 3, 1, 2).contiguous(), to_torch(m).flatten(1, 2)) for f, m in inputs
    ]
    rows, cells = queries * maps, size**2
    yield Case(
        name="masked aggregation",
        shape=f"{queries} x {maps} maps, {size}² x {channels}",
        ours=on_jax(average_under_maps, inputs),
        theirs=on_torch(references.aggregation, planar),
        flops=2 * rows * cells * channels,
        transfers=width * (rows * cells + cells * channels + rows * channels),
        limit=1,
    )


def depthwise() -> Iterator[Case]:
    """Depthwise 7 x 7 at the sizes of a ConvNeXt-L at 640 pixels, against both torch layouts."""
    for size, channels in ((80, 192), (40, 384), (20, 768)):
        x = draw(1, size, size, channels, dtype=DTYPE)
        kernels = draw(7, 7, 1, channels, dtype=DTYPE)
        yield from _depthwise_cases(list(zip(x, kernels, strict=True)), size, channels)


def _depthwise_cases(inputs: list[tuple], size: int, channels: int) -> Iterator[Case]:
    def ours_training(x, kernel):
        result, derive = jax.vjp(depthwise_conv, x, kernel)
        return result, derive(x)

    cost = 2 * 49 * size**2 * channels
    moved = jnp.dtype(DTYPE).itemsize * size**2 * channels
    shape = f"{size}² x {channels}"
    for name, ours, theirs, factor, arrays in (
        ("depthwise 7x7 forward", depthwise_conv, references.convolve, 1, 2),
        ("depthwise 7x7 forward and backward", ours_training, references.differentiate, 3, 6),
    ):
        against = {
            f"{layout} {mode}": call
            for layout, memory in (("NCHW", "contiguous_format"), ("NHWC", "channels_last"))
            for mode, call in on_torch(
                theirs,
                [_planar(pair, getattr(torch, memory)) for pair in inputs],
                training=factor == 3,
            ).items()
        }
        calls = on_jax(ours, inputs)
        yield Case(name, shape, calls, against, factor * cost, arrays * moved, limit=5)


def _planar(pair: tuple[jax.Array, jax.Array], memory: torch.memory_format) -> tuple:
    """Our input and kernel in torch's axis order and the given memory layout."""
    x, kernel = to_torch(pair[0]).permute(0, 3, 1, 2), to_torch(pair[1]).permute(3, 2, 0, 1)
    return x.contiguous(memory_format=memory), kernel.contiguous(memory_format=memory)


def resizing() -> Iterator[Case]:
    """Bilinear resizing of mask logits both ways, and Pillow's of a photo."""
    for count, source, target in ((100, 200, 800), (250, 256, 112)):
        masks = draw(count, source, source)
        yield Case(
            name="resize masks",
            shape=f"{count} of {source}² to {target}²",
            ours=on_jax(lambda m, t=target: resize_masks(m, (t, t)), [(m,) for m in masks]),
            theirs=on_torch(
                lambda m, t=target: F.interpolate(m, (t, t), mode="bilinear"),
                [(to_torch(m)[None],) for m in masks],
            ),
            flops=8 * count * target**2,
            transfers=4 * count * (min(source, 2 * target) ** 2 + target**2),
        )
    photo = np.random.default_rng(0).integers(0, 256, (1500, 2000, 3), dtype=np.uint8)
    picture = Image.fromarray(photo)
    yield Case(
        name="Pillow's resize (numpy)",
        shape="1500 x 2000 to 672 x 896",
        ours=lambda: resize_image(photo, (672, 896)),
        theirs={"Pillow": lambda: picture.resize((896, 672), Image.Resampling.BILINEAR)},
        flops=0,
        transfers=photo.nbytes + 3 * 672 * 896,
    )


GROUPS = {
    "matcher": matcher,
    "aggregation": aggregation,
    "depthwise": depthwise,
    "resizing": resizing,
    "iou": iou,
}


def main() -> None:
    """Runs the chosen groups, prints the table and writes it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=15, help="measurements per contender")
    parser.add_argument("--only", default=",".join(GROUPS), help="groups, separated by commas")
    options = parser.parse_args()
    torch.set_num_threads(os.cpu_count() or 1)
    peaks = measure_peaks(DTYPE)
    machine = describe_machine(peaks, options.repeats)
    rows = [
        run_case(case, peaks, options.repeats)
        for group in options.only.split(",")
        for case in GROUPS[group]()
    ]
    print("\n".join(f"{key}: {value}" for key, value in machine.items()))
    print(format_table(rows))
    write_json(RESULTS / f"ops_{jax.default_backend()}.json", machine, rows)


if __name__ == "__main__":
    main()
