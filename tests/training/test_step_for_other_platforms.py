"""The training step as XLA gets it for an accelerator, made on a CPU."""

import importlib.util
import os
import re
import subprocess
import sys

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from configs.toy import mask_adapter_mixed
from ovseg_jax.foundation import trees
from ovseg_jax.foundation.typing import Batch, Text
from ovseg_jax.loading import build
from ovseg_jax.loading.parameters import parameter_shapes
from ovseg_jax.training.optimizer import make_optimizer
from ovseg_jax.training.state import TrainState
from ovseg_jax.training.step import make_step

GROUPS = re.compile(r"feature_group_count ?= ?(\d+)")


def step_and_shapes():
    """Mask-Adapter's mixed phase: the toy's ConvNeXt, and masks matched by IoU."""
    config = mask_adapter_mixed.get_config()
    method = build.method(config.model)
    trainable, frozen = trees.split(parameter_shapes(method), config.optimizer.trainable)
    tx = make_optimizer(config.optimizer, config.num_steps, trainable)
    step = make_step(method, build.mask_source(config.masks), tx, config.seed)

    def shape(*sizes, dtype=jnp.float32):
        return jax.ShapeDtypeStruct(sizes, dtype)

    state = TrainState(
        step=shape(dtype=jnp.int32),
        trainable=trainable,
        frozen=frozen,
        optimizer=jax.eval_shape(tx.init, trainable),
    )
    batch = Batch(
        images=shape(2, 96, 96, 3, dtype=jnp.uint8),
        sizes=shape(2, 2, dtype=jnp.int32),
        segment_ids=shape(2, 96, 96, dtype=jnp.int32),
        labels=shape(2, 12, dtype=jnp.int32),
    )
    names, yes = 8, shape(8, dtype=jnp.bool_)
    text = Text(
        embeddings=shape(names, 1, method.towers.embedding_dim),
        classes=shape(names, dtype=jnp.int32),
        valid=yes,
        seen=yes,
    )
    return step, (state, batch, text)


def widest_group(text):
    return max((int(found) for found in GROUPS.findall(text)), default=1)


def test_an_accelerator_gets_grouped_convolutions_and_products_and_a_cpu_shifts_and_popcounts():
    step, shapes = step_and_shapes()
    traced = jax.jit(step).trace(*shapes)
    text = {
        name: traced.lower(lowering_platforms=(name,)).as_text() for name in ("cpu", "cuda", "tpu")
    }
    for name in ("cuda", "tpu"):
        assert widest_group(text[name]) == 128, "one group per channel"
        assert "popcnt" not in text[name] and "xbf16>" in text[name]
    assert widest_group(text["cpu"]) == 1
    assert "popcnt" in text["cpu"] and "xbf16>" not in text["cpu"]


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("libtpu") is None, reason="needs libtpu")
def test_the_compiler_for_tpus_keeps_them():
    """In a process of its own: libtpu refuses flags that it does not know, such as a CPU's."""
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    tpu = {
        "TPU_SKIP_MDS_QUERY": "1",
        "TPU_ACCELERATOR_TYPE": "v5litepod-4",
        "TPU_WORKER_HOSTNAMES": "localhost",
        "TPU_WORKER_ID": "0",
    }
    paths = {"JAX_PLATFORMS": "cpu", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, __file__],
        env=environment | tpu | paths,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    assert widest_group(done.stdout) == 128, "one group per channel"
    assert "popcnt" not in done.stdout and "population-count" not in done.stdout


def compiled_for_tpu():
    """The step as libtpu compiles it for a chip that is not there."""
    from jax.experimental import topologies

    chips = topologies.get_topology_desc(platform="tpu", topology_name="v5e:2x2").devices
    mesh = jax.sharding.Mesh(chips[:1], ("data",), axis_types=(AxisType.Auto,))
    whole = NamedSharding(mesh, PartitionSpec())
    step, shapes = step_and_shapes()
    return jax.jit(step, in_shardings=whole, out_shardings=whole).lower(*shapes).compile()


if __name__ == "__main__":
    print(compiled_for_tpu().as_text())
