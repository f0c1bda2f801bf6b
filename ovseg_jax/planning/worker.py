"""Compiles in a process of its own: what JAX compiles for is decided before it starts.

`python -m ovseg_jax.planning.worker` reads a line from its input, a JSON object (`config`,
`topology`, `batches`), and writes one line of JSON for each batch. When its input closes, whoever
asked is gone, and it ends in the middle of whatever it compiles.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import threading
from typing import Any

from ovseg_jax.config import Config
from ovseg_jax.disk.configs_io import from_dict
from ovseg_jax.foundation.errors import OvsegError
from ovseg_jax.planning.chips import topology
from ovseg_jax.planning.collectives import Collective
from ovseg_jax.planning.compiled import Compiled, compile_for


def answer(request: dict[str, Any], batch: int) -> Compiled:
    """Compiles one batch size.

    Args:
        request: See above.
        batch: Images per step.
    """
    config = from_dict(Config, request["config"])
    data = dataclasses.replace(config.data, batch_size=batch)
    chips = topology(request["topology"])
    return compile_for(dataclasses.replace(config, data=data), chips)


def from_json(fields: dict[str, Any]) -> Compiled:
    """Reads what `main` wrote."""
    found: Any = tuple(Collective(*item) for item in fields["collectives"])
    rounds: Any = tuple(fields["rounds"])
    return Compiled(**{**fields, "collectives": found, "rounds": rounds})


def _end_with_input() -> None:
    while os.read(0, 1024):  # of `sys.stdin` a lock would be held, which Python wants at its end
        pass
    os._exit(1)


def main() -> None:
    """Answers a request."""
    request = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_input, daemon=True).start()
    for batch in request["batches"]:
        try:
            said = dataclasses.asdict(answer(request, batch))
        except OvsegError as error:
            said = {"error": str(error)}
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
