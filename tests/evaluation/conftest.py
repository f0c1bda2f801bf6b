"""An evaluation that several files of tests run."""

import dataclasses
from pathlib import Path

import pytest

from ovseg_jax.cli.experiment import load_config
from ovseg_jax.evaluation.suite import Suite
from ovseg_jax.loading import build
from ovseg_jax.loading.weights import load_weights


@pytest.fixture(scope="session")
def scenes(tmp_path_factory):
    """Makes evaluations of six drawn scenes one by one; and parameters for them."""
    model, params = load_weights("ovseg_jax/assets/toy/mask_adapter")
    (item,) = load_config(Path("configs/toy/mask_adapter.py")).evaluations
    place = str(tmp_path_factory.mktemp("prepared"))
    data = dataclasses.replace(item.data, config="tiny", prepared=place, batch_size=1)
    item = dataclasses.replace(item, data=data, metrics=("mask_accuracy", "semantic", "panoptic"))

    def make(**changes):
        return Suite(dataclasses.replace(item, **changes), model, build.method(model))

    return make, params
