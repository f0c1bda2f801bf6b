"""The training stream against a mapper as detectron2 has them, on one core; and what a step waits.

python benchmarks/input.py                       # photos of COCO's size and of 12 megapixels

Both read the same photos with the same flips, scales and crops at 1024 x 1024, jitter 0.1 to 2;
results are compared first. The mapper is NumPy and Pillow: it reads photo and panoptic map from
disk, mirrors and resizes all of them, cuts, pads, and makes a boolean mask for every segment. The
stream reads prepared records and hands on a map of ids; both pinned to one core. Needs the extra
`train`, not PyTorch.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
ALL_CORES = sorted(os.sched_getaffinity(0))
if "--waiting" not in sys.argv:  # before the libraries start their threads
    os.sched_setaffinity(0, ALL_CORES[-1:])

import jax  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from drawn_photos import draw_folder, read_folder  # noqa: E402
from PIL import Image  # noqa: E402

from ovseg_jax.config import DataConfig  # noqa: E402
from ovseg_jax.inputs.datasets import decode, open_split  # noqa: E402
from ovseg_jax.inputs.stream import Stream, train_stream  # noqa: E402

RESULTS = Path(__file__).parent / "results" / "input_cpu.json"
CASES = {"COCO, 480 x 640": (24, 480, 640, 240), "12 megapixels": (8, 3000, 4000, 40)}
"""Photos, height, width, and how many examples are timed."""
STEPS = (0.25, 0.5, 1.0, 2.0)
"""Seconds that a step of eight images is pretended to take."""


class Mapper:
    """Reads and augments one example after the other, as detectron2's mappers do."""

    def __init__(self, data: DataConfig):
        """Lists the photos in the order of the records, with the segments of each."""
        root, self._data = Path(data.root), data
        lists = json.loads((root / "annotations/panoptic_val2017.json").read_text())
        known = {Path(item["file_name"]).stem: item for item in lists["annotations"]}
        names = [Path(decode(record)["file_name"]).stem for record in open_split(data)]
        self._photos = [root / "val2017" / f"{name}.jpg" for name in names]
        self._maps = [root / "panoptic_val2017" / f"{name}.png" for name in names]
        self._segments = [known[name]["segments_info"] for name in names]

    def example(self, record: int, draws: np.ndarray) -> dict[str, Any]:
        """Returns image uint8 [3, H, W], masks bool [n, H, W] and categories [n]."""
        image = np.asarray(Image.open(self._photos[record]).convert("RGB"))
        labels = np.asarray(Image.open(self._maps[record]).convert("RGB"))
        if draws[0] < 0.5:
            image, labels = image[:, ::-1].copy(), labels[:, ::-1].copy()
        height, width = self._resized_size(image.shape[:2], draws[1])
        resize = Image.Resampling
        image = np.asarray(Image.fromarray(image).resize((width, height), resize.BILINEAR))
        labels = np.asarray(Image.fromarray(labels).resize((width, height), resize.NEAREST))
        image, labels = (self._cut(array, draws[2]) for array in (image, labels))
        image, labels = self._pad(image, 128), self._pad(labels, 0)
        colors = labels.astype(np.int32)
        ids = colors[..., 0] + 256 * colors[..., 1] + 65536 * colors[..., 2]
        segments = [item for item in self._segments[record] if not item["iscrowd"]]
        masks = [ids == item["id"] for item in segments]
        return {
            "image": np.ascontiguousarray(image.transpose(2, 0, 1)),
            "masks": np.stack(masks),
            "categories": np.array([item["category_id"] for item in segments]),
        }

    def _resized_size(self, size: tuple[int, ...], draw: float) -> tuple[int, int]:
        low, high = np.float32(self._data.scale)
        frame = np.float32(self._data.image_size) * (low + (high - low) * draw)
        sides = np.float32(size)
        height, width = np.rint(sides * (frame / sides).min()).astype(int).tolist()
        return max(height, 1), max(width, 1)

    def _cut(self, array: np.ndarray, draw: float) -> np.ndarray:
        height, width = self._data.image_size
        room = np.maximum(np.array(array.shape[:2]) - (height, width), 0)
        top, left = np.rint(room.astype(np.float32) * draw).astype(int)
        return array[top : top + height, left : left + width]

    def _pad(self, array: np.ndarray, value: int) -> np.ndarray:
        height, width = self._data.image_size
        margins = [(0, height - array.shape[0]), (0, width - array.shape[1]), (0, 0)]
        return np.pad(array, margins, constant_values=value)


def open_stream(data: DataConfig, batch_size: int, workers: int) -> Stream:
    """Opens the stream as a training on one device would."""
    data = dataclasses.replace(data, batch_size=batch_size, workers=workers, shuffle=False)
    return train_stream(data, 0, sharding=jax.sharding.SingleDeviceSharding(jax.devices()[0]))


def draws_of(number: int) -> np.ndarray:
    """Returns what the stream of seed 0 draws for the geometry of an example."""
    return tf.random.stateless_uniform([3], tf.constant([1, number], tf.int64)).numpy()


