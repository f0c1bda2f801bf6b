"""A training run small enough to repeat: the toy adapter on a dozen toy scenes."""

import dataclasses
from pathlib import Path

import pytest

from ovseg_jax.cli.experiment import load_config
from ovseg_jax.config import CheckpointConfig


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """Where the tiny toy world is prepared once for all tests."""
    return str(tmp_path_factory.mktemp("prepared"))


@pytest.fixture(scope="session")
def tiny_config(prepared):
    """A whole experiment: adapter from scratch, 20 steps, a checkpoint every 4."""
    config = load_config(Path("configs/toy/mask_adapter.py"))
    data = dataclasses.replace(config.data, config="tiny", prepared=prepared, batch_size=8)
    return dataclasses.replace(
        config,
        data=data,
        init_from="",
        evaluations=(),
        num_steps=20,
        log_every=5,
        checkpoint=CheckpointConfig(every_steps=4, keep=2),
    )
