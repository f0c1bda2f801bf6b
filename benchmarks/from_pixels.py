"""FC-CLIP with Mask-Adapter from pixels to a panoptic answer, against the originals in PyTorch.

    python benchmarks/from_pixels.py [--repeats 7] [--only time,memory,curves] [--tiny]

ConvNeXt-B, 640 x 640, 100 queries, 150 words, float32 on a CPU; the same random weights, photos and
words on both sides, results compared part by part before anything is timed. Words are embedded
already. `memory` runs each side in a process of its own (Linux). `curves` gives our time against
the number of masks, words and pixels. See `panoptic_pair.py` for what stands in for trained masks.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import os
import pathlib
import statistics
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import panoptic_reference
import torch
from method_pairs import draw_params
from method_references import to_tensors
from methods import CLOCKS, time_alternating
from panoptic_pair import Ours, Scene, Size, build, draw_scene, seen, things
from timing import device_name
from tower_memory import at_rest, peak_of

from ovseg_jax.foundation.typing import Proposals

RESULTS = pathlib.Path(__file__).parent / "results"
LEAST = 1.2
"""Speed over PyTorch that is required; 1.5 is aimed at."""
AGREE = {"dense": 1e-4, "masks": 1e-3, "names": 1e-3, "answer": 1e-3}
"""Largest distance of results on the way, relative to the largest value."""
MOST = 0.99
"""Share that must agree: masks guide attention by a threshold, past which rounding decides."""


class Pair:
    """Both sides at one size."""

    def __init__(self, size: Size, sides: tuple[str, ...] = ("ours", "plain")):
        method = build(size)
        params = draw_params(method)
        width = method.towers.embedding_dim
        self.size = size
        self.scenes = [draw_scene(size, width, seed) for seed in range(3)]
        if "plain" in sides:
            self.weights = to_tensors(jax.tree.map(np.asarray, params))
        if "ours" in sides:
            self.ours = Ours(size, method, params)

    def plain(self, scene: Scene) -> dict[str, np.ndarray]:
        """Runs the originals' formulation."""
        inputs = (scene.image, scene.rows, *self.words, scene.shown)
        with torch.inference_mode():
            found = panoptic_reference.segment(self.weights, *map(torch.from_numpy, inputs))
        return {name: value.numpy() for name, value in found.items()}

    @property
    def words(self) -> tuple[np.ndarray, np.ndarray]:
        """Which classes are seen, and which are things."""
        return seen(self.size.classes), things(self.size.classes)

    def check(self) -> dict[str, float]:
        """Compares both sides part by part; the share that agrees.

        Raises:
            SystemExit: Less agrees than thresholds explain.
        """
        ours, plain = self.ours.segment(self.scenes[0]), self.plain(self.scenes[0])
        plain["dense"] = np.moveaxis(plain["dense"], 0, -1)
        shares = {}
        for name, bound in AGREE.items():
            apart = np.abs(np.asarray(ours[name]) - plain[name])
            shares[name] = float((apart < bound * np.abs(plain[name]).max()).mean())
        shares["pixels"] = float((ours["ids"] == plain["ids"]).mean())
        segments = len(ours["info"])
        if min(shares.values()) < MOST or not segments:
            raise SystemExit(f"the two differ: {shares}, {segments} segments; nothing was timed")
        return shares | {"segments": segments}


def time_both(size: Size, repeats: int) -> dict[str, Any]:
    """Times both sides in turn: medians in milliseconds by clock, and our speed."""
    pair, turns = Pair(size), [itertools.cycle(range(3)) for _ in range(3)]
    shares = pair.check()
    calls = {
        "ours": lambda: pair.ours.segment(pair.scenes[next(turns[0])]),
        "plain": lambda: pair.plain(pair.scenes[next(turns[1])]),
        "ours, masks of noise": lambda: pair.ours.segment(pair.scenes[next(turns[2])], own=True),
    }
    runs = time_alternating(calls, repeats)
    medians = {
        clock: {name: statistics.median(values) for name, values in runs[clock].items()}
        for clock in CLOCKS
    }
    speed = {clock: medians[clock]["plain"] / medians[clock]["ours"] for clock in CLOCKS}
    return {"agree": shares, "median_ms": medians, "speed": speed, "met": speed["wall"] >= LEAST}


# ---- memory -----------------------------------------------------------------------------------


