"""Prints the losses of three steps on some of this process's devices, as JSON."""

import dataclasses
import json
import sys
from pathlib import Path

import jax

from ovseg_jax.cli.experiment import load_config
from ovseg_jax.config import Config, MeshConfig
from ovseg_jax.foundation import devices
from ovseg_jax.inputs.labels import named_classes
from ovseg_jax.inputs.stream import train_stream
from ovseg_jax.loading import build
from ovseg_jax.loading.embedding import embed_vocabulary
from ovseg_jax.training import sharding, state, step

TINY = Path(__file__).parent / "tiny.py"
MESHES = {
    "quick": ((1, MeshConfig()), (8, MeshConfig(fsdp=4))),
    "spread": ((1, MeshConfig()), (2, MeshConfig()), (8, MeshConfig(spread_moments=True))),
    "masks": ((1, MeshConfig()), (4, MeshConfig(masks=2)), (6, MeshConfig(masks=3))),
}
"""Numbers of devices, and how they are laid out."""
EXPERIMENTS = {"masks": Path("configs/toy/ovseg.py")}
"""Of what else than the tiny experiment."""


def main(prepared: str, meshes: str) -> None:
    """Runs the same steps on each mesh."""
    config = load_config(EXPERIMENTS.get(meshes, TINY))
    data = dataclasses.replace(load_config(TINY).data, prepared=prepared)
    config = dataclasses.replace(config, data=data)
    print(json.dumps([losses_on(config, *mesh) for mesh in MESHES[meshes]]))


def losses_on(config: Config, count: int, grid: MeshConfig) -> list[float]:
    """Losses on the first devices."""
    devices.found = lambda: jax.devices()[:count]
    config = dataclasses.replace(config, mesh=grid)
    data = config.data
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
