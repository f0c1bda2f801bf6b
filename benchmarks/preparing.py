"""Measures how records are prepared: `python -m benchmarks.preparing [FOLDER]`.

Two things: how long it takes to look at all files of a set, whose state names its records, and how
many photos a second are read and encoded by one thread and by more. The set is drawn into FOLDER, a
temporary one by default: as many empty files as COCO panoptic has, and photos of 640 x 480 pixels
with label maps. Threads show what they gain only where nothing else uses the cores.
"""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from data import parallel, states
from data.build import module_of

FILES = {"train2017": 118_287, "val2017": 5_000}
PHOTOS = 128


def main(root: Path) -> None:
    """Draws both sets and prints what was measured."""
    warnings.simplefilter("ignore")
    _draw_files(root / "files")
    panoptic = module_of("coco_panoptic")
    start = time.perf_counter()
    states.config_of_state(panoptic, str(root / "files"), "full")
    print(f"state of {2 * sum(FILES.values()):,} files: {time.perf_counter() - start:.1f} s")
    _draw_photos(root / "photos")
    threads, most = 1, parallel.cores()
    _rate(root / "photos", 1)  # the first reading is that of the disk
    while threads <= most:
        print(f"{threads} threads: {_rate(root / 'photos', threads):.0f} photos a second")
        threads *= 2


def _draw_files(root: Path) -> None:
    for folder, count in FILES.items():
        for name, ending in ((folder, ".jpg"), (f"panoptic_{folder}", ".png")):
            (root / name).mkdir(parents=True, exist_ok=True)
            for number in range(count):
                (root / name / f"{number:012d}{ending}").touch()


def _draw_photos(root: Path) -> None:
    rng = np.random.default_rng(0)
    photos, maps = root / "val2017", root / "stuffthingmaps" / "val2017"
    for folder in (photos, maps):
        folder.mkdir(parents=True, exist_ok=True)
    for number in range(PHOTOS):
        labels = np.kron(rng.integers(0, 181, (12, 16), np.uint8), np.ones((40, 40), np.uint8))
        Image.fromarray(labels).save(maps / f"{number:012d}.png")
        colours = np.stack([labels, labels[::-1], labels[:, ::-1]], axis=-1)
        Image.fromarray(colours).save(photos / f"{number:012d}.jpg")


def _rate(root: Path, threads: int) -> float:
    stuff = module_of("coco_stuff")
    (tree,) = stuff.trees(str(root), "validation").values()
    parallel.cores = lambda: threads
    with tempfile.TemporaryDirectory() as place, contextlib.redirect_stderr(io.StringIO()):
        builder = stuff.Builder(config="validation", data_dir=place)
        start = time.perf_counter()
        found = sum(1 for _ in builder._generate_examples(tree))
    return found / (time.perf_counter() - start)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            main(Path(folder))
