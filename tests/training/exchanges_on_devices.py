"""Prints, as JSON, what compiled steps of toy experiments send between fake devices.

For each line of its input, "experiment devices fsdp spread_moments": bytes of trained parameters
in all, of those that are split, of moments on a device, and the exchanges.
"""

import dataclasses
import json
import sys
from pathlib import Path

import jax
import numpy as np
from jax.sharding import AxisType, Mesh

from ovseg_jax.cli.experiment import load_config
from ovseg_jax.config import MeshConfig
from ovseg_jax.planning.collectives import collectives
from ovseg_jax.training import layout, shapes, sharding, step

PER_DEVICE = 2
"""Images; more than one, as loops over a device's own images must not touch others."""


def main() -> None:
    """Answers every line."""
    for line in sys.stdin:
        name, *numbers = line.split()
        print(json.dumps(exchanges(name, *map(int, numbers))), flush=True)


def exchanges(name: str, count: int, fsdp: int, spread: int) -> dict:
    """Compiles one step."""
    config = load_config(Path(f"configs/toy/{name}.py"))
    data = dataclasses.replace(config.data, batch_size=PER_DEVICE * count, vocabulary="toy_world48")
    mesh = MeshConfig(fsdp=fsdp, spread_moments=bool(spread))
    config = dataclasses.replace(config, data=data, mesh=mesh)
    grid = np.array(jax.devices()[:count]).reshape(count // fsdp, fsdp)
    raw, inputs = shapes.step_and_inputs(
        config, Mesh(grid, sharding.AXES, axis_types=(AxisType.Auto,) * 2)
    )
    compiled = step.compile_step(raw, *inputs)
    state = inputs[0]
    leaves = jax.tree.leaves(state.trainable)
    split = [x for x in jax.tree.leaves(state.params) if not x.sharding.is_fully_replicated]
    return {
        "trained": sum(map(layout.whole_bytes, leaves)),
        "split": sum(map(layout.whole_bytes, split)),
        "moments": layout.bytes_on_a_device(state.optimizer),
        "exchanges": [
            {**item._asdict(), "sent": item.sent} for item in collectives(compiled.as_text(), count)
        ],
    }


if __name__ == "__main__":
    main()
