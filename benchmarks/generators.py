"""Mask2Former Swin-T against transformers', whole and by stage, and deformable sampling alone.

    python benchmarks/generators.py [--repeats 7] [--size 640]

Both have the same random weights and answer the same images; they must agree before anything is
timed. Deformable sampling is compared with the `grid_sample` formulation of the original's own
fallback, forward, and forward with backward.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import sys
from collections.abc import Callable
from typing import Any

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # a GPU is shared with PyTorch

import jax
import jax.numpy as jnp
import numpy as np
import references
import torch
from ops import DEVICE, RESULTS, draw, to_torch
from timing import (
    Case,
    describe_machine,
    format_table,
    measure_peaks,
    on_jax,
    on_torch,
    run_case,
    write_json,
)

from ovseg_jax.convert.generators.mask2former_hf import convert_mask2former_hf
from ovseg_jax.loading import build
from ovseg_jax.ops.attention.deformable import deformable_sample

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests"))
SLOWEST = 1 / 0.95
"""Largest allowed time over PyTorch's."""
AGREE = 1e-3
"""Largest distance of a stage's results, relative to their largest value."""
HEADS, DEPTH, POINTS = 8, 32, 4


def their_model() -> Any:
    """Builds transformers' Mask2Former with Swin-T at random weights."""
    import parity  # noqa: F401 - lets transformers import beside a CPU build of PyTorch
    from transformers import Mask2FormerConfig, Mask2FormerForUniversalSegmentation

    torch.manual_seed(0)
    config = Mask2FormerConfig(num_labels=133)
    config.backbone_config.drop_path_rate = 0.0
    return Mask2FormerForUniversalSegmentation(config).eval().to(DEVICE)


def our_model(theirs: Any) -> tuple[Any, Any]:
    """Converts the same weights through the files' own names."""
    import tempfile

    from safetensors.numpy import load_file

    with tempfile.TemporaryDirectory() as folder:
        theirs.save_pretrained(folder)
        tensors = load_file(pathlib.Path(folder) / "model.safetensors")
    config, params, _ = convert_mask2former_hf(tensors, "transformers")
    return build.method(config).generator, jax.tree.map(jnp.asarray, params["generator"])


class Stages:
    """Our model cut into functions of parameters and one input."""

    def __init__(self, module: Any):
        self.module = module

    def apply(self, params: Any, run: Callable[..., Any], given: Any) -> Any:
        """Runs a function of the bound module."""
        return self.module.apply({"params": params}, given, method=run)

    def whole(self, params: Any, image: jax.Array) -> jax.Array:
        """From image to masks."""
        return self.apply(
            params, lambda m, x: m.decoder(m.pixel_decoder(m.backbone(x)))[-1].masks, image
        )

    def trunk(self, params: Any, image: jax.Array) -> Any:
        """From image to trunk maps."""
        return self.apply(params, lambda m, x: m.backbone(x), image)

    def pixels(self, params: Any, maps: Any) -> Any:
        """From trunk maps to what queries look at."""
        return self.apply(params, lambda m, x: m.pixel_decoder(x), maps)

    def queries(self, params: Any, decoded: Any) -> Any:
        """From there to masks and classes."""
        return self.apply(params, lambda m, x: m.decoder(x)[-1], decoded)


def stages(size: int) -> list[Case]:
    """The whole model and its three parts, each fed with what the part before gave."""
    theirs = their_model()
    module, params = our_model(theirs)
    ours, level = Stages(module), theirs.model.pixel_level_module
    images = draw(1, size, size, 3, dtype=jnp.float32)
    planar = [(to_torch(image).permute(0, 3, 1, 2).contiguous(),) for image in images]
    with torch.inference_mode():
        their_maps = [(tuple(level.encoder(image).feature_maps),) for (image,) in planar]
        their_pixels = [(level.decoder(*maps),) for maps in their_maps]
    our_maps = [jax.jit(ours.trunk)(params, image) for image in images]
    our_pixels = [jax.jit(ours.pixels)(params, maps) for maps in our_maps]

    def decode(output: Any) -> Any:
        features = output.multi_scale_features[: theirs.model.transformer_module.num_feature_levels]
        return theirs.model.transformer_module(
            multi_scale_features=features, mask_features=output.mask_features
        )

    check(ours, params, images[0], theirs, *planar[0])
    shape = f"{size}²"
    return [
        case("Mask2Former Swin-T", shape, ours.whole, params, images, theirs, planar),
        case("  Swin-T", shape, ours.trunk, params, images, level.encoder, planar),
        case("  pixel decoder", shape, ours.pixels, params, our_maps, level.decoder, their_maps),
        case("  query decoder", shape, ours.queries, params, our_pixels, decode, their_pixels),
    ]


