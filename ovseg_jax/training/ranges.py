"""Values that no experiment can run with, by field: known before anything is compiled."""

from __future__ import annotations

import dataclasses
import math
import operator
import re
from collections.abc import Callable, Iterator
from typing import Any

from ovseg_jax.config import Config, DataConfig, EvaluationConfig, OptimizerConfig

Range = tuple[Callable[[float], bool], str]
"""Whether a number lies inside, which NaN never does, and what a message asks for."""

ABOVE_ZERO: Range = (lambda number: number > 0, "a number above 0")
FINITE: Range = (lambda number: 0 < number < math.inf, "a finite number above 0")
FROM_ZERO: Range = (lambda number: 0 <= number < math.inf, "0 or more, and finite")
BELOW_ONE: Range = (lambda number: 0 <= number < 1, "0 or more, below 1")
SHARE: Range = (lambda number: 0 < number <= 1, "a share above 0, at most 1")
GREY: Range = (lambda number: -1 <= number <= 255, "0 to 255, or -1 for the mean colour")
SEED: Range = (lambda number: 0 <= number < 2**32, "a number from 0 to 4294967295")

TRAINING = {
    "num_steps": FROM_ZERO,
    "seed": SEED,
    "log_every": ABOVE_ZERO,
    "checkpoint.every_steps": ABOVE_ZERO,
    "checkpoint.every_minutes": FROM_ZERO,
    "checkpoint.keep": ABOVE_ZERO,
    "checkpoint.keep_every": FROM_ZERO,
    "checkpoint.keep_best": ABOVE_ZERO,
    "step.accumulate": ABOVE_ZERO,
    "step.watchdog_seconds": FROM_ZERO,
    "optimizer.peak_lr": FINITE,
    "optimizer.end_lr": FROM_ZERO,
    "optimizer.warmup_steps": FROM_ZERO,
    "optimizer.clip_norm": ABOVE_ZERO,
    "optimizer.eps": FROM_ZERO,
    "optimizer.weight_decay": FROM_ZERO,
    "optimizer.beta1": BELOW_ONE,
    "optimizer.beta2": BELOW_ONE,
}
DATA = {
    "data.batch_size": ABOVE_ZERO,
    "data.max_segments": ABOVE_ZERO,
    "data.image_size": ABOVE_ZERO,
    "data.scale": FINITE,
    "data.min_area": BELOW_ONE,
    "data.fraction": SHARE,
    "data.pad_value": GREY,
    "data.max_unreadable": FROM_ZERO,
    "data.workers": FROM_ZERO,
}
EVALUATION = DATA | {"every_steps": FROM_ZERO, "max_images": FROM_ZERO}
PATTERNS = ("optimizer.trainable", "optimizer.no_decay", "init_missing")
NONE_OF_THEM = ("encoder_layers", "adapter_layers", "num_points", "clip_size", "rank")
"""Numbers of a model that may be 0, though they are above it by default."""


def refusals(section: Config | EvaluationConfig) -> Iterator[str]:
    """Says of every value that is out of range what it is and what to give."""
    whole = isinstance(section, Config)
    for field, allowed in (TRAINING | DATA if whole else EVALUATION).items():
        yield from _refusal(field, operator.attrgetter(field)(section), allowed)
    yield from _of_data(section.data)
    if isinstance(section, Config):
        yield from _of_factors(section.optimizer)
        yield from _of_model(section.model, "model")
        yield from _of_patterns(section)


def has_no_model(config: Config) -> bool:
    """Whether sizes are out of range, or patterns none, so that nothing can be made of them."""
    return any(_of_model(config.model, "model")) or any(_of_patterns(config))


def _refusal(field: str, value: Any, allowed: Range) -> Iterator[str]:
    inside, wanted = allowed
    numbers = value if isinstance(value, tuple) else (value,)
    if not all(map(inside, numbers)):
        yield f"{field} is {' x '.join(map(str, numbers))}; give {wanted}"


def _of_data(data: DataConfig) -> Iterator[str]:
    low, high = data.scale
    if low > high:
        yield f"data.scale goes from {low:g} to {high:g}; give the smaller one first"
    for number, item in enumerate(data.mixed_with):
        yield from _refusal(f"data.mixed_with.{number}.fraction", item.fraction, SHARE)


def _of_factors(optimizer: OptimizerConfig) -> Iterator[str]:
    for number, item in enumerate(optimizer.lr_factors):
        yield from _refusal(f"optimizer.lr_factors.{number}.factor", item.factor, FROM_ZERO)


def _of_model(section: Any, where: str) -> Iterator[str]:
    """Sizes and counts are above 0 where they are by default; all else is from 0."""
    for field in dataclasses.fields(section):
        value, place = getattr(section, field.name), f"{where}.{field.name}"
        if dataclasses.is_dataclass(value):
            yield from _of_model(value, place)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            positive = isinstance(value, int) and field.default and field.name not in NONE_OF_THEM
            yield from _refusal(place, value, ABOVE_ZERO if positive else FROM_ZERO)


def _of_patterns(config: Config) -> Iterator[str]:
    """Regular expressions that are none."""
    given = [(field, item) for field in PATTERNS for item in operator.attrgetter(field)(config)]
    factors = enumerate(config.optimizer.lr_factors)
    given += [(f"optimizer.lr_factors.{number}.pattern", item.pattern) for number, item in factors]
    given += [("init_parts", pattern) for pattern, _ in config.init_parts]
    for field, pattern in given:
        try:
            re.compile(pattern)
        except re.error as error:
            yield f"{field} has {pattern!r}, which is no regular expression: {error}"
