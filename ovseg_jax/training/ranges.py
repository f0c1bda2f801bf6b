"""Numbers that no experiment can run with, by field: known before anything is compiled."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator

from ovseg_jax.config import Config, EvaluationConfig

Range = tuple[Callable[[float], bool], str]
"""Whether a number lies inside, which NaN never does, and what a message asks for."""

ABOVE_ZERO: Range = (lambda number: number > 0, "a number above 0")
FROM_ZERO: Range = (lambda number: 0 <= number < math.inf, "0 or more")
RATE: Range = (lambda number: 0 < number < math.inf, "a number above 0")
BELOW_ONE: Range = (lambda number: 0 <= number < 1, "0 or more, below 1")

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
    "optimizer.peak_lr": RATE,
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
    "data.min_area": BELOW_ONE,
    "data.max_unreadable": FROM_ZERO,
    "data.workers": FROM_ZERO,
}
EVALUATION = DATA | {"every_steps": FROM_ZERO, "max_images": FROM_ZERO}


def refusals(section: Config | EvaluationConfig) -> Iterator[str]:
    """Says of every number that is out of range what it is and what to give."""
    ranges = TRAINING | DATA if isinstance(section, Config) else EVALUATION
    for field, (inside, wanted) in ranges.items():
        value = operator.attrgetter(field)(section)
        numbers = value if isinstance(value, tuple) else (value,)
        if not all(map(inside, numbers)):
            yield f"{field} is {' x '.join(map(str, numbers))}; give {wanted}"
