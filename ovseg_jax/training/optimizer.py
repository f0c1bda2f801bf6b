"""Learning-rate schedules and update rules for the trainable part of the parameters."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import optax
from jaxtyping import Float

from ovseg_jax.config import LrFactor, OptimizerConfig
from ovseg_jax.disk.configs_io import ConfigError
from ovseg_jax.foundation import trees

ADAMS_SIZE = 0.2
"""Root mean square of AdamW's usual updates, over the learning rate."""


def make_schedule(config: OptimizerConfig, num_steps: int) -> optax.Schedule:
    """Returns step -> learning rate: linear warm-up, then the configured shape.

    "poly" is detectron2's `WarmupPolyLR` with power 0.9; "step" divides by ten at each milestone.
    """
    after = max(num_steps - config.warmup_steps, 1)
    main = {
        "constant": lambda: optax.constant_schedule(config.peak_lr),
        "cosine": lambda: optax.cosine_decay_schedule(
            config.peak_lr, after, config.end_lr / config.peak_lr
        ),
        "poly": lambda: optax.polynomial_schedule(config.peak_lr, 0.0, 0.9, after),
        "step": lambda: optax.piecewise_constant_schedule(
            config.peak_lr, {m - config.warmup_steps: 0.1 for m in config.milestones}
        ),
    }[config.schedule]()
    if not config.warmup_steps:
        return main
    warmup = optax.linear_schedule(0.0, config.peak_lr, config.warmup_steps)
    return optax.join_schedules([warmup, main], [config.warmup_steps])


def learning_rates(config: OptimizerConfig, num_steps: int) -> Float[np.ndarray, " n"]:
    """Returns the learning rate of every step, to look at; the first step's comes first."""
    counts = np.arange(num_steps, dtype=np.int32)
    rates = jax.vmap(make_schedule(config, num_steps))(counts)
    return np.asarray(rates)


def make_optimizer(
    config: OptimizerConfig, num_steps: int, trainable: dict[str, Any]
) -> optax.GradientTransformation:
    """Builds the update rule, with the gradient clipped by its global norm.

    Args:
        config: Rates and patterns.
        num_steps: Length of the schedule.
        trainable: The parameters it will update; weight decay is decided by their paths.
    """
    factors = [scale_updates(config.lr_factors, trainable)] if config.lr_factors else []
    return optax.chain(
        optax.clip_by_global_norm(config.clip_norm),
        _rules(config, make_schedule(config, num_steps), trainable),
        *factors,
    )


def _rules(
    config: OptimizerConfig, rate: optax.Schedule, trainable: dict[str, Any]
) -> optax.GradientTransformation:
    """Updates every parameter by the rule that it falls under.

    Of Jordan's Muon, updates have the size that Liu et al. give them (arXiv 2502.16982). It takes
    the kernels of dense layers; tables, of tokens, queries or positions, are looked up or added
    and multiply nothing.
    """
    leaves = trees.flatten(trainable)
    decayed = {path: not trees.first_match(path, config.no_decay) for path in leaves}

    def adamw(weight_decay: float, mask: Any = None) -> optax.GradientTransformation:
        return optax.adamw(
            rate, config.beta1, config.beta2, config.eps, weight_decay=weight_decay, mask=mask
        )

    if config.rule == "adamw":
        return adamw(config.weight_decay, trees.unflatten(decayed))
    labels = {
        path: ("matrix" if _multiplies(path, leaf) else "decayed") if decayed[path] else "other"
        for path, leaf in leaves.items()
    }
    rules: dict[Any, optax.GradientTransformation] = {
        "matrix": optax.contrib.muon(
            rate, weight_decay=config.weight_decay, consistent_rms=ADAMS_SIZE
        ),
        "decayed": adamw(config.weight_decay),
        "other": adamw(0.0),
    }
    return optax.partition(rules, trees.unflatten(labels))


def _multiplies(path: str, leaf: Any) -> bool:
    """Whether a parameter is the matrix of a dense layer."""
    return path.rsplit("/", maxsplit=1)[-1] == "kernel" and leaf.ndim == 2


def scale_updates(
    factors: tuple[LrFactor, ...], trainable: dict[str, Any]
) -> optax.GradientTransformation:
    """Multiplies finished updates, weight decay included, as a learning rate per group does.

    Args:
        factors: Patterns of paths; the first that matches counts, others are left alone.
        trainable: The parameters that will be updated.

    Raises:
        ConfigError: A pattern matches nothing.
    """
    patterns = tuple(item.pattern for item in factors)
    paths = trees.flatten(trainable)
    found = {path: trees.first_match(path, patterns) for path in paths}
    if unused := [item for item in patterns if item not in found.values()]:
        raise ConfigError(f"optimizer.lr_factors: no trainable parameter matches {unused}")
    rates = {item.pattern: item.factor for item in reversed(factors)}
    scales = trees.unflatten(
        {path: 1.0 if match is None else rates[match] for path, match in found.items()}
    )
    return optax.stateless(
        lambda updates, _: jax.tree.map(lambda update, scale: update * scale, updates, scales)
    )
