"""Joining the other hosts of a pod or cluster, which JAX recognises by itself.

JAX's own detection decides: Cloud TPU by its metadata server (pods, queued resources, several
slices), GKE, Slurm, Open MPI, Kubernetes. Elsewhere `JAX_COORDINATOR_ADDRESS`, `JAX_NUM_PROCESSES`
and `JAX_PROCESS_ID` say it.
"""

from __future__ import annotations

import os
from typing import Any, Literal, NamedTuple

import jax

from ovseg_jax.foundation.errors import OvsegError
from ovseg_jax.training.roll_call import RollCall

Hosts = Literal["auto", "one"]
WAIT = 300
"""Seconds that hosts wait for each other; machines of one pod start within a few minutes."""
MARGIN = 30
"""Seconds that JAX waits longer than we do: it ends the process without naming anybody."""
ADDRESS, COUNT, INDEX = "JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID"


class HostsError(OvsegError, RuntimeError):
    """This host cannot find or join the others; the message says what is known and what to do."""


class Place(NamedTuple):
    """Which process this is: `index` of `count`, which meet at `address` ("host:port")."""

    address: str
    count: int
    index: int


_decided = False


def connect(hosts: Hosts = "auto", wait: float = WAIT) -> None:
    """Joins the other hosts; does nothing where there is one, or where this was decided before.

    Call it before anything touches a device. Where hosts are missing after `wait` seconds, the
    process names them and ends with the status `roll_call.STATUS`.

    Args:
        hosts: "auto" joins whoever JAX finds; "one" works alone, whatever stands around.
        wait: Seconds.

    Raises:
        HostsError: There is a cluster, but it does not say enough to join it.
    """
    global _decided
    if _decided or jax.distributed.is_initialized():
        return
    # It would take SIGTERM for itself; `stopping` and `agreement` answer Ctrl-C as well.
    jax.config.update("jax_enable_preemption_service", False)
    place = found(wait) if hosts == "auto" else None
    if place is not None and place.count > 1:
        _join(place, wait)
    _decided = True


def found(wait: float = WAIT) -> Place | None:
    """Returns where this process stands among others; None where there is no cluster.

    Args:
        wait: Seconds for the name of the first host to become known.

    Raises:
        HostsError: See `connect`.
    """
    if said := _said():
        return said
    try:
        address, count, index, _ = _detected(wait)
    except Exception as error:  # metadata servers, name servers, Kubernetes: each fails in its way
        raise HostsError(
            f"this looks like one of several hosts, but JAX cannot tell which: {error}; mend that, "
            f"or set {ADDRESS}, {COUNT} and {INDEX}, or give --hosts one to work on this host alone"
        ) from error
    if count is None or index is None or address is None:
        return None
    return Place(str(address), int(count), int(index))


def _detected(wait: float) -> tuple[Any, Any, Any, Any]:
    """What `jax.distributed.initialize()` finds out before it joins; no public name gives it."""
    from jax._src.clusters import ClusterEnv

    given = os.environ.get(ADDRESS)
    detect = ClusterEnv.auto_detect_unset_distributed_params
    return detect(given, None, None, None, None, int(wait))


def _said() -> Place | None:
    """What the environment says in JAX's own variables; None where they are not all there.

    Raises:
        HostsError: One of them is no number, or they contradict each other.
    """
    values = [os.environ.get(name, "") for name in (ADDRESS, COUNT, INDEX)]
    if not all(values):
        return None
    address, count, index = values
    if not (count.isdecimal() and index.isdecimal() and int(index) < int(count)):
        raise HostsError(
            f"{COUNT} is {count!r} and {INDEX} is {index!r}; give the number of processes, and for "
            "each of them its own number, from 0 to one less"
        )
    if not address.rpartition(":")[2].isdecimal():
        raise HostsError(f"{ADDRESS} is {address!r}; give the first host with a port, host:port")
    return Place(address, int(count), int(index))


def _join(place: Place, wait: float) -> None:
    """Joins, while a roll call listens to who is there."""
    given = place._asdict() if _said() else {}  # else JAX takes what it detects, devices included
    names = {"address": "coordinator_address", "count": "num_processes", "index": "process_id"}
    arguments = {names[name]: value for name, value in given.items()}
    with RollCall(place.address, place.count, place.index, wait):
        try:
            jax.distributed.initialize(**arguments, initialization_timeout=int(wait) + MARGIN)
        except (RuntimeError, ValueError) as error:
            raise HostsError(
                f"process {place.index} of {place.count} cannot join at {place.address}: {error}"
            ) from error
