"""Learning-rate schedules and AdamW for the trainable part of the parameters."""

from __future__ import annotations

from typing import Any

import optax

from ovseg_jax import trees
from ovseg_jax.config import OptimizerConfig


def make_schedule(config: OptimizerConfig, num_steps: int) -> optax.Schedule:
    """Returns step -> learning rate: linear warm-up, then the configured shape.

    "poly" is detectron2's `WarmupPolyLR` with power 0.9; "step" divides by ten at each milestone.
    """
    after = max(num_steps - config.warmup_steps, 1)
    main = {
        "constant": lambda: optax.constant_schedule(config.peak_lr),
        "cosine": lambda: optax.cosine_decay_schedule(config.peak_lr, after),
        "poly": lambda: optax.polynomial_schedule(config.peak_lr, 0.0, 0.9, after),
        "step": lambda: optax.piecewise_constant_schedule(
            config.peak_lr, {m - config.warmup_steps: 0.1 for m in config.milestones}
        ),
    }[config.schedule]()
    if not config.warmup_steps:
        return main
    warmup = optax.linear_schedule(0.0, config.peak_lr, config.warmup_steps)
    return optax.join_schedules([warmup, main], [config.warmup_steps])


def make_optimizer(
    config: OptimizerConfig, num_steps: int, trainable: dict[str, Any]
) -> optax.GradientTransformation:
    """Builds AdamW with the gradient clipped by its global norm.

    Args:
        config: Rates and patterns.
        num_steps: Length of the schedule.
        trainable: The parameters it will update; weight decay is decided by their paths.
    """
    decayed = trees.unflatten(
        {path: not trees.first_match(path, config.no_decay) for path in trees.flatten(trainable)}
    )
    return optax.chain(
        optax.clip_by_global_norm(config.clip_norm),
        optax.adamw(
            make_schedule(config, num_steps),
            b1=config.beta1,
            b2=config.beta2,
            weight_decay=config.weight_decay,
            mask=decayed,
        ),
    )
