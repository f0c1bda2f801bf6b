"""The Mask-Adapter head: both forms agree, in value and gradient, and memory follows the chunk."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.config import MaskAdapterConfig
from ovseg_jax.foundation import trees
from ovseg_jax.methods.mask_adapter import adapter_head
from ovseg_jax.models.mask_adapter import MaskAdapterHead

FEATURES = jax.random.normal(jax.random.key(0), (2, 5, 6, 12))
MASKS = jax.random.bernoulli(jax.random.key(1), 0.4, (2, 5, 31, 45))


def make_head(**fields) -> MaskAdapterHead:
    sizes = dict(width=16, mask_width=8, num_blocks=2, num_maps=3, chunk=2, layer_scale_init=0.5)
    return adapter_head(MaskAdapterConfig(**sizes | fields), 12)


def parameters(head: MaskAdapterHead) -> dict:
    """Random values in which no bias is zero, drawn without compiling anything."""
    rng = np.random.default_rng(2)

    def draw(leaf):
        noise = rng.standard_normal(leaf.shape)
        fan_in = np.prod(leaf.shape[:-1])
        return jnp.float32(noise / np.sqrt(fan_in) if leaf.ndim > 1 else 0.5 + 0.2 * noise)

    return jax.tree.map(draw, jax.eval_shape(head.init, jax.random.key(0), FEATURES, MASKS))


@functools.partial(jax.jit, static_argnums=(0, 4))
def run(head, variables, features, masks, method="__call__"):
    return head.apply(variables, features, masks, method=method)


@pytest.mark.parametrize("chunk", [1, 2, 5, 100])
def test_the_fast_form_equals_the_reference(chunk):
    head = make_head(chunk=chunk)
    variables = parameters(head)
    fast = run(head, variables, FEATURES, MASKS)
    plain = run(head.clone(chunk=1), variables, FEATURES, MASKS, "reference")
    assert fast.shape == (2, 5, 3, 5, 6)
    np.testing.assert_allclose(fast, plain, atol=2e-5, rtol=1e-5)


INPUTS = [
    dict(patchify="concat"),
    dict(patchify="add_4x4"),
    dict(use_clip=False),
    dict(use_clip=False, patchify="add_4x4"),
    dict(num_blocks=4, num_maps=1),
]
"""The switches of the paper's Table 6."""


@pytest.mark.parametrize("fields", INPUTS, ids=str)
def test_the_fast_form_equals_the_reference_for_every_input(fields):
    head = make_head(**fields)
    variables = parameters(head)
    fast = run(head, variables, FEATURES, MASKS)
    plain = run(head, variables, FEATURES, MASKS, "reference")
    assert fast.shape == (2, 5, fields.get("num_maps", 3), 5, 6)
    np.testing.assert_allclose(fast, plain, atol=2e-5, rtol=1e-5)
    other = run(head, variables, FEATURES + 1.0, MASKS)
    assert np.allclose(other, fast, atol=1e-5) != fields.get("use_clip", True)
    assert np.abs(run(head, variables, FEATURES, ~MASKS) - fast).max() > 1e-3


def test_the_inputs_have_parameters_of_their_own_only_where_they_differ():
    def shapes(**fields):
        return {
            path.removeprefix("params/"): leaf.shape
            for path, leaf in trees.flatten(
                jax.eval_shape(make_head(**fields).init, jax.random.key(0), FEATURES, MASKS)
            ).items()
        }

    plain, wide, coarse = shapes(), shapes(patchify="concat"), shapes(patchify="add_4x4")
    assert plain == shapes(use_clip=False) == shapes(use_clip=False, patchify="concat")
    assert {path for path in plain if plain[path] != wide[path]} == {"fuse/kernel"}
    assert wide["fuse/kernel"] == (24, 16)
    assert coarse["mask_embedding/conv1/kernel"] == (4, 4, 1, 8)
    assert not any("conv2" in path or "norm2" in path for path in coarse)


