"""All hosts of a cluster end behind the same step, whichever of them was asked to stop."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from ovseg_jax.training.delayed import Delayed
from ovseg_jax.training.sharding import batch_sharding, replicated
from ovseg_jax.training.stopping import StopRequest


class Agreement:
    """Asks behind every step whether to stop.

    One process looks at its own request, which costs nothing. Several add up their wishes on the
    devices and read the sum `delayed.LAG` steps later, all of them the same one, so that no host
    waits in a collective for another that has left.
    """

    def __init__(self, stop: StopRequest, mesh: Mesh):
        """Prepares the sum over the devices of `mesh`."""
        self._stop, self._delayed = stop, Delayed()
        self._sharding = batch_sharding(mesh)
        self._sum = jax.jit(jnp.sum, out_shardings=replicated(mesh))

    def reached(self, number: int) -> bool:
        """Whether to save and end behind step `number`; call it behind every step."""
        if jax.process_count() == 1:
            return self._stop.requested
        wishes = np.full(jax.local_device_count(), self._stop.requested, np.int32)
        shared = jax.make_array_from_process_local_data(self._sharding, wishes)
        return any([total > 0 for _, total in self._delayed.put(number, self._sum(shared))])
