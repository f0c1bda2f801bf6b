"""What tracing gave is kept for the next start, answers the same, and never stands in the way."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.cli.experiment import load_config
from ovseg_jax.disk.programs import compiled_folder, traced_file
from ovseg_jax.disk.user_cache import make_private
from ovseg_jax.foundation import trees
from ovseg_jax.foundation.typing import Opinion, Proposals
from ovseg_jax.inference.kept_step import KeptStep
from ovseg_jax.loading import parameters
from ovseg_jax.loading.build import method
from tests.inference.tiny_model import CONFIG as TINY

PROPOSALS = Proposals(
    masks=jnp.arange(8.0).reshape(1, 2, 2, 2), valid=jnp.ones((1, 2), bool), opinion=Opinion.NAMES
)


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """A cache of programs of this test's own."""
    monkeypatch.setenv("OVSEG_CACHE", str(tmp_path))
    before = jax.config.values["jax_compilation_cache_dir"]
    assert make_private(compiled_folder())
    jax.config.update("jax_compilation_cache_dir", str(compiled_folder()))
    yield compiled_folder() / "traced"
    jax.config.update("jax_compilation_cache_dir", before)


class Counted:
    """A step that counts how often it is traced; each is a new start."""

    def __init__(self, about="doubled"):
        self.traced = 0
        self.step = KeptStep(self._compute, about, static=("offset",))

    def _compute(self, params, proposals, offset):
        self.traced += 1
        return proposals.replace(masks=params["scale"] * proposals.masks + offset)

    def __call__(self, offset=1, masks=PROPOSALS.masks):
        return self.step({"scale": jnp.float32(2)}, PROPOSALS.replace(masks=masks), offset=offset)


def test_the_next_start_traces_nothing_and_answers_the_same(cache):
    first, second = Counted(), Counted()
    found, again = first(), second()
    assert (first.traced, second.traced) == (1, 0)
    np.testing.assert_array_equal(found.masks, 2 * PROPOSALS.masks + 1)
    np.testing.assert_array_equal(again.masks, found.masks)
    assert again.opinion is Opinion.NAMES and again.class_logits is None
    second()
    assert second.traced == 0


def test_other_shapes_settings_and_models_are_other_programs(cache):
    Counted()()
    for step, options in (
        (Counted(), {"offset": 2}),
        (Counted(), {"masks": jnp.zeros((1, 2, 3, 3))}),
        (Counted("another model"), {}),
    ):
        step(**options)
        assert step.traced == 1
    assert len(list(cache.iterdir())) == 4
    with jax.default_matmul_precision("highest"):
        step = Counted()
        step()
        assert step.traced == 1


def test_a_damaged_file_is_traced_and_written_again(cache):
    Counted()()
    (file,) = cache.iterdir()
    file.write_bytes(b"\0" * 40)
    mended, next_start = Counted(), Counted()
    np.testing.assert_array_equal(mended().masks, next_start().masks)
    assert (mended.traced, next_start.traced) == (1, 0)


def test_nothing_is_kept_where_nobody_asked(tmp_path, monkeypatch):
    monkeypatch.setenv("OVSEG_CACHE", str(tmp_path))
    Counted()()
    assert not list(tmp_path.iterdir())


def test_what_has_no_name_of_its_own_is_not_kept(cache):
    assert traced_file("about", 3) is not None
    assert traced_file(object()) is None
    Counted(about=lambda: None)()
    assert not cache.exists()


def test_errors_of_the_step_come_through(cache):
    with pytest.raises(TypeError, match="add got incompatible shapes"):
        KeptStep(lambda x, y: x + y, "sum")(jnp.ones(2), jnp.ones(3))


def test_shapes_of_parameters_are_kept_too(cache, monkeypatch):
    module = method(TINY)
    expected = trees.flatten(parameters._shapes_once.__wrapped__(module))
    drawn = []
    monkeypatch.setattr(parameters, "initial_parameters", lambda *_: drawn.append(1))
    kept = trees.flatten(parameters._shapes_once.__wrapped__(module))
    assert kept == expected and not drawn
    (file,) = cache.iterdir()
    for damaged in (b"{", b"[]", b'{"a": 3}', b"{}"):
        file.write_bytes(damaged)
        with pytest.raises(TypeError):  # asked for them anew
            parameters._shapes_once.__wrapped__(module)


def test_descriptions_of_published_models_hold_no_addresses(cache):
    for path in sorted((Path(__file__).parents[2] / "configs").glob("*/*.py")):
        if path.name == "common.py":
            continue
        assert traced_file(method(load_config(path).model)) is not None, path
