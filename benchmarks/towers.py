"""Whole image towers against PyTorch's: open_clip's modules with the same weights and inputs.

    python benchmarks/towers.py [--repeats 9] [--size 640] [--towers vit_b_16,convnext_base_w_320]

Both run the whole embedding of one image: trunk, pooling, projection. On a CPU in float32; where
both libraries see a GPU in bfloat16, PyTorch eager and compiled. `tower_memory.py` measures memory.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # a GPU is shared with PyTorch

import jax
import jax.numpy as jnp
import numpy as np
import torch
from ops import DEVICE, DTYPE, RESULTS, draw, to_torch
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
from tower_pairs import NAMES, build_pair

SLOWEST = 1 / 0.95
"""Largest allowed time over PyTorch's."""
AGREE = {"float32": 1e-4, "bfloat16": 5e-2}
"""Largest distance of the two embeddings, relative to their largest value."""


def case(name: str, size: int) -> Case:
    """Builds both towers, checks that they agree, and returns what is to be timed."""
    ours, params, theirs = build_pair(name, size, DTYPE)
    params = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), params)
    theirs = theirs.to(DEVICE, getattr(torch, jnp.dtype(DTYPE).name))
    images = draw(1, size, size, 3, dtype=DTYPE)
    planar = [(to_torch(image).permute(0, 3, 1, 2).contiguous(),) for image in images]

    def embed(params, image):
        return ours.apply({"params": params}, image)

    with torch.inference_mode():
        wanted = theirs(*planar[0]).float().cpu().numpy()
    found = np.asarray(jax.jit(embed)(params, images[0]), np.float32)
    error = np.abs(found - wanted).max() / np.abs(wanted).max()
    if error > AGREE[jnp.dtype(DTYPE).name]:
        raise SystemExit(f"{name}: the two towers differ by {error:.1e}; nothing was timed")
    cost = jax.jit(embed).lower(params, images[0]).compile().cost_analysis()
    weights = sum(leaf.nbytes for leaf in jax.tree.leaves(params))
    return Case(
        name=name,
        shape=f"{size}²",
        ours=on_jax(embed, [(params, image) for image in images]),
        theirs=on_torch(theirs, planar),
        flops=cost["flops"],
        transfers=weights,
        limit=SLOWEST,
    )


def main() -> None:
    """Runs the chosen towers, prints the table and writes it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=9, help="measurements per contender")
    parser.add_argument("--size", type=int, default=640, help="side of the image in pixels")
    parser.add_argument("--towers", default=",".join(NAMES), help="separated by commas")
    options = parser.parse_args()
    torch.set_num_threads(os.cpu_count() or 1)
    peaks = measure_peaks(DTYPE)
    machine = describe_machine(peaks, options.repeats)
    names = options.towers.split(",")
    rows = [run_case(case(name, options.size), peaks, options.repeats) for name in names]
    print("\n".join(f"{key}: {value}" for key, value in machine.items()))
    print(format_table(rows))
    write_json(RESULTS / f"towers_{jax.default_backend()}.json", machine, rows)


if __name__ == "__main__":
    main()
