"""Swin's constants serve single and double precision in one process: goldens need both."""

import jax
import numpy as np

from ovseg_jax.models.backbones.swin import _relative_index


def test_the_index_serves_both_precisions():
    table = np.arange(49 * 2, dtype=np.float32).reshape(49, 2)
    expected = table[_relative_index(4)]
    single = jax.jit(lambda x: x[_relative_index(4)])  # kept, and with it what JAX noted
    np.testing.assert_array_equal(single(table), expected)
    with jax.enable_x64(True):
        found = jax.jit(lambda x: x[_relative_index(4)])(table.astype(np.float64))
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, expected)
