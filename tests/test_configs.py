"""Every file under configs/ loads, is understood, and fits its model, without computing."""

import dataclasses
from pathlib import Path

import jax
import pytest
from slow_cases import slow

from configs.mask_adapter import ablations as mask_adapter
from ovseg_jax.cli.errors import UsageError
from ovseg_jax.cli.experiment import load_config, override
from ovseg_jax.config import Config
from ovseg_jax.disk import configs_io
from ovseg_jax.foundation import trees
from ovseg_jax.inputs.labels import class_filter, named_classes
from ovseg_jax.mining.pairs import VOCABULARY
from ovseg_jax.training import ranges
from ovseg_jax.training.shapes import step_and_inputs
from ovseg_jax.training.sharding import AXES, PARAM_RULES
from ovseg_jax.vocabulary.classes import parse_vocabulary
from ovseg_jax.vocabulary.prompts import TEMPLATES

ROOT = Path(__file__).parents[1]
FILES = sorted(path for path in (ROOT / "configs").rglob("*.py") if path.name not in ("common.py",))


def words(data):
    """The class list of the data; nouns that are yet to be mined are as many as in the paper."""
    if data.name == "mined_pairs" and not Path(data.vocabulary).exists():
        assert data.vocabulary == f"{data.root}/{VOCABULARY}"
        return parse_vocabulary("; ".join(f"noun {number}" for number in range(12_000)))
    if not data.vocabulary:  # the classes of a folder that is yet to be given
        assert data.name in ("photo_set", "label_maps") and not data.root
        return parse_vocabulary("cat; person; car; bottle; chair")
    return named_classes(data.vocabulary)


def names(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", FILES, ids=names)
def test_the_file_survives_the_round_trip_through_json(path):
    config = load_config(path)
    assert configs_io.from_dict(Config, configs_io.to_dict(config)) == config


@pytest.mark.parametrize("path", FILES, ids=names)
def test_values_are_in_their_ranges(path):
    assert not list(ranges.refusals(load_config(path)))


@pytest.mark.parametrize("path", FILES, ids=names)
def test_words_and_templates_exist(path):
    config = load_config(path)
    assert config.model.templates in TEMPLATES
    for data in (config.data, *(item.data for item in config.evaluations)):
        class_filter(data, words(data))
    if config.model.train_vocabulary:
        named_classes(config.model.train_vocabulary)


HEAVY = ("maskclippp", "ovseg", "fisa", "fcclip", "mask_adapter", "maft_plus", "maskformer")


def quick(path):
    """The toy ones, and one of every other folder; shapes of a large model take seconds.

    Of methods whose ablations are traced by `test_ablations`, or which have a toy config or take
    steps in their own tests, that is enough.
    """
    folder = [other for other in FILES if other.parent == path.parent]
    elsewhere = path.parent.name in HEAVY
    return path.parent.name == "toy" or (path == folder[0] and not elsewhere)


@pytest.mark.parametrize(
    "path",
    [path if quick(path) else slow(path) for path in FILES],
    ids=names,
)
def test_one_step_fits_in_shapes(path):
    """The whole train step, at full published size, under `eval_shape`."""
    step_in_shapes(load_config(path))


@pytest.mark.slow
@pytest.mark.parametrize("variant", sorted(mask_adapter.VARIANTS))
def test_one_step_of_every_variant_of_mask_adapter_fits_in_shapes(variant):
    config = load_config(ROOT / f"configs/mask_adapter/ablations.py:{variant}")
    assert config == mask_adapter.VARIANTS[variant]()
    step_in_shapes(config)


def test_variants_of_mask_adapter_are_all_different():
    configs = [build_config() for build_config in mask_adapter.VARIANTS.values()]
    assert len({str(config) for config in configs}) == len(configs)


def test_an_unknown_variant_lists_the_known_ones():
    with pytest.raises(UsageError, match="no variant 'concta'; known: pooling, truth_only, "):
        load_config(ROOT / "configs/mask_adapter/ablations.py:concta")
    with pytest.raises(UsageError, match="no variant 'x'; known: none"):
        load_config(ROOT / "configs/toy/mask_adapter.py:x")


def step_in_shapes(config):
    """Evaluates the shapes of one train step, and that what trains keeps its shapes."""
    mesh = jax.sharding.AbstractMesh((1, 1, 1), AXES)
    step, (state, batch, text) = step_and_inputs(config, mesh, words(config.data))
    trees.match(state.params, PARAM_RULES)
    plain = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), (state, batch, text))
    after, metrics = jax.eval_shape(step, *plain)
    assert jax.tree.map(lambda leaf: leaf.shape, after) == jax.tree.map(
        lambda leaf: leaf.shape, state
    )
    assert metrics["loss"].shape == ()


def test_the_readme_lists_every_file():
    readme = (ROOT / "configs/README.md").read_text()
    listed = {line.split("`")[1] for line in readme.splitlines() if line.startswith("| `")}
    assert listed == {str(path.relative_to(ROOT / "configs")) for path in FILES}


def test_a_misspelt_option_names_the_right_one(capsys):
    config = load_config(ROOT / "configs/toy/mask_adapter.py")
    with pytest.raises((UsageError, SystemExit)):
        override(config, ["--optimizer.peak-rl", "1e-3"], "train")
    assert "--optimizer.peak-lr" in capsys.readouterr().err


def test_an_option_changes_one_field_only():
    config = load_config(ROOT / "configs/toy/mask_adapter.py")
    changed = override(config, ["--optimizer.peak-lr", "0.5"], "train")
    assert changed.optimizer.peak_lr == 0.5
    restored = dataclasses.replace(changed.optimizer, peak_lr=config.optimizer.peak_lr)
    assert dataclasses.replace(changed, optimizer=restored) == config


def test_a_key_that_the_schema_lacks_is_refused_by_name():
    stored = configs_io.to_dict(load_config(ROOT / "configs/toy/mask_adapter.py"))
    stored["optimizer"]["peak_rl"] = stored["optimizer"].pop("peak_lr")
    with pytest.raises(configs_io.ConfigError, match="peak_rl.*peak_lr"):
        configs_io.from_dict(Config, stored)


def test_seen_classes_of_the_toy_world_are_the_same_everywhere():
    from configs import common
    from data.toy_world import world

    assert set(common.TOY_SEEN) == {world.CLASS_NAMES[index] for index in world.SEEN}
    assert set(named_classes("toy_world_seen32").names) == set(common.TOY_SEEN)
