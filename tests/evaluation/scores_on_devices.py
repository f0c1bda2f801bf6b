"""Prints what evaluations write, hashed, once for each number of this process's devices, as JSON.

Arguments: where records are prepared, and numbers of devices. Hosts that were told of each other
work together.
"""

import dataclasses
import hashlib
import json
import sys
from pathlib import Path

import jax

from ovseg_jax.cli.experiment import load_config
from ovseg_jax.config import MaskSourceConfig
from ovseg_jax.evaluation import shares
from ovseg_jax.evaluation.report.files import contents
from ovseg_jax.evaluation.suite import Suite
from ovseg_jax.loading import build
from ovseg_jax.loading.weights import load_weights
from ovseg_jax.training.hosts import connect

METRICS = ("semantic", "panoptic", "instance")
KINDS = {"frame": "perturbed", "photo": "generator"}
"""Protocols, and masks that are scored by them."""


def main(prepared: str, counts: list[int]) -> None:
    """Scores seven photos by both protocols, on each number of devices."""
    connect()
    model, params = load_weights("ovseg_jax/assets/toy/mask_adapter")
    (item,) = load_config(Path("configs/toy/mask_adapter.py")).evaluations
    data = dataclasses.replace(
        item.data, config="tiny", split="train", prepared=prepared, batch_size=4
    )
    found = []
    for count in counts:
        shares.own_devices = lambda count=count: jax.local_devices()[:count]
        for protocol, kind in KINDS.items():
            own = {"metrics": METRICS, "max_images": 7, "masks": MaskSourceConfig(kind=kind)}
            one = dataclasses.replace(item, data=data, protocol=protocol, **own)
            result = Suite(one, model, build.method(model)).score(params, "toy", by_photo=True)
            assert result.card.images == 7
            files = contents(result, "toy")
            found.append({end: hashlib.sha256(file).hexdigest() for end, file in files.items()})
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], list(map(int, sys.argv[2:])))
