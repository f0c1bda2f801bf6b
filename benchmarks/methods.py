"""Times whole methods against their plain formulation in PyTorch: pixels, masks, words to logits.

    python benchmarks/methods.py [--repeats 7] [--only fisa]

"Plain" is what the originals run: all crops of a photo in one batch; mask tokens in one sequence
with the image. Weights and inputs are the same; results are compared before anything is timed.
`other masks` and `other words` are ours on a photo that is encoded already; words find their masks
embedded where the method embeds them first, since inference keeps that. On a CPU in float32;
`method_memory.py` measures memory. Beside wall time it reports processor time of all threads, which
counts on a machine that does other work too (`--clock cpu` puts it into the table).
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
from method_pairs import Ours, Setting, draw_masks, draw_params, draw_rows, settings, text_of
from method_references import to_tensors
from ops import RESULTS
from timing import DISTINCT_INPUTS, PAUSE_SECONDS, describe_machine, measure_peaks, write_json

SLOWEST = 1 / 0.95
"""Largest allowed time over PyTorch's."""
REUSE = 5.0
"""How many times faster than the plain forward a photo must be that is encoded already."""
AGREE = 1e-4
"""Largest distance of logits, relative to the largest one."""
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
COLUMNS = ("ours", "plain", "other masks", "other words")


