"""Training steps of published configs on made-up batches: the step that `train` compiles."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from accelerated import models, their_training, torch_side
from accelerated.cases import Contenders, Script, draw_like
from accelerated.clock import time_contenders
from accelerated.counting import count_flops
from accelerated.machine import Peaks
from accelerated.measuring import compile_timed, flops_of_xla, judged, plan_of
from ovseg_jax.config import Config
from ovseg_jax.foundation import trees
from ovseg_jax.foundation.typing import Batch, Text
from ovseg_jax.loading import build
from ovseg_jax.loading.parameters import parameter_shapes
from ovseg_jax.training import sharding, state, step
from ovseg_jax.training.optimizer import make_optimizer


@dataclasses.dataclass(frozen=True)
class Setting:
    """A published experiment at one batch size.

    Attributes:
        name: Of the row.
        config: File below `configs/`.
        side: Of the square pictures in pixels.
        batch: Pictures per step.
        names: Of the training vocabulary.
        plain: Whether PyTorch takes the step of Mask-Adapter's warm-up too.
        urgency: As of `Case`.
        seconds: As of `Case`.
    """

    name: str
    config: str
    side: int
    batch: int
    names: int = 133
    plain: bool = False
    urgency: int = 1
    seconds: float = 60.0


ADAPTER, TUNED, EARLY = (
    ("Mask-Adapter warm-up", "mask_adapter/convnext_large_coco_warmup", 1024),
    ("MaskCLIP++ ConvNeXt-L", "maskclippp/convnext_large_coco", 1024),
    ("FISA", "fisa/vit_l_14_336", 1024),
)
SETTINGS = (
    Setting(*TUNED, 4, urgency=0),
    Setting(*EARLY, 4, urgency=0),
    Setting(*ADAPTER, 8, urgency=0),
    Setting(*ADAPTER, 4, plain=True, urgency=1, seconds=90.0),
    Setting(*TUNED, 8, urgency=2),
    Setting(*EARLY, 8, urgency=2),
    Setting(*ADAPTER, 16, urgency=3),
    Setting(*TUNED, 16, urgency=3),
    Setting(*EARLY, 16, urgency=3),
    Setting("MaskCLIP++ EVA02-L", "maskclippp/eva02_l_14_336_coco", 448, 4, urgency=3),
)
SMALL = (
    Setting("Mask-Adapter warm-up", "toy/mask_adapter", 96, 2, 48, plain=True),
    Setting("MaskCLIP++", "toy/maskclippp", 96, 2, 48),
)


def cases(dtype: Any, *, small: bool) -> Iterator[Script]:
    """Yields all of them."""
    for setting in SMALL if small else SETTINGS:
        yield Script(
            name=f"training/{setting.name}",
            shape=f"{setting.batch} x {setting.side}², {setting.names} names",
            run=functools.partial(measure, setting, dtype),
            urgency=setting.urgency,
            seconds=setting.seconds,
        )


def measure(setting: Setting, dtype: Any, peaks: Peaks) -> dict[str, Any]:
    """Compiles the step as `train` does and takes some."""
    config = models.config_of(setting.config, dtype)
    method, mesh = build.method(config.model), sharding.make_mesh(config.mesh)
    current, tx = _state(config, method, mesh)
    raw = step.make_step(method, build.mask_source(config.masks), tx, config.seed)
    batches, text = _inputs(setting, config, method, mesh)
    params = jax.tree.map(np.asarray, current.params) if setting.plain else None
    flops = count_flops(raw, current, batches[0], text)
    program, seconds = compile_timed_step(raw, current, batches[0], text)
    run = Run(program, current, batches, text)
    loss = float(run()["loss"])
    weights = sum(leaf.nbytes for leaf in jax.tree.leaves((current.trainable, current.frozen)))
    del current
    row: dict[str, Any] = {"not_compared": "PyTorch: no step of this method is written there"}
    calls: Contenders = {"ours": run}
    if params is not None:
        slots = config.model.method.num_truth
        calls |= their_training.contenders(params, batches, text, slots, dtype, loss, row)
    times = time_contenders(calls, repeats=3)
    torch_side.forget()
    memory = {"ours": plan_of(program)} | row.pop("memory", {})
    return (
        row
        | judged(times, flops, weights, peaks)
        | {
            "images_per_second": setting.batch / times["ours"]["ms"] * 1e3,
            "flops_of_xla": flops_of_xla(program),
            "compile_seconds": {"ours": seconds} | row.get("compile_seconds", {}),
            "memory": memory,
            "peak_of_process": (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use"),
            "metrics": {name: float(np.mean(value)) for name, value in run.metrics.items()},
        }
    )


class Run:
    """Takes a step with every call, on batches in turn.

    Attributes:
        metrics: Of the latest step.
    """

    def __init__(self, program: Any, current: Any, batches: list[Batch], text: Text):
        self._program, self._state, self._batches, self._text = program, current, batches, text
        self._turn, self.metrics = 0, {}

    def __call__(self) -> Any:
        """Returns what is to be waited for; the old state's memory is the new one's."""
        batch = self._batches[self._turn % len(self._batches)]
        self._turn += 1
        self._state, self.metrics = self._program(self._state, batch, self._text)
        return self.metrics


def compile_timed_step(raw: Any, current: Any, batch: Batch, text: Text) -> tuple[Any, float]:
    """Compiles as `train` does; the program and the seconds it took."""
    return compile_timed(lambda: _Lowered(raw, current, batch, text))


@dataclasses.dataclass
class _Lowered:
    raw: Any
    current: Any
    batch: Batch
    text: Text

    def compile(self) -> Any:
        return step.compile_step(self.raw, self.current, self.batch, self.text)


def _state(config: Config, method: Any, mesh: Any) -> tuple[state.TrainState, Any]:
    """The state of step 0 as `state.create` makes it, but drawn without compiling anything."""
    whole = sharding.replicated(mesh)
    params = jax.device_put(draw_like(parameter_shapes(method)), whole)
    trainable, frozen = trees.split(params, config.optimizer.trainable)
    tx = make_optimizer(config.optimizer, config.num_steps, trainable)
    optimizer = jax.device_put(jax.jit(tx.init)(trainable), whole)
    first = jax.device_put(jnp.zeros((), jnp.int32), whole)
    new = state.TrainState(step=first, trainable=trainable, frozen=frozen, optimizer=optimizer)
    return new, tx


def _inputs(setting: Setting, config: Config, method: Any, mesh: Any) -> tuple[list[Batch], Text]:
    size = (setting.side, setting.side)
    place = sharding.batch_sharding(mesh)
    labelled = min(models.SEGMENTS, config.model.method.num_truth)
    drawn = (
        models.draw_batch(size, setting.batch, labelled, setting.names, seed) for seed in (0, 1)
    )
    batches = [jax.device_put(batch, place) for batch in drawn]
    text = models.draw_text(config.model, method, setting.names)
    return batches, jax.device_put(text, sharding.replicated(mesh))
