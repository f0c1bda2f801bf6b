"""Named variants, evaluations and arms of claims: each fits its model, no two are the same."""

import functools
from pathlib import Path

import pytest
from slow_cases import slow
from test_configs import ROOT, step_in_shapes

from benchmarks.claim_arms import ARMS
from benchmarks.claims import CLAIMS
from configs.mask_adapter import evaluations as mask_adapter_evaluations
from configs.maskclippp import ablations as maskclippp
from configs.maskclippp import evaluations as maskclippp_evaluations
from configs.ovseg import ablations as ovseg
from ovseg_jax.cli.experiment import load_config
from ovseg_jax.config import Config
from ovseg_jax.disk import configs_io
from ovseg_jax.foundation import trees
from ovseg_jax.loading import build
from ovseg_jax.loading.parameters import parameter_shapes, trainable_groups

TABLES = {
    "maskclippp/ablations": maskclippp,
    "maskclippp/evaluations": maskclippp_evaluations,
    "mask_adapter/evaluations": mask_adapter_evaluations,
    "ovseg/ablations": ovseg,
}
VARIANTS = [(system, name) for system, table in TABLES.items() for name in table.VARIANTS]
QUICK = (
    *(("maskclippp/ablations", name) for name in ("untuned", "dense_values")),
    ("ovseg/ablations", "mpt"),
)


def marked(variant):
    """Shapes of large models take seconds: those of most variants are traced by the slow tests."""
    return variant if variant in QUICK else slow(*variant)


@functools.cache
def shapes_of(model):
    """Shapes of a model's parameters, which many variants share."""
    return parameter_shapes(build.method(model))


@functools.cache
def config_of(system, name):
    return load_config(Path(f"{ROOT}/configs/{system}.py:{name}"))


@pytest.mark.parametrize(("system", "name"), VARIANTS)
def test_a_variant_survives_its_file_and_only_new_parts_may_be_missing(system, name):
    config = config_of(system, name)
    assert configs_io.from_dict(Config, configs_io.to_dict(config)) == config
    for pattern in config.init_missing:
        assert not pattern.startswith(("clip", "generator"))


@pytest.mark.parametrize(("system", "name"), map(marked, VARIANTS))
def test_what_trains_exists(system, name):
    patterns_fit(config_of(system, name))


@pytest.mark.parametrize("name", ARMS)
def test_what_trains_in_an_arm_of_a_claim_exists(name):
    patterns_fit(ARMS[name].config())


def test_every_arm_belongs_to_a_claim():
    assert {name for claim in CLAIMS for name in (claim.better, claim.worse)} == set(ARMS)


def patterns_fit(config):
    """Whatever trains, trains slowly or is born with the run is a part of the model."""
    shapes = shapes_of(config.model)
    chosen, _ = trees.split(shapes, config.optimizer.trainable)
    assert bool(chosen) == (config.num_steps > 0)
    trees.split(shapes, config.init_missing)
    paths = trees.flatten(chosen)
    for item in config.optimizer.lr_factors:
        assert any(trees.first_match(path, (item.pattern,)) for path in paths)


@pytest.mark.parametrize("system", TABLES)
def test_no_two_variants_are_the_same(system):
    configs = [config_of(system, name) for name in TABLES[system].VARIANTS]
    assert len({str(config) for config in configs}) == len(configs)


@pytest.mark.parametrize(("system", "name"), map(marked, VARIANTS))
def test_one_step_fits_in_shapes(system, name):
    step_in_shapes(config_of(system, name))


def test_learning_rates_of_towers_and_new_parts():
    """What docs/reference 2.8 and 3.4 say of the recipes, through the variants that change them."""
    tuned = config_of("maskclippp/ablations", "vit_b_16").optimizer
    assert [(item.pattern, item.factor) for item in tuned.lr_factors] == [(r"clip/visual/.*", 1e-2)]
    both = config_of("ovseg/ablations", "at_once").optimizer
    assert both.peak_lr * both.lr_factors[0].factor == pytest.approx(5e-6)
    groups = trainable_groups(config_of("ovseg/ablations", "mpt"))
    assert groups == {"prompt": 3 * 256 * 1024, "clip": 1}
    assert trainable_groups(config_of("ovseg/ablations", "vpt"))["prompt"] == 6 * 50 * 1024
