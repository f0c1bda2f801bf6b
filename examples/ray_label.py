"""Labels a large folder of photos with Ray: python examples/ray_label.py PHOTOS OUT MODEL WORDS.

Each task is `ovseg segment --shard i/n` in a process of its own: a task that is lost is started
again by Ray and goes on where it was. Ray is no part of the package: pip install "ray[default]".
"""

from __future__ import annotations

import subprocess
import sys

SHARDS = 100
"""Parts of the photos; more parts than accelerators keep all of them busy to the end."""


def command(photos: str, out: str, model: str, words: str, number: int) -> list[str]:
    """The command of one shard, with a folder of results of its own."""
    names = [photos, "--recursive", "--shard", f"{number}/{SHARDS}", "--out", f"{out}/{number}"]
    program = [sys.executable, "-m", "ovseg_jax.cli.main", "segment"]
    return [*program, *names, "--model", model, "--vocab-file", words]


def main(photos: str, out: str, model: str, words: str, accelerators: float = 1) -> int:
    """Runs all shards; returns how many had photos that failed."""
    import ray

    ray.init()
    label = ray.remote(num_gpus=accelerators, max_retries=5)(subprocess.call)
    tasks = [label.remote(command(photos, out, model, words, n + 1)) for n in range(SHARDS)]
    return sum(status != 0 for status in ray.get(tasks))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]) > 0)
