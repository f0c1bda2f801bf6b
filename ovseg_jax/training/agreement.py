"""What the hosts of a cluster have in common: where they start from, and where they end or save."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from orbax.checkpoint import multihost

from ovseg_jax.foundation.errors import OvsegError
from ovseg_jax.training.delayed import LAG, Delayed
from ovseg_jax.training.sharding import AXES, replicated
from ovseg_jax.training.stopping import StopRequest

LONGEST = 3600
"""Seconds that hosts wait for each other to arrive."""


class DifferenceError(OvsegError, RuntimeError):
    """Hosts of one run start from different things; the message says which and where."""


class Asked(NamedTuple):
    """What is to be done behind a step.

    Attributes:
        end: Save and end.
        save: Save.
    """

    end: bool
    save: bool


class Agreement:
    """Asks behind every step whether to end, and whether it is time to save.

    One process looks at its own request, which costs nothing. Several add up their wishes on the
    devices and read the sum `delayed.LAG` steps later, all of them the same one, so that no host
    waits in a collective for another that has left. Of clocks, that of the first host counts.
    """

    def __init__(self, stop: StopRequest, mesh: Mesh, is_late: Callable[[], bool]):
        """Prepares the sum over the devices of `mesh`; `is_late` says that it is time to save."""
        self._stop, self._is_late, self._delayed = stop, is_late, Delayed()
        self._sharding, self._saved = NamedSharding(mesh, P(AXES)), -LAG
        self._sum = jax.jit(lambda wishes: wishes.sum(0), out_shardings=replicated(mesh))

    def saved(self, number: int) -> None:
        """Notes that step `number` is saved: wishes under way are fulfilled by it."""
        self._saved = number

    def asked(self, number: int) -> Asked:
        """Says what to do behind step `number`; call it behind every step."""
        if jax.process_count() == 1:
            return Asked(self._stop.requested, self._is_late())
        own = [self._stop.requested, jax.process_index() == 0 and self._is_late()]
        wishes = np.tile(np.array(own, np.int32), (jax.local_device_count(), 1))
        shared = jax.make_array_from_process_local_data(self._sharding, wishes)
        found = [total > 0 for _, total in self._delayed.put(number, self._sum(shared))]
        end, save = np.any(found, axis=0) if found else (False, False)
        return Asked(bool(end), bool(save) and number - self._saved > LAG)


def meet(where: str) -> None:
    """Waits until all hosts are there; call it before hosts that may be far apart first compute.

    Some collectives, those of CPUs among them, give up after 30 seconds, and one host may prepare
    data or compile for longer.

    Args:
        where: Differs from call to call.
    """
    if jax.process_count() > 1:
        multihost.get_barrier_sync_fn()(key=f"ovseg_{where}", timeout_ms=LONGEST * 1000)


def check_equal(**things: Any) -> None:
    """Compares, once, what each host starts from: settings, arrays that lie whole on all hosts.

    Of parameters that are cut over the hosts nothing can be compared: each part exists once.

    Args:
        things: By what a message calls them.

    Raises:
        DifferenceError: Hosts differ.
    """
    if jax.process_count() == 1:
        return
    from jax.experimental import multihost_utils

    own = {name: digest(thing) for name, thing in things.items()}
    rows = np.stack([np.frombuffer(value, np.uint8) for value in own.values()])
    everywhere = np.asarray(multihost_utils.process_allgather(rows))
    if problems := differences(dict(zip(own, np.swapaxes(everywhere, 0, 1), strict=True))):
        raise DifferenceError(
            f"hosts of this run start from different things: {'; '.join(problems)}. Give all the "
            "same command, the same version and the same files"
        )


def differences(digests: Mapping[str, np.ndarray]) -> list[str]:
    """Names what differs, and on which hosts it is not as on the first one."""
    others = {
        name: [host for host, row in enumerate(rows) if (row != rows[0]).any()]
        for name, rows in digests.items()
    }
    return [
        f"{name} of host {', '.join(map(str, hosts))} is not that of host 0"
        for name, hosts in others.items()
        if hosts
    ]


def digest(thing: Any) -> bytes:
    """Returns 32 bytes that stand for settings, or for the arrays of a tree."""
    found = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(thing):
        found.update(jax.tree_util.keystr(path).encode())
        if not isinstance(leaf, jax.Array):
            found.update(json.dumps(leaf).encode())
        elif leaf.is_fully_replicated:
            own = np.ascontiguousarray(leaf.addressable_data(0))
            found.update(str((own.shape, own.dtype)).encode() + own.tobytes())
    return found.digest()
