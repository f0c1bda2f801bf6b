"""Time of the Mask-Adapter head: whole maps against only those cells that masks reach.

    python benchmarks/adapter_speed.py [--masks 100] [--repeats 5] [--shares 0.05,0.2,1]

At the width of ConvNeXt-L on a photo of 1024 x 1024, which has 32 x 32 cells. Masks are ellipses
wholly inside the photo, of one area; a share of 1 is a full mask, where nothing can be saved.
Results are compared before anything is timed; runs alternate.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from methods import CLOCKS, time_alternating
from timing import device_name

from ovseg_jax.config import MaskAdapterConfig
from ovseg_jax.methods.mask_adapter import adapter_head
from ovseg_jax.models.touched_cells import FORMS, adapter_maps
from ovseg_jax.ops.compiler import compiler_options

RESULTS = pathlib.Path(__file__).parent / "results"
GRID, CHANNELS, MASK_SIDE = 32, 768, 256
AGREE = 1e-5
"""Largest distance of maps, relative to the largest one."""
MOST = 0.5
"""Largest allowed time over the whole head's on masks of 5 %."""


def draw_ellipses(count: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """Draws ellipses of one area and up to e times as long as wide: [count, side, side] bool."""
    if share == 1:
        return np.ones((count, MASK_SIDE, MASK_SIDE), bool)
    y, x = (np.mgrid[:MASK_SIDE, :MASK_SIDE] + 0.5) / MASK_SIDE
    masks = np.zeros((count, MASK_SIDE, MASK_SIDE), bool)
    for mask in masks:
        stretch, radius = np.exp(rng.uniform(-0.5, 0.5)), np.sqrt(share / np.pi)
        b, a = radius * stretch, radius / stretch
        v, u = rng.uniform(b, 1 - b), rng.uniform(a, 1 - a)
        mask[:] = ((y - v) / b) ** 2 + ((x - u) / a) ** 2 < 1
    return masks


class Head:
    """The published head with random weights on a random map, compiled in each form."""

    def __init__(self, count: int):
        head, rng = adapter_head(MaskAdapterConfig(), CHANNELS), np.random.default_rng(0)
        self.features = jnp.asarray(rng.standard_normal((1, GRID, GRID, CHANNELS), np.float32))
        shown = jax.ShapeDtypeStruct((1, count, MASK_SIDE, MASK_SIDE), jnp.bool_)
        shapes = jax.eval_shape(head.init, jax.random.key(0), self.features, shown)

        def draw(leaf: Any) -> jax.Array:
            noise = rng.standard_normal(leaf.shape, np.float32)
            spread = np.sqrt(np.prod(leaf.shape[:-1]))
            return jnp.asarray(noise / spread if leaf.ndim > 1 else 0.5 + 0.1 * noise)

        self.variables = jax.tree.map(draw, shapes)
        self.programs = {}
        for form in FORMS:

            def compute(variables: Any, features: Any, masks: Any, form: str = form) -> jax.Array:
                return head.apply(
                    variables, features, masks, method=lambda *given: adapter_maps(*given, form)
                )

            jitted = jax.jit(compute, compiler_options=compiler_options())
            self.programs[form] = jitted.lower(self.variables, self.features, shown).compile()

    def calls(self, masks: np.ndarray) -> dict[str, Callable[[], jax.Array]]:
        """Returns a call of each form on some masks."""
        given = self.variables, self.features, jnp.asarray(masks)[None]
        return {
            form: lambda program=program: jax.block_until_ready(program(*given))
            for form, program in self.programs.items()
        }


def measure(head: Head, masks: np.ndarray, share: float, repeats: int) -> dict[str, Any]:
    """Compares and times both forms on masks of one share.

    Raises:
        SystemExit: They differ.
    """
    calls = head.calls(masks)
    whole, touched = (np.asarray(calls[form]()) for form in FORMS)
    error = float(np.abs(whole - touched).max() / np.abs(whole).max())
    if error > AGREE:
        raise SystemExit(f"masks of {share:.0%}: maps differ by {error:.1e}; nothing was timed")
    runs = time_alternating(calls, repeats)
    medians = {
        clock: {form: statistics.median(values) for form, values in runs[clock].items()}
        for clock in CLOCKS
    }
    ratio = {clock: medians[clock]["touched"] / medians[clock]["whole"] for clock in CLOCKS}
    found = {"share": share, "relative_error": error, "median_ms": medians, "ratio": ratio}
    return found | {"temporaries_mib": memory(head), "load": os.getloadavg()[0]}


def memory(head: Head) -> dict[str, float]:
    """MiB of temporaries as XLA plans them."""
    return {
        form: program.memory_analysis().temp_size_in_bytes / 2**20
        for form, program in head.programs.items()
    }


def main() -> None:
    """Measures the chosen shares, prints the table and writes it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--masks", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=5, help="measurements per form")
    parser.add_argument("--shares", default="0.05,0.2,1", help="of the picture, by commas")
    options = parser.parse_args()
    head, rows = Head(options.masks), []
    print("| masks | whole ms | touched ms | ratio | processor time, ratio | limit |")
    print("|---|---|---|---|---|---|")
    for share in map(float, options.shares.split(",")):
        masks = draw_ellipses(options.masks, share, np.random.default_rng(1))
        row = measure(head, masks, share, options.repeats)
        wall, ratio = row["median_ms"]["wall"], row["ratio"]
        limit = ("met" if ratio["wall"] <= MOST else "MISSED") if share == 0.05 else ""
        times = f"{wall['whole']:.0f} | {wall['touched']:.0f} | {ratio['wall']:.2f}"
        print(
            f"| {options.masks} of {share:.0%} | {times} | {ratio['cpu']:.2f} | {limit} |",
            flush=True,
        )
        rows.append(row)
    result = {"device": device_name(), "jax": jax.__version__}
    result |= {"masks": options.masks, "repeats": options.repeats}
    path = RESULTS / f"adapter_speed_{jax.default_backend()}.json"
    path.write_text(json.dumps(result | {"rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
