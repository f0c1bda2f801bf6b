"""How long users wait for answers: the first ever, the next start, another size, other words.

    python benchmarks/startup.py [--model DIR] [--repeats 5]

Commands are typed as users type them, `ovseg segment`, and timed from outside: Python, imports,
weights, programs, the answer, its files. "first ever" has an empty cache, so that everything is
traced and compiled; the cache is then kept. "another size" and "other words" happen inside a
process that has answered once, with what the commands before kept; "new frame" is a size whose
frame of the network no run has met.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

RESULTS = pathlib.Path(__file__).parent / "results"
SIZES = {"photo": (640, 480), "another size": (480, 640), "new frame": (1024, 400)}
"""Width and height of the pictures."""
WORDS, OTHERS = "cat; dog; sky, clouds", "horse; grass, lawn; boat"
GOALS = {"first ever": 15.0, "next start": 4.0, "another size": 1.5, "new frame": 1.5}
"""Seconds on two cores for the toy model; see the README beside this file."""
GOALS["other words"] = 0.3


def main() -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="toy", help="weights directory; default: toy")
    parser.add_argument("--repeats", type=int, default=5, help="of the next start; default: 5")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["OVSEG_CACHE"] = f"{folder}/cache"
        rows = dict(measure(options.model, options.repeats, pathlib.Path(folder)))
    for name, seconds in rows.items():
        goal = f"goal {GOALS[name]:g}" if options.model == "toy" else ""
        print(f"{name:14} {seconds:7.2f} s  {goal}")
    report = {"when": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")}
    report |= {"cores": os.cpu_count(), "machine": platform.platform()}
    model = pathlib.Path(options.model).name
    report |= {"python": platform.python_version(), "model": model, "seconds": rows}
    (RESULTS / f"startup_{model}.json").write_text(json.dumps(report, indent=1) + "\n")


def measure(model: str, repeats: int, folder: pathlib.Path) -> Iterator[tuple[str, float]]:
    """Yields seconds by name."""
    photos = {name: picture(folder, *size) for name, size in SIZES.items()}

    def start(photo: str = "photo") -> None:
        command = [sys.executable, "-m", "ovseg_jax.cli.main", "segment", str(photos[photo])]
        command += ["--vocab", WORDS, "--model", model, "--overwrite", "--out", f"{folder}/out"]
        subprocess.run(command, check=True, capture_output=True)

    yield "first ever", timed(start)
    yield "next start", statistics.median(timed(start) for _ in range(repeats))
    start("another size")  # a frame that was met once, as those of most photos are
    yield from inside(model, photos)


def inside(model: str, photos: dict[str, pathlib.Path]) -> Iterator[tuple[str, float]]:
    """Yields what a process waits for that has answered once."""
    from ovseg_jax.api import load_segmenter
    from ovseg_jax.disk.programs import keep_programs

    keep_programs()
    segmenter = load_segmenter(model)
    segmenter.set_vocabulary(WORDS)
    encoded = segmenter.encode(photos["photo"])
    segmenter.segment(encoded)
    for name in ("another size", "new frame"):
        yield name, timed(lambda name=name: segmenter.segment(photos[name]))

    def ask() -> None:
        segmenter.set_vocabulary(OTHERS)
        segmenter.segment(encoded)

    yield "other words", timed(ask)


def timed(call: Callable[[], object]) -> float:
    """Returns the seconds that a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def picture(folder: pathlib.Path, width: int, height: int) -> pathlib.Path:
    """Writes a picture of smooth colours, which JPEG and the model treat as any photo."""
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 256, (9, 12, 3), np.uint8))
    path = folder / f"{width}x{height}.jpg"
    small.resize((width, height), Image.Resampling.BICUBIC).save(path)
    return path


if __name__ == "__main__":
    main()