@pytest.mark.parametrize("fields", [{}, *INPUTS[:3]], ids=str)
def test_both_forms_have_equal_gradients(fields):
    head = make_head(**fields)
    variables = parameters(head)

    def loss(method, variables, features):
        maps = head.apply(variables, features, MASKS, method=method)
        return jnp.sin(maps).sum()

    fast, plain = (
        jax.jit(jax.grad(lambda v, f, m=method: loss(m, v, f), argnums=(0, 1)))(variables, FEATURES)
        for method in ("__call__", "reference")
    )
    for got, want in zip(jax.tree.leaves(fast), jax.tree.leaves(plain), strict=True):
        np.testing.assert_allclose(got, want, atol=2e-4, rtol=2e-4)
    by_weights, by_features = plain
    assert all(np.abs(leaf).max() > 1e-3 for leaf in jax.tree.leaves(by_weights))
    assert (np.abs(by_features).max() > 1e-3) == head.use_clip


def test_maps_do_not_depend_on_the_other_masks():
    head = make_head(chunk=2)
    variables = parameters(head)
    alone = run(head, variables, FEATURES, MASKS[:, 3:4])
    together = run(head, variables, FEATURES, MASKS)[:, 3:4]
    np.testing.assert_allclose(alone, together, atol=1e-5)


def test_empty_masks_share_their_maps():
    head = make_head()
    maps = run(head, parameters(head), FEATURES, jnp.zeros_like(MASKS))
    np.testing.assert_allclose(maps, np.broadcast_to(maps[:, :1], maps.shape), atol=1e-6)


def test_sizes_are_free():
    for fields in (
        dict(num_blocks=0, width=4, num_maps=1),
        dict(num_blocks=3, width=20, num_maps=7),
    ):
        head = make_head(mask_width=16, **fields)
        shape = jax.eval_shape(head.apply, parameters(head), FEATURES, MASKS).shape
        assert shape == (2, 5, fields["num_maps"], 5, 6)


def test_the_published_head_has_its_published_size_and_names():
    head = adapter_head(MaskAdapterConfig(), 768)
    shapes = jax.eval_shape(
        head.init, jax.random.key(0), jnp.zeros((1, 2, 2, 768)), jnp.zeros((1, 1, 8, 8))
    )["params"]
    assert trees.count(shapes) == pytest.approx(14.9e6, rel=0.01)
    assert set(shapes) == {"mask_embedding", "fuse", "block0", "block1", "block2", "norm", "maps"}
    assert shapes["mask_embedding"]["project"]["kernel"].shape == (16, 768)
    assert shapes["mask_embedding"]["conv1"]["kernel"].shape == (3, 3, 1, 4)


def test_low_precision_stays_near_and_returns_float32():
    head, half = make_head(), make_head().clone(dtype=jnp.bfloat16)
    variables = parameters(head)
    got = run(half, variables, FEATURES, MASKS)
    want = run(head, variables, FEATURES, MASKS)
    assert got.dtype == jnp.float32
    assert np.abs(got - want).mean() < 0.05 * np.abs(want).mean() + 0.05


@pytest.mark.parametrize("differentiate", [False, True])
def test_memory_is_bounded_by_the_chunk_not_by_the_number_of_masks(differentiate):
    features = jnp.zeros((1, 8, 8, 12))
    variables = parameters(make_head(width=64, num_blocks=1))

    def temporaries(count, chunk):
        head = make_head(width=64, num_blocks=1, chunk=chunk)

        def total(variables, features, masks):
            return head.apply(variables, features, masks).sum()

        function = jax.grad(total) if differentiate else head.apply
        masks = jax.ShapeDtypeStruct((1, count, 32, 32), jnp.bool_)
        compiled = jax.jit(function).lower(variables, features, masks).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    small, large, whole = temporaries(64, 16), temporaries(256, 16), temporaries(256, 256)
    # Only the masks themselves and their maps may grow with their number.
    per_mask = 32 * 32 + 3 * 8 * 8 * 4
    assert large - small <= 192 * 3 * per_mask
    assert large < 1.5 * small
    assert whole > 5 * large
