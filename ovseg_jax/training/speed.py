"""Numbers on how fast a run goes, between one line of its log and the next."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax

from ovseg_jax.foundation.devices import PEAK_TFLOPS
from ovseg_jax.training.delayed import LAG
from ovseg_jax.training.goodput import Goodput


class Work(NamedTuple):
    """What a step has to do.

    Attributes:
        images: Of one step, over all hosts.
        flops: Operations of one step, see `training.flops`.
        devices: That share them.
        peak: TFLOP/s of one device in bfloat16; None where it is not known.
    """

    images: int
    flops: float
    devices: int
    peak: float | None


def work_of(images: int, flops: float) -> Work:
    """Returns what a step of this process's devices has to do."""
    devices: list[Any] = jax.devices()
    return Work(images, flops, len(devices), PEAK_TFLOPS.get(devices[0].device_kind))


class Speed:
    """Measures steps; saving, scoring and compiling in between do not count."""

    def __init__(self, goodput: Goodput):
        """Reads times off the run's clock."""
        self._goodput, self.work = goodput, Work(0, 0.0, 1, None)
        self._mark = (0, 0.0, 0.0)

    def since_last(self) -> dict[str, float]:
        """Returns the numbers of the steps since the last call; none where there were none.

        The latest `delayed.LAG` may still be under way on the device: they count the next time.
        """
        steps, waited = max(self._goodput.steps - LAG, 0), self._goodput.seconds("input")
        worked = self._goodput.seconds("step")
        count = steps - self._mark[0]
        waited_now, worked_now = waited - self._mark[2], worked - self._mark[1]
        total = waited_now + worked_now
        if not count or total <= 0:
            return {}
        self._mark = (steps, worked, waited)
        return self._numbers(total / count, waited_now / total)

    def _numbers(self, seconds: float, waited: float) -> dict[str, float]:
        found = {"seconds_per_step": seconds}
        if self.work.images:
            found["images_per_second"] = self.work.images / seconds
        found["input_wait"] = waited
        if self.work.flops:
            reached = self.work.flops / self.work.devices / seconds / 1e12
            found["tflops_per_device"] = reached
            if self.work.peak:
                found["mfu"] = reached / self.work.peak
        return found