def check(ours: Stages, params: Any, image: jax.Array, theirs: Any, planar: torch.Tensor) -> None:
    """Stops where the two models do not agree.

    Attention masks have a threshold, past which rounding decides, so most of the answer must agree.
    """
    with torch.inference_mode():
        wanted = theirs(planar).masks_queries_logits.cpu().numpy()
    found = np.asarray(jax.jit(ours.whole)(params, image))
    near = np.abs(found - wanted) < AGREE * np.abs(wanted).max()
    if near.mean() < 0.9:
        raise SystemExit(f"only {near.mean():.0%} of the masks agree; nothing was timed")


def case(  # noqa: PLR0913 - two contenders, each with its inputs
    name: str,
    shape: str,
    ours: Callable[..., Any],
    params: Any,
    our_inputs: list[Any],
    theirs: Any,
    their_inputs: list[tuple],
) -> Case:
    """One row of the table."""
    cost = jax.jit(ours).lower(params, our_inputs[0]).compile().cost_analysis()
    return Case(
        name=name,
        shape=shape,
        ours=on_jax(ours, [(params, x) for x in our_inputs]),
        theirs=on_torch(theirs, their_inputs),
        flops=cost["flops"],
        transfers=sum(leaf.nbytes for leaf in jax.tree.leaves(params)),
        limit=SLOWEST,
    )


def sampling(size: int) -> list[Case]:
    """Deformable sampling at the shapes of Mask2Former's pixel decoder."""
    sides = [size // stride for stride in (32, 16, 8)]
    count = sum(side**2 for side in sides)
    rng = np.random.default_rng(0)
    values = tuple(
        jnp.asarray(rng.standard_normal((1, side, side, HEADS, DEPTH)), jnp.float32)
        for side in sides
    )
    shape = (1, count, HEADS, len(sides), POINTS)
    centres = np.concatenate(
        [
            np.stack(np.meshgrid(*[(np.arange(side) + 0.5) / side] * 2), -1).reshape(-1, 2)
            for side in sides
        ]
    )
    offsets = rng.standard_normal((*shape, 2)) * 3 / np.array(sides)[:, None, None]
    places = jnp.asarray(centres[None, :, None, None, None] + offsets, jnp.float32)
    weights = jax.nn.softmax(jnp.asarray(rng.standard_normal(shape), jnp.float32), axis=-1)
    arrays = (values, places, weights)
    tensors = tuple(to_torch(x).requires_grad_() for x in (*values, places, weights))

    def ours(arrays: Any) -> jax.Array:
        return deformable_sample(*arrays)

    def backward(arrays: Any) -> Any:
        return jax.grad(lambda arrays: (deformable_sample(*arrays) ** 2).sum())(arrays)

    def theirs(*tensors: torch.Tensor) -> torch.Tensor:
        return references.deformable(tensors[:-2], *tensors[-2:])

    def their_backward(*tensors: torch.Tensor) -> Any:
        return torch.autograd.grad((theirs(*tensors) ** 2).sum(), tensors)

    found, wanted = np.asarray(ours(arrays)), theirs(*tensors).detach().cpu().numpy()
    if np.abs(found.reshape(wanted.shape) - wanted).max() > 1e-3:
        raise SystemExit("deformable sampling differs; nothing was timed")
    text = f"{count} x {HEADS} x {len(sides)} x {POINTS}"
    options = {"transfers": sum(x.nbytes for x in jax.tree.leaves(arrays)), "limit": SLOWEST}
    multiplications = 2 * np.prod(shape) * 4 * DEPTH
    return [
        Case(
            name="deformable sampling",
            shape=text,
            ours=on_jax(ours, [(arrays,)]),
            theirs=on_torch(theirs, [tensors]),
            flops=multiplications,
            **options,
        ),
        Case(
            name="  forward and backward",
            shape=text,
            ours=on_jax(backward, [(arrays,)]),
            theirs=on_torch(their_backward, [tensors], training=True),
            flops=3 * multiplications,
            **options,
        ),
    ]


def main() -> None:
    """Runs all cases, prints the table and writes it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7, help="measurements per contender")
    parser.add_argument("--size", type=int, default=640, help="side of the image in pixels")
    options = parser.parse_args()
    torch.set_num_threads(os.cpu_count() or 1)
    peaks = measure_peaks(jnp.float32)
    machine = describe_machine(peaks, options.repeats)
    cases = [*sampling(options.size), *stages(options.size)]
    rows = [run_case(item, peaks, options.repeats) for item in cases]
    print("\n".join(f"{key}: {value}" for key, value in machine.items()))
    print(format_table(rows))
    write_json(RESULTS / f"generators_{jax.default_backend()}.json", machine, rows)


if __name__ == "__main__":
    main()
