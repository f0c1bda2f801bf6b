"""The largest equal portion."""

import pytest

from ovseg_jax.ops.divisors import largest_divisor


@pytest.mark.parametrize(
    ("number", "most", "wanted"), [(448, 64, 64), (12, 5, 4), (7, 6, 1), (6, 9, 6), (1, 1, 1)]
)
def test_it_divides_and_none_between_it_and_the_bound_does(number, most, wanted):
    assert largest_divisor(number, most) == wanted
