"""The loss of answers that are matched with the truth, as a method's settings say."""

from __future__ import annotations

import dataclasses
from typing import Any

from ovseg_jax.config.methods.shared import PairLossConfig, SetLossConfig
from ovseg_jax.losses.set_criterion import SetCriterion


def criterion_of(config: PairLossConfig, **others: Any) -> SetCriterion:
    """Returns the criterion with a method's weights.

    Args:
        config: The method's settings; what they leave open is as in `SetLossConfig`.
        others: Fields that the method decides itself.
    """
    defaults = dataclasses.asdict(SetLossConfig())
    known = {name: getattr(config, name, value) for name, value in defaults.items()}
    return SetCriterion(**known | others)
