"""Peak memory of whole image towers over the loaded weights, one process per library and tower.

    python benchmarks/tower_memory.py [--size 640]

Linux only: it reads the resident set and its high-water mark from /proc. Three numbers in MiB:
`first`, the peak of the first call over the loaded weights, which for us includes compiling;
`program`, what stays after it (ours: compiled code; theirs: libraries that came with the first
call); and `call`, the peak of a later call over weights and program. `ours again` is a second
process, which finds the program on disk as every later start of a command does.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Any

from tower_pairs import NAMES, our_tower, their_tower

RESULTS = pathlib.Path(__file__).parent / "results"


def resident(field: str) -> float:
    """Returns VmRSS or VmHWM of this process in MiB."""
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) / 1024


def at_rest() -> float:
    """Returns the resident set after unused memory has gone back to the system."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    return resident("VmRSS")


def peak_of(call: Callable[[], Any]) -> float:
    """Returns the peak of the resident set during a call in MiB."""
    gc.collect()
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # resets the high-water mark
    call()
    return resident("VmHWM")


def prepare_ours(name: str, size: int) -> Callable[[], Any]:
    """Loads random weights and returns the jitted embedding of one image."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    from ovseg_jax.ops.compiler import compiler_options, keep_heap_small

    keep_heap_small()
    tower, rng = our_tower(name, size, jnp.float32), np.random.default_rng(0)
    image = jnp.asarray(rng.standard_normal((1, size, size, 3), np.float32))
    shapes = jax.eval_shape(tower.init, jax.random.key(0), image)
    params = jax.tree.map(
        lambda leaf: jnp.asarray(0.02 * rng.standard_normal(leaf.shape, np.float32)), shapes
    )
    embed = jax.jit(tower.apply, compiler_options=compiler_options())
    return lambda: jax.block_until_ready(embed(params, image))


def prepare_theirs(name: str, size: int) -> Callable[[], Any]:
    """Does the same in PyTorch."""
    import torch

    tower, image = their_tower(name, size), torch.randn(1, 3, size, size)

    def embed() -> Any:
        with torch.inference_mode():
            return tower(image)

    return embed


def measure(library: str, name: str, size: int) -> dict[str, float]:
    """Measures in this process."""
    prepare = prepare_theirs if library == "theirs" else prepare_ours
    call = prepare(name, size)
    loaded = at_rest()
    first = peak_of(call)
    rest = at_rest()
    later = max(peak_of(call) for _ in range(3))
    return {"first": first - loaded, "program": rest - loaded, "call": later - rest}


def measured_apart(library: str, name: str, size: int, programs: str) -> dict[str, float]:
    """Measures in a process of its own, which keeps compiled programs in a folder."""
    command = [sys.executable, __file__, "--size", str(size), "--one", library, name]
    environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": programs}
    output = subprocess.check_output(command, text=True, env=environment)
    return json.loads(output.splitlines()[-1])


def main() -> None:
    """Starts a process per library and tower, prints the table and writes it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=640, help="side of the image in pixels")
    parser.add_argument("--one", nargs=2, metavar=("LIBRARY", "TOWER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(*options.one, options.size)))
        return
    rows = []
    print("| tower | library | first | program | call |\n| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as programs:
        for name in NAMES:
            for library in ("ours", "ours again", "theirs"):
                row = measured_apart(library, name, options.size, programs)
                rows.append({"tower": name, "library": library, **row})
                print(f"| {name} | {library} | {' | '.join(f'{v:.0f}' for v in row.values())} |")
    path = RESULTS / "tower_memory_cpu.json"
    path.write_text(json.dumps({"size": options.size, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
