"""A batch in parts, and activations computed again, give the step of the whole batch."""

import dataclasses
from pathlib import Path

import jax
import numpy as np
import pytest

from ovseg_jax.cli.experiment import load_config
from ovseg_jax.config import StepConfig
from ovseg_jax.inputs.labels import class_list
from ovseg_jax.inputs.stream import train_stream
from ovseg_jax.loading import build
from ovseg_jax.loading.embedding import embed_vocabulary
from ovseg_jax.training import sharding, state, step

METHODS = ("mask_adapter", "mask_adapter_mixed", "maskclippp", "fisa", "generator")


def parts_of(name, prepared):
    """A step of a toy experiment from scratch, with what it takes."""
    config = load_config(Path(f"configs/toy/{name}.py"))
    data = dataclasses.replace(config.data, config="tiny", prepared=prepared, batch_size=4)
    # Fewer slots than segments: which are drawn counts.
    method_config = config.model.method
    if hasattr(method_config, "num_truth"):
        method_config = dataclasses.replace(method_config, num_truth=4)
    model = dataclasses.replace(config.model, method=method_config)
    config = dataclasses.replace(config, data=data, model=model, init_from="", init_parts=())
    mesh, method = sharding.make_mesh(config.mesh), build.method(config.model)
    current, tx = state.create(config, method, mesh)
    words = embed_vocabulary(
        config.model, method, current.params, class_list(data), keep_tokens=True
    )
    stream = train_stream(
        data, 0, sharding=sharding.batch_sharding(mesh), tokenizer=build.tokenizer(config.model)
    )
    batch = next(stream)
    stream.close()
    source = build.mask_source(config.masks)

    def taken(**settings):
        raw = step.make_step(method, source, tx, 0, StepConfig(**settings))
        return jax.jit(raw)(current, batch, words)

    return taken


def same(left, right, rtol, atol=1e-7):
    (after, metrics), (other, others) = left, right
    assert metrics.keys() == others.keys()
    for name, value in metrics.items():
        np.testing.assert_allclose(value, others[name], rtol=rtol, atol=1e-6, err_msg=name)
    # Moments, since AdamW makes a whole step of a tiny difference in a tiny gradient.
    for a, b in zip(
        jax.tree.leaves(after.optimizer), jax.tree.leaves(other.optimizer), strict=True
    ):
        scale = float(np.abs(a).max()) if a.size else 0.0
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * scale + atol)


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_parts_of_a_batch_give_the_gradient_of_the_whole(name, prepared):
    taken = parts_of(name, prepared)
    same(taken(), taken(accumulate=2), rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mask_adapter", *METHODS[2:]])
def test_every_policy_gives_the_same_loss_and_gradient(name, prepared):
    taken = parts_of(name, prepared)
    whole = taken()
    for policy in ("full", "dots", "dots_with_weights"):
        same(whole, taken(remat=policy), rtol=1e-3)
