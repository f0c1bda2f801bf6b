"""Whole methods at published sizes: one photo from pixels to scores, and other words on it.

The steps are those of inference (`ovseg_jax.inference.engine`), each a program of its own: encode
the photo, make masks by the model's generator where it has one, embed them, compare them with
words. What a step gives stays on the device. Resizing the photo and painting the answer are the
host's work and not part of it.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from accelerated import models
from accelerated.cases import Script
from accelerated.clock import time_contenders
from accelerated.counting import flops_of_trace
from accelerated.machine import Peaks
from accelerated.measuring import compile_together, judged, plan_of
from ovseg_jax.foundation.typing import Batch, Proposals, Text
from ovseg_jax.inference import answering
from ovseg_jax.ops.compiler import compiler_options


@dataclasses.dataclass(frozen=True)
class Setting:
    """A published model and what it is shown.

    Attributes:
        name: Of the row.
        config: File below `configs/`.
        size: Of the frame in pixels, as a photo of 640 x 480 gives it at the test size.
        masks: Given masks; 0 where the model makes its own.
        urgency: As of `Case`.
        seconds: As of `Case`.
    """

    name: str
    config: str
    size: tuple[int, int]
    masks: int = 0
    urgency: int = 1
    seconds: float = 45.0


SETTINGS = (
    Setting("MaskCLIP++ ConvNeXt-L", "maskclippp/convnext_large_coco", (640, 864), 100, urgency=0),
    Setting("OVSeg", "ovseg/swin_base_vit_l_14", (640, 864), urgency=0),
    Setting("FISA", "fisa/vit_l_14_336", (800, 1088), urgency=0),
    Setting("Mask-Adapter", "mask_adapter/convnext_large_coco_mixed", (896, 896), urgency=1),
    Setting("MaskCLIP++ EVA02-L", "maskclippp/eva02_l_14_336_coco", (392, 532), 100, urgency=2),
)
SMALL = (
    Setting("FC-CLIP", "toy/generator", (96, 96)),
    Setting("MaskCLIP++", "toy/maskclippp", (96, 96), 12),
)
NAMES = 150
"""Words that a photo meets: those of ADE20K."""


def cases(dtype: Any, *, small: bool) -> Iterator[Script]:
    """Yields all of them."""
    for setting in SMALL if small else SETTINGS:
        masks = f"{setting.masks} masks given" if setting.masks else "own masks"
        yield Script(
            name=f"methods/{setting.name}",
            shape=f"{setting.size[0]} x {setting.size[1]}, {masks}, {NAMES} words",
            run=functools.partial(measure, setting, dtype),
            urgency=setting.urgency,
            seconds=setting.seconds,
        )


def measure(setting: Setting, dtype: Any, peaks: Peaks) -> dict[str, Any]:
    """Compiles all steps and times them, together and apart."""
    photo = Photo(setting, dtype)
    photo.compile()
    scores = photo.answer()
    if not np.isfinite(scores[..., :-1]).all():
        raise ArithmeticError("scores are not finite")
    calls = {"ours": photo.answer, "other words": photo.other_words, **photo.steps()}
    for call in calls.values():
        call()
    times = time_contenders(calls, waits=True)
    weights = sum(leaf.nbytes for leaf in jax.tree.leaves(photo.params))
    steps = photo.programs.values()
    return judged(times, photo.flops, weights, peaks) | {
        "images_per_second": 1e3 / times["ours"]["ms"],
        "memory": {"ours": {"peak": max(plan_of(step).get("peak", 0) for step in steps)}},
        "temporaries": {name: plan_of(step) for name, step in photo.programs.items()},
        "compile_seconds": photo.seconds,
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(photo.params)),
        "not_compared": "PyTorch: the pairs at ViT-B/16 stand for it",
    }


class Photo:
    """A model, a photo, its masks and words; every step compiled for their shapes.

    Attributes:
        params: The model's.
        programs: Compiled steps by name.
        seconds: That each took to compile, beside the others.
        flops: Of all steps together.
    """

    def __init__(self, setting: Setting, dtype: Any):
        config = models.config_of(setting.config, dtype).model
        self.method, self.params = models.build_model(config)
        self.ensemble = config.inference.ensemble
        rng = np.random.default_rng(0)
        self.frame = rng.integers(0, 256, (1, *setting.size, 3), np.uint8)
        self.sizes = jnp.asarray([setting.size], jnp.int32)
        self.words = [models.draw_text(config, self.method, NAMES, seed) for seed in (0, 1)]
        self.given = None
        if setting.masks:
            slots = 1 << (setting.masks - 1).bit_length()  # as many as inference compiles for
            self.given = models.draw_masks(setting.masks, setting.size, slots)
        self.programs: dict[str, Any] = {}
        self.traces = None

    def compile(self) -> None:
        """Traces all steps, each on the shapes that come out of those before, and compiles them.

        Raises:
            Exception: What the compiler raised for one of them.
        """
        self.traces: dict[str, Any] | None = {}
        self.answer()
        traces, self.traces = self.traces, None
        self.flops = sum(flops_of_trace(trace.jaxpr) for trace in traces.values())
        self.programs, self.seconds, errors = compile_together(traces)
        for error in errors.values():
            raise error

    def answer(self) -> np.ndarray:
        """Goes from pixels on the host to scores on the host."""
        self.batch = Batch(images=jnp.asarray(self.frame), sizes=self.sizes)
        self.features = self._step("encode", answering.encode, self.batch)
        if self.given is None:
            self.made = self._step("make masks", answering.make_masks, self.batch, self.features)
        return self._read(self.words[0], fresh=True)

    def other_words(self) -> np.ndarray:
        """Asks the same photo and masks for other words."""
        return self._read(self.words[1], fresh=False)

    def steps(self) -> dict[str, Callable[[], Any]]:
        """Returns the steps before words on their own, on what came before."""
        found = {"encode": lambda: self._step("encode", answering.encode, self.batch)}
        if self.given is None:
            found["make masks"] = lambda: self._step(
                "make masks", answering.make_masks, self.batch, self.features
            )
        if self.method.embeds_first:
            found["embed"] = self._embed
        return found

    def _embed(self) -> Any:
        bare = Proposals(masks=self.proposals.masks, valid=self.proposals.valid)
        return self._step("embed", answering.embed, self.features, bare)

    def _read(self, text: Text, *, fresh: bool) -> np.ndarray:
        """Names masks by words; embeds them first where that has not been done."""
        self.proposals = self.given
        if self.given is None:
            self.proposals = self._step(
                "name masks", answering.name_masks, self.features, self.made, text
            )
        if fresh:
            self.regions = self._embed() if self.method.embeds_first else None
        found = self._step(
            "answer", self._answer, self.features, self.proposals, text, self.regions
        )
        return found if self.traces is not None else np.asarray(found)

    def _answer(self, method: Any, params: Any, *inputs: Any) -> jax.Array:
        features, proposals, text, regions = inputs
        found = answering.answer(method, params, features, proposals, text, self.ensemble, regions)
        return found.log_probs

    def _step(self, name: str, function: Callable[..., Any], *inputs: Any) -> Any:
        """Runs a step; only traces it while `compile` walks through them."""
        if self.traces is None:
            return self.programs[name](self.params, *inputs)
        step = functools.partial(function, self.method)
        jitted = jax.jit(step, compiler_options=compiler_options())
        self.traces[name] = jitted.trace(self.params, *inputs)
        return self.traces[name].out_info