def largest_differences(data: DataConfig, mapper: Mapper, count: int) -> dict[str, float]:
    """Compares what both make of the first examples.

    Returns:
        Of the worst example: the share of grey values that differ, by how many levels at most, and
        the share of the masks' pixels that the ids put elsewhere.
    """
    stream = open_stream(data, count, 1)
    batch = jax.device_get(next(stream))
    stream.close()
    gaps, apart = [], []
    for number, ids in enumerate(batch.segment_ids):
        theirs = mapper.example(number, draws_of(number))
        gaps.append(np.abs(batch.images[number].transpose(2, 0, 1).astype(int) - theirs["image"]))
        shared = [np.bincount(ids[mask]).max(initial=0) for mask in theirs["masks"]]
        apart.append(1 - sum(shared) / max(theirs["masks"].sum(), 1))
    differing = max(float((gap > 0).mean()) for gap in gaps)
    return {"values": differing, "levels": int(np.max(gaps)), "masks": float(max(apart))}


def seconds_each(call: Callable[[int], Any], count: int) -> float:
    """Times `count` calls after two that warm up."""
    call(0), call(1)
    start = time.perf_counter()
    for number in range(2, count + 2):
        call(number)
    return (time.perf_counter() - start) / count


def time_case(data: DataConfig, count: int) -> dict[str, Any]:
    """Times mapper and stream in turns, a third of the examples each time; images per second."""
    mapper, third = Mapper(data), count // 3
    size = len(open_split(data))
    draws = [draws_of(number) for number in range(third + 2)]
    row: dict[str, Any] = largest_differences(data, mapper, min(size, 8))
    theirs, ours = [], []
    for _ in range(3):
        theirs.append(seconds_each(lambda n: mapper.example(n % size, draws[n]), third))
        stream = open_stream(data, 1, 1)
        ours.append(seconds_each(lambda _, stream=stream: next(stream), third))
        stream.close()
    row |= {"ours": 1 / np.median(ours), "mapper": 1 / np.median(theirs)}
    return row | {"ratio": row["ours"] / row["mapper"]}


def waiting(data: DataConfig, step: float, steps: int = 8) -> float:
    """Returns the share of time that steps of eight images wait for the stream, on all cores."""
    stream = open_stream(data, 8, 0)
    next(stream)
    waited, start = 0.0, time.perf_counter()
    for _ in range(steps):
        asked = time.perf_counter()
        next(stream)
        waited += time.perf_counter() - asked
        time.sleep(step)
    stream.close()
    return waited / (time.perf_counter() - start)


def waiting_elsewhere(place: str) -> dict[str, float]:
    """Measures waiting in a process that is not pinned, by seconds of a step."""
    command = ["taskset", "-c", ",".join(map(str, ALL_CORES)), sys.executable, __file__]
    run = subprocess.run([*command, "--waiting", place], capture_output=True, check=True)
    return json.loads(run.stdout.splitlines()[-1])


def run_case(name: str, place: Path) -> tuple[dict[str, Any], dict[str, float]]:
    """Draws the photos of a case, measures and prints; what was measured."""
    photos, height, width, count = CASES[name]
    row = time_case(draw_folder(place, photos, height, width), count)
    print(
        f"{name}: ours {row['ours']:.1f} images/s and core, mapper {row['mapper']:.1f}, "
        f"{row['ratio']:.2f}x; values that differ {row['values']:.2g}, by {row['levels']} "
        f"level, masks {row['masks']:.2g}"
    )
    waits = waiting_elsewhere(str(place))
    shown = ", ".join(f"{step} s {share:.1%}" for step, share in waits.items())
    print(f"  waiting, steps of eight images on {len(ALL_CORES)} cores: {shown}", flush=True)
    return row, waits


def main() -> None:
    """Times all cases, prints them and writes them down; or what steps wait, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="part of a case's name")
    parser.add_argument("--waiting", type=Path, help="a folder that this program has drawn")
    given = parser.parse_args()
    if given.waiting:
        data = read_folder(given.waiting)
        print(json.dumps({str(step): waiting(data, step) for step in STEPS}))
        return
    names, rows, waits = [name for name in CASES if given.only in name], {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for number, name in enumerate(names):
            rows[name], waits[name] = run_case(name, Path(folder) / str(number))
    if not given.only:
        found = {"cases": rows, "waiting": waits}
        RESULTS.write_text(json.dumps(describe() | found, indent=2) + "\n")


def describe() -> dict[str, Any]:
    """Describes date, versions and machine."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(": ")[1] for line in lines if line.startswith("model name")), "")
    packages = ("jax", "numpy", "pillow", "tensorflow-cpu", "tensorflow-datasets")
    return {
        "date": datetime.date.today().isoformat(),
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in packages},
        "device": f"{model}, {len(ALL_CORES)} cores",
    }


if __name__ == "__main__":
    main()
