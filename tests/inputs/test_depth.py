"""Numbers of any range to eight bits: what is taken, what is said, what is refused."""

import warnings

import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.foundation.errors import OvsegWarning
from ovseg_jax.inputs.depth import to_eight_bits
from ovseg_jax.inputs.images import ImageError


@pytest.fixture(autouse=True)
def no_word():
    """A warning that no test expects is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", OvsegWarning)
        yield


def test_bytes_and_booleans():
    values = np.arange(256, dtype=np.uint8)
    assert to_eight_bits(values, "a") is values
    assert to_eight_bits(np.array([True, False]), "a").tolist() == [255, 0]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, jnp.bfloat16])
def test_fractions_up_to_one_fill_the_range(dtype):
    values = np.array([0, 0.5, 1]).astype(dtype)
    assert to_eight_bits(values, "a").tolist() == [0, 128, 255]
    slack = np.array([-0.0005, 1.0005])
    assert to_eight_bits(slack, "a").tolist() == [0, 255]


@pytest.mark.parametrize("values", [[0.0, 17.5, 254.6], [0.0, 3.0, 12.0]])
def test_fractions_of_the_range_of_bytes_are_rounded(values):
    assert to_eight_bits(np.array(values), "a").tolist() == np.round(values).tolist()


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.int64, ">u2"])
def test_the_smallest_depth_that_holds_the_maximum_is_taken_and_said(bits, dtype):
    white = 2**bits - 1
    values = np.array([0, white // 2, white - 15]).astype(dtype)
    with pytest.warns(OvsegWarning, match=rf"a: .* reach {white - 15} only; read as {bits} bits"):
        found = to_eight_bits(values, "a")
    assert found.tolist() == np.rint(values * (255 / white)).tolist()


def test_sixteen_bits_need_no_word():
    values = np.array([0, 32768, 65535], np.uint16)
    assert to_eight_bits(values, "a").tolist() == [0, 128, 255]


def test_bytes_in_sixteen_bits_are_said_and_in_wider_numbers_taken():
    with pytest.warns(OvsegWarning, match="read as 8 bits"):
        assert to_eight_bits(np.array([0, 200], np.uint16), "a").tolist() == [0, 200]
    for dtype in (np.int16, np.int32, np.uint32, np.int64):
        assert to_eight_bits(np.array([0, 200], dtype), "a").tolist() == [0, 200]
    assert to_eight_bits(np.zeros(3, np.uint16), "a").tolist() == [0, 0, 0]


def test_a_stated_white_counts_if_it_holds_all_values():
    values = np.array([0, 700], np.uint16)
    assert to_eight_bits(values, "a", 4095).tolist() == [0, round(700 * 255 / 4095)]
    with pytest.warns(OvsegWarning, match="12 bits"):
        to_eight_bits(np.array([3000], np.uint16), "a", 1023)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([0.0, np.nan], "NaN"),
        ([0.0, np.inf], "NaN or infinite"),
        ([-0.5, 0.5], r"negative values \(-0.5 to 0.5\).*before any normalisation"),
        ([-3, 200], "negative"),
        ([0.0, 1.7], "up to 1.7 are neither 0 to 1 nor plainly 0 to 255"),
        ([0.0, 300.5], "up to 300.5"),
        ([0, 70_000], "up to 70000, which have no agreed range"),
        ([1 + 2j], "type complex128"),
        (["a"], "values of type"),
        ([None], "type object"),
    ],
)
def test_what_has_no_range_is_refused(values, message):
    with pytest.raises(ImageError, match=message):
        to_eight_bits(np.array(values), "a")
