"""Prints, as JSON, what compiled steps of toy experiments send between fake devices.

For each line of its input, "experiment devices fsdp spread_moments masks": bytes of trained
parameters in all, of those that are split, of moments on a device, the work of a device, and the
exchanges.
"""

import dataclasses
import json
import sys
from pathlib import Path

import jax

from ovseg_jax.cli.experiment import load_config
from ovseg_jax.config import MeshConfig
from ovseg_jax.planning.collectives import collectives
from ovseg_jax.training import layout, shapes, sharding, step

PER_DEVICE = 2
"""Images of each group of devices; more than one, as loops over a device's own images must not
touch others."""


def main() -> None:
    """Answers every line."""
    for line in sys.stdin:
        name, *numbers = line.split()
        print(json.dumps(exchanges(name, *map(int, numbers))), flush=True)


def exchanges(name: str, count: int, fsdp: int, spread: int, masks: int) -> dict:
    """Compiles one step."""
    config = load_config(Path(f"configs/toy/{name}.py"))
    images = PER_DEVICE * count // masks
    data = dataclasses.replace(config.data, batch_size=images, vocabulary="toy_world48")
    mesh = MeshConfig(fsdp=fsdp, spread_moments=bool(spread), masks=masks)
    config = dataclasses.replace(config, data=data, mesh=mesh)
    grid = sharding.mesh_of(mesh, jax.devices()[:count], "fake devices")
    raw, inputs = shapes.step_and_inputs(config, grid)
    compiled = step.compile_step(raw, *inputs)
    state = inputs[0]
    leaves = jax.tree.leaves(state.trainable)
    split = [x for x in jax.tree.leaves(state.params) if not x.sharding.is_fully_replicated]
    return {
        "trained": sum(map(layout.whole_bytes, leaves)),
        "split": sum(map(layout.whole_bytes, split)),
        "work": compiled.cost_analysis()["flops"],
        "moments": layout.bytes_on_a_device(state.optimizer),
        "exchanges": [
            {**item._asdict(), "sent": item.sent} for item in collectives(compiled.as_text(), count)
        ],
    }


if __name__ == "__main__":
    main()