class Pair:
    """Both sides of one setting, and what they are shown.

    Attributes:
        setting: What is measured.
        ours: Our side.
        scenes: Image, masks and text rows, in turn.
    """

    def __init__(self, setting: Setting):
        params = draw_params(setting.method)
        self.setting, self.ours = setting, Ours(setting.method, params, setting.side)
        self.weights = to_tensors(jax.tree.map(np.asarray, params))
        width, rng = setting.method.clip.embedding_dim, np.random.default_rng(2)
        self.scenes = [
            (
                rng.integers(0, 256, (setting.side, setting.side, 3), np.uint8),
                draw_masks(setting.masks, setting.side, seed),
                draw_rows(setting.templates, width, seed),
            )
            for seed in range(DISTINCT_INPUTS)
        ]

    def call_ours(self, image: np.ndarray, masks: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Runs ours from pixels to logits."""
        return np.asarray(self.ours(jnp.asarray(image), jnp.asarray(masks), text_of(rows)))

    def call_theirs(self, image: np.ndarray, masks: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Runs the plain formulation."""
        rows = rows if self.setting.templates > 1 else rows[:, 0]
        with torch.inference_mode():
            inputs = (torch.from_numpy(x) for x in (image, masks, rows))
            return self.setting.theirs(self.weights, *inputs).numpy()

    def check(self) -> float:
        """Compares all ways to each result; returns the largest relative distance.

        Raises:
            SystemExit: They differ by more than rounding, or something compiled again.
        """
        (image, masks, rows), (_, other_masks, other_rows) = self.scenes[:2]
        ours, errors = self.ours, []
        features = ours.encode(jnp.asarray(image))
        for shown in (masks, other_masks) if self.setting.cached else (masks,):
            regions = ours.embed(features, jnp.asarray(shown))
            for words in (rows, other_rows):
                found = ours.score(features, jnp.asarray(shown), text_of(words), regions)
                wanted = self.call_theirs(image, shown, words)
                errors.append(np.abs(found - wanted).max() / np.abs(wanted).max())
        if max(errors) > AGREE or ours.spare_programs():
            raise SystemExit(
                f"{self.setting.name}: differs by {max(errors):.1e}, "
                f"{ours.spare_programs()} programs too many"
            )
        return float(max(errors))

    def contenders(self) -> dict[str, Any]:
        """Returns what is timed, by column."""
        image, _, rows = self.scenes[0]
        ours, masks = self.ours, [jnp.asarray(scene[1]) for scene in self.scenes]
        texts = [text_of(scene[2]) for scene in self.scenes]
        features = ours.encode(jnp.asarray(image))
        regions = ours.embed(features, masks[0])
        turns = [itertools.cycle(range(DISTINCT_INPUTS)) for _ in COLUMNS]
        calls = (
            lambda: self.call_ours(*self.scenes[next(turns[0])]),
            lambda: self.call_theirs(*self.scenes[next(turns[1])]),
            lambda: ours.score(features, masks[next(turns[2])], texts[0]),
            lambda: ours.score(features, masks[0], texts[next(turns[3])], regions),
        )
        columns = dict(zip(COLUMNS, calls, strict=True))
        if not self.setting.cached:
            del columns["other masks"]
        return columns


def time_alternating(
    contenders: dict[str, Callable[[], Any]], repeats: int
) -> dict[str, dict[str, list[float]]]:
    """Calls every contender once to warm up, then in turn; milliseconds by clock and contender."""
    found = {clock: {name: [] for name in contenders} for clock in CLOCKS}
    for turn in range(repeats + 1):
        for name, call in contenders.items():
            time.sleep(PAUSE_SECONDS)
            starts = {clock: read() for clock, read in CLOCKS.items()}
            call()
            if turn:
                for clock, read in CLOCKS.items():
                    found[clock][name].append((read() - starts[clock]) * 1e3)
    return found


def measure(setting: Setting, repeats: int, clock: str) -> dict[str, Any]:
    """Checks and times one setting; its row, judged by one of the clocks."""
    pair = Pair(setting)
    error = pair.check()
    runs = time_alternating(pair.contenders(), repeats)
    medians = {
        each: {name: statistics.median(values) for name, values in runs[each].items()}
        for each in CLOCKS
    }
    judged = medians[clock]
    speed = judged["plain"] / judged["ours"]
    reuse = {name: judged["plain"] / judged[name] for name in COLUMNS[2:] if name in judged}
    return {
        "method": setting.name,
        "masks": setting.masks,
        "side": setting.side,
        "relative_error": error,
        "clock": clock,
        "median_ms": medians,
        "speed": speed,
        "reuse": reuse,
        "met": speed >= 1 / SLOWEST and all(gain >= REUSE for gain in reuse.values()),
    }


def format_row(row: dict[str, Any]) -> str:
    """Formats one line of the table."""
    medians, reuse = row["median_ms"][row["clock"]], row["reuse"]
    again = [f"{medians[n]:.3g} ({reuse[n]:.3g}x)" if n in reuse else "–" for n in COLUMNS[2:]]
    cells = [
        f"{row['method']}, {row['masks']} masks, {row['side']}²",
        f"{medians['ours']:.0f}",
        f"{medians['plain']:.0f}",
        f"{row['speed']:.2f}x",
        *again,
        "met" if row["met"] else "MISSED",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Runs the chosen settings, prints the table and writes it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7, help="measurements per contender")
    parser.add_argument("--only", default="", help="settings whose name contains this")
    parser.add_argument("--masks", type=int, default=0, help="settings with so many masks")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="what limits go by")
    options = parser.parse_args()
    torch.set_num_threads(os.cpu_count() or 1)
    peaks = measure_peaks(jnp.float32)
    machine = describe_machine(peaks, options.repeats)
    print("\n".join(f"{key}: {value}" for key, value in machine.items()))
    print("| method | ours ms | plain ms | speed | other masks ms | other words ms | limits |")
    print("|---|---|---|---|---|---|---|")
    rows = []
    for setting in settings():
        chosen = options.only.lower() in setting.name.lower()
        if chosen and options.masks in (0, setting.masks):
            rows.append(measure(setting, options.repeats, options.clock))
            print(format_row(rows[-1]), flush=True)
    part = f"_{options.only}{options.masks or ''}" if options.only or options.masks else ""
    write_json(RESULTS / f"methods_{jax.default_backend()}{part}.json", machine, rows)


if __name__ == "__main__":
    main()
