"""Memory of a training's input: 200 photos of 24 megapixels, one process per number of threads.

python benchmarks/input_memory.py                # Linux

Resident memory is read behind every 20 photos that came out of the stream at 1024 x 1024, with
jitter 0.1 to 2, four to a batch; the first hundred photos are compared with the next hundred.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

RESULTS = Path(__file__).parent / "results" / "input_memory_cpu.json"
HEIGHT, WIDTH, FILES, PHOTOS, EVERY, BATCH = 4000, 6000, 6, 200, 20, 4
WORKERS = (1, 2, 4)
MIB = 2**20


def resident() -> float:
    """Returns the resident memory of this process, in MiB."""
    fields = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in fields if line.startswith("VmRSS")) / 1024


def measure(folder: Path, workers: int) -> list[float]:
    """Takes the photos from the stream; memory behind every twenty of them, over that before."""
    import jax
    from drawn_photos import draw_folder

    from ovseg_jax.inputs.datasets import open_split
    from ovseg_jax.inputs.stream import train_stream

    data = draw_folder(folder, FILES, HEIGHT, WIDTH)
    data = dataclasses.replace(data, batch_size=BATCH, workers=workers)
    open_split(data)
    before = resident()
    sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    stream, found = train_stream(data, 0, sharding=sharding), []
    for taken in range(BATCH, PHOTOS + 1, BATCH):
        next(stream)
        if taken % EVERY == 0:
            found.append(round(resident() - before))
    stream.close()
    return found


def in_a_process(workers: int) -> list[float]:
    """Measures in a process of its own, so that no other case has grown the heap before."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--workers", str(workers), "--folder", folder]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(run.stdout.splitlines()[-1])


def row(workers: int) -> dict[str, Any]:
    """Measures one number of threads."""
    found = in_a_process(workers)
    half = len(found) // 2
    early, late = max(found[:half]), max(found[half:])
    return {"workers": workers, "mib": found, "early": early, "late": late}


def main() -> None:
    """Measures all cases, prints them and writes them down; or one case, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    if given.folder:
        print(json.dumps(measure(given.folder / "photos", given.workers)))
        return
    rows = [row(workers) for workers in WORKERS]
    print("| threads | first 100 photos | next 100 photos |\n|---|---|---|")
    for item in rows:
        print(f"| {item['workers']} | {item['early']} MiB | {item['late']} MiB |")
    RESULTS.write_text(json.dumps({"megapixels": HEIGHT * WIDTH / 1e6, "cases": rows}, indent=2))


if __name__ == "__main__":
    main()