def measure_memory(size: Size, side: str) -> dict[str, float]:
    """MiB in this process: of the first call over the weights, what stays, and of a later call."""
    pair = Pair(size, (side,))
    call = pair.plain if side == "plain" else pair.ours.segment
    loaded = at_rest()
    first = peak_of(lambda: call(pair.scenes[0])) - loaded
    rest = at_rest()
    later = max(peak_of(lambda: call(pair.scenes[1])) for _ in range(2))
    return {"first": first, "stays": rest - loaded, "call": later - rest}


def memory_of_both(size: Size, arguments: list[str]) -> dict[str, Any]:
    """Measures each side in a process of its own."""
    found = {}
    for side in ("ours", "plain"):
        command = [sys.executable, __file__, *arguments, "--side", side]
        found[side] = json.loads(subprocess.check_output(command, text=True).splitlines()[-1])
    return found


# ---- curves -----------------------------------------------------------------------------------


def curves(size: Size, repeats: int) -> dict[str, Any]:
    """Our processor time in milliseconds against one number at a time, the others as they are."""
    masks = [size.queries // 4, size.queries // 2, size.queries, 2 * size.queries]
    words = [size.classes // 4, size.classes, 4 * size.classes]
    sides = [size.side // 2, size.side * 3 // 4 // 32 * 32, size.side]
    pair = Pair(size, ("ours",))
    return {
        "masks": _curve(masks, lambda n: _naming(pair, queries=n), repeats),
        "words": _curve(words, lambda n: _naming(pair, classes=n), repeats),
        "pixels": _curve(sides, lambda n: _whole(dataclasses.replace(size, side=n)), repeats, 2),
    }


def _naming(pair: Pair, **number: int) -> Callable[[], Any]:
    """Embeds and names drawn masks of an encoded photo."""
    ours, scene = pair.ours, pair.scenes[0]
    _, features = ours.encode(scene.image)
    size = dataclasses.replace(pair.size, **number)
    drawn = draw_scene(size, scene.rows.shape[1], 0)
    masks, text = jnp.asarray(drawn.shown)[None], ours.text(drawn.rows)
    given = Proposals(masks=masks, valid=jnp.ones(masks.shape[:2], bool))
    return lambda: jax.block_until_ready(ours.score(features, given, text))


def _whole(size: Size) -> Callable[[], Any]:
    pair = Pair(size, ("ours",))
    return lambda: pair.ours.segment(pair.scenes[0])


def _curve(
    numbers: list[int], prepare: Callable[[int], Callable], repeats: int, power: int = 1
) -> dict:
    """Medians by number, and the exponent of the line through their logarithms."""
    calls = {str(number): prepare(number) for number in numbers}
    times = time_alternating(calls, repeats)["cpu"]
    medians = [statistics.median(times[str(number)]) for number in numbers]
    scale = np.log([float(number) ** power for number in numbers])
    return {
        "numbers": numbers,
        "median_cpu_ms": medians,
        "exponent": float(np.polyfit(scale, np.log(medians), 1)[0]),
    }


def main() -> None:
    """Runs the chosen parts, prints and writes them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7, help="measurements per contender")
    parser.add_argument("--only", default="time,memory,curves", help="parts, by commas")
    parser.add_argument("--tiny", action="store_true", help="small sizes, to try the program")
    parser.add_argument("--side", choices=("ours", "plain"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(os.cpu_count() or 1)
    size = Size(side=128, queries=12, classes=9, tiny=True) if options.tiny else Size()
    if options.side:
        print(json.dumps(measure_memory(size, options.side)))
        return
    tiny = ["--tiny"] if options.tiny else []
    parts = {
        "time": lambda: time_both(size, options.repeats),
        "memory": lambda: memory_of_both(size, tiny),
        "curves": lambda: curves(size, options.repeats),
    }
    path = RESULTS / f"from_pixels_{jax.default_backend()}.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    found = {"size": dataclasses.asdict(size), "device": device_name()}
    found |= {"jax": jax.__version__, "torch": torch.__version__}
    for name in options.only.split(","):
        found[name] = parts[name]() | {"repeats": options.repeats, "load": os.getloadavg()[0]}
        print(name, json.dumps(found[name], indent=2), flush=True)
    if not options.tiny:
        path.write_text(json.dumps(known | found, indent=2) + "\n")


if __name__ == "__main__":
    main()
