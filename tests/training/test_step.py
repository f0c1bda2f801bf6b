"""One step: the same loss on any number of devices, compiled once, frozen parts untouched."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from ovseg_jax.foundation import trees
from ovseg_jax.inputs.stream import train_stream
from ovseg_jax.loading import build
from ovseg_jax.loading.embedding import embed_vocabulary
from ovseg_jax.training import sharding, state, step
from ovseg_jax.vocabulary.classes import parse_vocabulary

SLOW = pytest.mark.slow
PROGRAM = Path(__file__).parent / "losses_on_devices.py"


@pytest.fixture(scope="module")
def parts(tiny_config):
    mesh = sharding.make_mesh(tiny_config.mesh)
    method = build.method(tiny_config.model)
    current, tx = state.create(tiny_config, method, mesh)
    stream = train_stream(tiny_config.data, 0, sharding=sharding.batch_sharding(mesh))
    batch = next(stream)
    stream.close()
    raw = step.make_step(method, build.mask_source(tiny_config.masks), tx, seed=0)
    return tiny_config, method, current, raw, batch


def words(parts, text):
    config, method, current, _, _ = parts
    return embed_vocabulary(config.model, method, current.params, parse_vocabulary(text))


@pytest.mark.parametrize(
    "meshes", ["quick", pytest.param("spread", marks=SLOW), pytest.param("masks", marks=SLOW)]
)
def test_the_loss_is_the_same_on_any_devices(prepared, meshes):
    """Losses of three steps, in a process that has eight devices."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=8"
    environment = os.environ | {"XLA_FLAGS": flags, "PYTHONPATH": "."}
    command = [sys.executable, str(PROGRAM), prepared, meshes]
    output = subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True, timeout=300
    ).stdout
    one, *others = json.loads(output.splitlines()[-1])
    assert len(one) == 3 and others
    for losses in others:
        np.testing.assert_allclose(losses, one, rtol=1e-4)


def test_another_vocabulary_in_its_bucket_compiles_nothing(parts):
    _, _, current, raw, batch = parts
    jitted = jax.jit(raw)
    for text in ("ball; boat; grass", "tower; rug, carpet; sky; snow; brick"):
        jitted(current, batch, words(parts, text))
    assert jitted._cache_size() == 1


def test_the_compiled_step_refuses_other_shapes_instead_of_compiling_again(parts):
    _, _, current, raw, batch = parts
    text = words(parts, "ball; boat")
    compiled = step.compile_step(raw, jax.tree.map(jax.numpy.copy, current), batch, text)
    half = jax.tree.map(lambda leaf: leaf[:4], batch)
    with pytest.raises(TypeError):
        compiled(current, half, text)


def test_frozen_parameters_do_not_move(parts):
    _, _, current, raw, batch = parts
    after, metrics = jax.jit(raw)(current, batch, words(parts, "ball; boat; grass; sky; snow"))
    frozen, moved = trees.flatten(after.frozen), trees.flatten(after.trainable)
    assert all(path.startswith("adapter/") for path in moved)
    assert all(not path.startswith("adapter/") for path in frozen)
    for path, value in trees.flatten(current.frozen).items():
        np.testing.assert_array_equal(value, frozen[path])
    assert float(metrics["gradient_norm"]) > 0


def test_moments_exist_for_the_trainable_part_only(parts):
    _, _, current, _, _ = parts
    moments = sum(leaf.size for leaf in jax.tree.leaves(current.optimizer))
    assert moments <= 2 * trees.count(current.trainable) + 8


def test_wide_weights_are_cut_over_the_fsdp_axis():
    if jax.device_count() > 1:
        pytest.skip("counts on one device")
    mesh = jax.sharding.AbstractMesh((2, 4), ("data", "fsdp"))
    shapes = {
        "block": {
            "expand": {"kernel": jax.ShapeDtypeStruct((64, 256), np.float32)},
            "reduce": {"kernel": jax.ShapeDtypeStruct((254, 64), np.float32)},
            "norm": {"scale": jax.ShapeDtypeStruct((64,), np.float32)},
        }
    }
    flat = trees.flatten(sharding.parameter_shardings(shapes, mesh))
    assert tuple(flat["block/expand/kernel"].spec) == (None, "fsdp")
    assert not any(tuple(flat["block/reduce/kernel"].spec)), "254 does not divide by 4"
    assert not any(tuple(flat["block/norm/scale"].spec))


@pytest.mark.parametrize("data, fsdp", [(3, 1), (-1, 5), (-1, -1)])
def test_a_mesh_that_the_devices_do_not_fill_is_refused(data, fsdp):
    from ovseg_jax.config import MeshConfig

    with pytest.raises(ValueError, match="mesh: data="):
        sharding.make_mesh(MeshConfig(data=data, fsdp=fsdp))
