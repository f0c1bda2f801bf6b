"""Work in chunks equals work at once, in bounded memory; the largest equal portion."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.ops.chunks import largest_divisor, map_chunks, map_rows, rows_on_a_device


def draw(*shape, seed=0):
    return jax.random.normal(jax.random.key(seed), shape)


@pytest.mark.parametrize("count", [1, 4, 11])
@pytest.mark.parametrize("axis", [0, 1])
def test_chunks_change_no_result(count, axis):
    shape = (count, 3, 2) if axis == 0 else (3, count, 2)
    arrays = {"masks": draw(*shape), "other": draw(*shape, seed=1)}

    def function(arrays):
        return jnp.tanh(arrays["masks"]), arrays["other"].sum(-1)

    chunked = jax.jit(lambda arrays: map_chunks(function, arrays, 4, axis=axis))(arrays)
    for got, want in zip(chunked, function(arrays), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-6)


def test_gradients_flow_through_chunks():
    masks, weight = draw(7, 3), draw(3, seed=1)

    def loss(masks, weight, chunk):
        return jnp.sum(map_chunks(lambda m: jnp.sin(m * weight), masks, chunk) ** 2)

    chunked, whole = (jax.grad(loss, (0, 1))(masks, weight, chunk) for chunk in (3, 7))
    for got, want in zip(chunked, whole, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5)


def test_memory_is_bounded_by_the_chunk():
    """Four times the masks at the same chunk need room for further results, not for copies."""

    def function(masks):
        wide = jnp.tanh(masks[:, :, None] * jnp.arange(64.0))  # 64 times the input
        return jnp.einsum("qpe,qpf->q", wide, jnp.cos(wide))

    def temporaries(count):
        masks = jax.ShapeDtypeStruct((count, 256), jnp.float32)
        compiled = jax.jit(lambda m: map_chunks(function, m, 8)).lower(masks).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    few, many = temporaries(16), temporaries(64)
    assert many - few <= 4 * (64 - 16) * 4 and temporaries(61) <= many + 4 * 64


@pytest.mark.parametrize(("arrays", "chunk"), [([np.zeros(3), np.zeros(4)], 2), ([np.zeros(3)], 0)])
def test_unequal_counts_and_empty_chunks_are_refused(arrays, chunk):
    with pytest.raises(ValueError, match="chunk="):
        map_chunks(lambda a: a, arrays, chunk)


@pytest.mark.parametrize(
    ("number", "most", "wanted"), [(448, 64, 64), (12, 5, 4), (7, 6, 1), (6, 9, 6), (1, 1, 1)]
)
def test_it_divides_and_none_between_it_and_the_bound_does(number, most, wanted):
    assert largest_divisor(number, most) == wanted


@pytest.mark.parametrize("together", [None, 2])
@pytest.mark.parametrize("mesh", [None, (4, 1), (2, 2), (4, 3), (8, 1), (5, 1)])
def test_rows_one_after_the_other_are_rows_at_once(mesh, together):
    """Whether each of several devices loops over its own, or one over all that do not divide."""
    rows = {"masks": draw(8, 3), "other": draw(8, 3, 2, seed=1)}

    def function(row):
        return jnp.tanh(row["masks"]) @ row["other"]

    def mapped(rows):
        return map_rows(function, rows, together=together)

    want = jax.vmap(function)(rows)
    if mesh is None:
        np.testing.assert_allclose(jax.jit(mapped)(rows), want, rtol=1e-5)
        return
    abstract = jax.sharding.AbstractMesh(mesh, ("data", "fsdp"))
    with jax.sharding.use_abstract_mesh(abstract):
        shape = jax.eval_shape(mapped, rows)
        assert shape.shape == want.shape
        assert rows_on_a_device(8) == {4: 2, 2: 2, 8: 1, 5: 8}[mesh[0]] * (4 if mesh[1] == 3 else 1)
