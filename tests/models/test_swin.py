"""Swin: what its windows keep as constants."""

import jax
import jax.numpy as jnp
import numpy as np

from ovseg_jax.models.backbones.swin import SwinBlock, _relative_index


def test_the_index_serves_both_precisions():
    """Goldens need single and double precision in one process."""
    table = np.arange(49 * 2, dtype=np.float32).reshape(49, 2)
    expected = table[_relative_index(4)]
    single = jax.jit(lambda x: x[_relative_index(4)])  # kept, and with it what JAX noted
    np.testing.assert_array_equal(single(table), expected)
    with jax.enable_x64(True):
        found = jax.jit(lambda x: x[_relative_index(4)])(table.astype(np.float64))
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, expected)


def test_a_larger_batch_keeps_no_larger_constants():
    """Blocked pairs of a whole batch once stood in the program: 2.5 GB of it for 256 images."""
    block = SwinBlock(heads=2, window=4, shift=2)
    inputs = [jnp.zeros((batch, 16, 16, 8)) for batch in (1, 8)]
    params = block.init(jax.random.key(0), inputs[0])
    one, eight = (len(jax.jit(block.apply).lower(params, x).as_text()) for x in inputs)
    assert abs(eight - one) < 1000
