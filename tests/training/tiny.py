"""The smallest experiment that trains: a small adapter from scratch on a dozen toy scenes.

Twenty steps on true masks, a checkpoint every four. Without a mask generator, whose parameters
take longer to initialise than all the rest together.
"""

import dataclasses

from configs.toy import mask_adapter
from ovseg_jax.config import CheckpointConfig, Config, NoGeneratorConfig


def get_config() -> Config:
    """The toy's adapter, smaller."""
    toy = mask_adapter.get_config()
    method = dataclasses.replace(toy.model.method, num_blocks=1)
    model = dataclasses.replace(toy.model, method=method, generator=NoGeneratorConfig())
    (evaluation,) = toy.evaluations
    scenes = dataclasses.replace(evaluation.data, config="tiny", batch_size=8)
    return dataclasses.replace(
        toy,
        model=model,
        data=dataclasses.replace(toy.data, config="tiny", batch_size=8),
        evaluations=(dataclasses.replace(evaluation, data=scenes),),
        init_from="",
        num_steps=20,
        log_every=5,
        checkpoint=CheckpointConfig(every_steps=4, keep=2),
    )
