"""Prints the losses of three steps on 1, 2 and 8 of this process's devices, as JSON."""

import dataclasses
import json
import sys
from pathlib import Path

import jax

from ovseg_jax import build, devices
from ovseg_jax.cli.experiment import load_config
from ovseg_jax.config import MeshConfig
from ovseg_jax.embedding import embed_vocabulary
from ovseg_jax.inputs.labels import named_classes
from ovseg_jax.inputs.stream import train_stream
from ovseg_jax.training import sharding, state, step

MESHES = {
    "quick": ((1, 1, False), (2, 1, False), (8, 4, False)),
    "spread": ((1, 1, False), (8, 1, True)),
}
"""Devices, how many of them share each parameter, whether moments are split over all."""


def main(prepared: str, meshes: str) -> None:
    """Runs the same steps on each mesh."""
    print(json.dumps([losses_on(prepared, *mesh) for mesh in MESHES[meshes]]))


def losses_on(prepared: str, count: int, fsdp: int, spread: bool) -> list[float]:
    """Losses on the first devices."""
    devices.found = lambda: jax.devices()[:count]
    config = load_config(Path(__file__).parent / "tiny.py")
    data = dataclasses.replace(config.data, prepared=prepared)
    grid = MeshConfig(fsdp=fsdp, spread_moments=spread)
    config = dataclasses.replace(config, data=data, mesh=grid)
    mesh = sharding.make_mesh(config.mesh)
    method = build.method(config.model)
    current, tx = state.create(config, method, mesh)
    text = embed_vocabulary(config.model, method, current.params, named_classes(data.vocabulary))
    stream = train_stream(data, 0, sharding=sharding.batch_sharding(mesh))
    batch = next(stream)
    raw = step.make_step(method, build.mask_source(config.masks), tx, seed=0)
    update = step.compile_step(raw, current, batch, text)
    losses = []
    for _ in range(3):
        current, metrics = update(current, batch, text)
        losses.append(float(metrics["loss"]))
        batch = next(stream)
    stream.close()
    return losses


if __name__ == "__main__":
    main(*sys.argv[1:])
