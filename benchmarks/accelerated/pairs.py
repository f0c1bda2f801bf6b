"""Methods at ViT-B/16 against the plain formulation that the originals run, in PyTorch.

Ours and theirs have the same random weights (`method_pairs.py`, `method_references.py`). PyTorch
computes in bfloat16 on an accelerator: weights are cast beforehand, what must be exact stays
float32 under autocast.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from accelerated import torch_side
from accelerated.cases import DISTINCT_INPUTS, Script
from accelerated.clock import time_contenders
from accelerated.machine import Peaks
from accelerated.measuring import described, distance

AGREE = {"float32": 1e-3, "bfloat16": 1e-1}
"""Largest distance of logits, relative to the largest."""
NAMES = ("OVSeg crops", "MaskCLIP++", "FISA")


def cases(dtype: Any, *, small: bool) -> Iterator[Script]:
    """Yields one per method."""
    masks, side = (8, 224) if small else (100, 0)
    for name in NAMES[1:2] if small else NAMES:
        yield Script(
            name=f"methods/{name}, ViT-B/16",
            shape=f"{masks} masks given, {side or 'usual'} pixels",
            run=functools.partial(measure, name, masks, side, dtype),
            urgency=2,
        )


def measure(name: str, masks: int, side: int, dtype: Any, peaks: Peaks) -> dict[str, Any]:
    """Compares both sides' logits, then times them.

    Raises:
        ImportError: PyTorch is missing, without which there is no pair.
    """
    del peaks
    if reason := torch_side.missing():
        raise ImportError(reason)
    pair = Pair(name, masks, side, dtype)
    calls: dict[str, Callable[[], Any]] = {"ours": pair.ours, "other words": pair.other_words}
    row: dict[str, Any] = {"errors": {}, "error": {}, "compile_seconds": {}}
    found = torch_side.to_numpy(pair.ours())
    pair.other_words()
    for contender, call in pair.theirs().items():
        start = time.perf_counter()
        try:
            wanted = torch_side.to_numpy(call())
        except Exception as error:  # the other contender may work
            row["errors"][contender] = described(error)
            continue
        row["compile_seconds"][contender] = time.perf_counter() - start
        row["error"][contender] = distance(found, wanted)
        row.setdefault("disagrees", False)
        row["disagrees"] |= not row["error"][contender] <= AGREE[jnp.dtype(dtype).name]
        calls[contender] = call
    times = time_contenders(calls, waits=True)
    torch_side.forget()
    best = min(run["ms"] for each, run in times.items() if each.startswith("torch"))
    return row | {"times": times, "ratio": times["ours"]["ms"] / best}


class Pair:
    """Both sides of one method, and a photo with masks and words."""

    def __init__(self, name: str, masks: int, side: int, dtype: Any):
        import method_pairs

        settings = method_pairs.settings(jnp.dtype(dtype).name)
        setting = next(s for s in settings if s.name == name)
        self._setting = dataclasses.replace(setting, masks=masks, side=side or setting.side)
        self._params = method_pairs.draw_params(setting.method)
        self._ours = method_pairs.Ours(setting.method, self._params, self._setting.side)
        width, rng = setting.method.towers.embedding_dim, np.random.default_rng(2)
        shape = (self._setting.side, self._setting.side, 3)
        self._image = rng.integers(0, 256, shape, np.uint8)
        self._masks = method_pairs.draw_masks(masks, self._setting.side, 0)
        self._rows = [
            method_pairs.draw_rows(setting.templates, width, seed)
            for seed in range(DISTINCT_INPUTS)
        ]
        self._texts = [method_pairs.text_of(rows) for rows in self._rows]
        self._turn = itertools.cycle(self._texts)
        self._kept: tuple = ()
        self._dtype = dtype

    def ours(self) -> jax.Array:
        """Goes from pixels to logits."""
        masks = jnp.asarray(self._masks)
        features = self._ours.encode(jnp.asarray(self._image))
        regions = self._ours.embed(features, masks)
        self._kept = features, masks, regions
        return self._ours.score(features, masks, self._texts[0], regions)

    def other_words(self) -> jax.Array:
        """Scores the same masks by other words."""
        features, masks, regions = self._kept
        return self._ours.score(features, masks, next(self._turn), regions)

    def theirs(self) -> dict[str, Callable[[], Any]]:
        """Returns the plain formulation, from pixels on the host; eager and compiled."""
        import method_references
        import torch

        place, half = torch_side.device(), self._dtype == jnp.bfloat16
        method_references.MEAN = method_references.MEAN.to(place)
        method_references.STD = method_references.STD.to(place)
        weights = method_references.to_tensors(jax.tree.map(np.asarray, self._params))
        weights = _placed(weights, place, torch.bfloat16 if half else torch.float32)
        rows = self._rows[0] if self._setting.templates > 1 else self._rows[0][:, 0]
        host = [torch.from_numpy(x) for x in (self._image, self._masks, rows)]

        def run(function: Callable[..., Any]) -> Callable[[], Any]:
            def call() -> Any:
                # What the formulation creates, such as biases, is created where it computes.
                autocast = torch.autocast(place, torch.bfloat16, enabled=half)
                with torch.inference_mode(), torch.device(place), autocast:
                    return function(weights, *(x.to(place) for x in host))

            return call

        calls = {"torch eager": run(self._setting.theirs)}
        if place == "cuda":
            calls["torch compiled"] = run(torch.compile(self._setting.theirs))
        return calls


def _placed(weights: Any, place: str, dtype: Any) -> Any:
    if isinstance(weights, dict):
        return {name: _placed(value, place, dtype) for name, value in weights.items()}
    return weights.to(place, dtype)
