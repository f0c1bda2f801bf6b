"""A training run small enough to repeat."""

import dataclasses
from pathlib import Path

import pytest

from ovseg_jax.cli.experiment import load_config

TINY = Path(__file__).parent / "tiny.py"


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """Where the tiny toy world is prepared once for all tests."""
    return str(tmp_path_factory.mktemp("prepared"))


@pytest.fixture(scope="session")
def tiny_config(prepared):
    """A whole experiment without evaluations: see tiny.py."""
    config = load_config(TINY)
    data = dataclasses.replace(config.data, prepared=prepared)
    return dataclasses.replace(config, data=data, evaluations=())
