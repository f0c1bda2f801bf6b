"""A random part of a data set, as MaskCLIP++'s Table 9 trains on."""

import numpy as np
import pytest

from ovseg_jax.inputs.datasets import DataError, Subset

RECORDS = [{"number": number} for number in range(1000)]


def numbers(fraction, seed=0):
    return [record["number"] for record in Subset(RECORDS, fraction, seed)]


def test_larger_parts_contain_the_smaller_ones_in_order():
    parts = [numbers(fraction) for fraction in (0.001, 0.01, 0.1, 1.0)]
    assert [len(part) for part in parts] == [1, 10, 100, 1000]
    for small, large in zip(parts, parts[1:], strict=False):
        assert set(small) < set(large) and large == sorted(set(large))


def test_the_seed_draws_the_part():
    assert numbers(0.1) == numbers(0.1) != numbers(0.1, seed=1)
    assert np.mean(numbers(0.1)) == pytest.approx(500, abs=90)  # from everywhere, not the start


def test_at_least_one_record_stays():
    assert len(Subset(RECORDS, 1e-9, 0)) == 1


@pytest.mark.parametrize("fraction", [0.0, -0.5, 1.5, float("nan")])
def test_a_share_out_of_range_is_refused(fraction):
    with pytest.raises(DataError, match=r"data\.fraction is .*above 0, at most 1"):
        Subset(RECORDS, fraction, 0)
