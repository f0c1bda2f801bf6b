"""NaN, infinities and overflow are found and counted; JSON that is none is refused in one way."""

import ml_dtypes
import numpy as np
import pytest

from ovseg_jax.config import InferenceConfig, ModelConfig
from ovseg_jax.disk.configs_io import ConfigError
from ovseg_jax.disk.json_text import JsonError, parse_json
from ovseg_jax.foundation import trees
from ovseg_jax.loading.finite import Nonfinite, find_nonfinite, find_overflow
from ovseg_jax.loading.limits import check_limits


def test_values_that_are_no_numbers_are_counted():
    arrays = {
        "good": np.array([1.0, -2.0], np.float32),
        "bad": np.array([np.nan, 1, np.inf, -np.inf, np.nan], np.float32),
        "low": np.array([[-np.inf]], np.float32),
        "empty": np.zeros((0, 3), np.float32),
        "whole": np.arange(3),
    }
    found = find_nonfinite(arrays)
    assert found == {"bad": Nonfinite(2, 2), "low": Nonfinite(0, 1)}
    assert str(found["bad"]) == "2 NaN and 2 infinite" and str(found["low"]) == "1 infinite"


@pytest.mark.parametrize(
    ("value", "dtype", "overflows"),
    [
        (65504, "float16", False),
        (-65504, "float16", False),
        (65520, "float16", True),
        (-70000, "float16", True),
        (70000, "bfloat16", False),
        (3.4e38, "bfloat16", True),
        (3.4e38, "float32", False),
        (np.inf, "float16", False),
    ],
)
def test_values_that_another_type_makes_infinite_are_found(value, dtype, overflows):
    arrays = {"x": np.array([0, value, 1], np.float32)}
    assert bool(find_overflow(arrays, dtype)) == overflows
    with np.errstate(over="ignore"):
        stored = arrays["x"].astype(getattr(ml_dtypes, dtype, dtype)).astype(np.float32)
    assert np.isfinite(stored).all() == (not overflows and np.isfinite(value))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        ("9" * 5000, "is not JSON"),
        ("[" * 70 + "]" * 70, "nested too deeply"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a": {"b": 1, "b": 2}}', "'b' stands twice"),
        ("[NaN]", "NaN"),
        ("[-Infinity]", "-Infinity"),
        ("[1e999]", "1e999"),
    ],
)
def test_what_is_no_json_is_one_error(text, message):
    with pytest.raises(JsonError, match=f"(?s)^here.*{message}"):
        parse_json(text, "here")


def test_json_with_a_byte_order_mark_is_read():
    assert parse_json(b'\xef\xbb\xbf{"a": [1.5]}', "here") == {"a": [1.5]}
    assert np.isnan(parse_json("NaN", "here", finite=False))


@pytest.mark.parametrize("paths", [["a", "a/b"], ["a/b", "a"], ["/".join("a" * 200)]])
def test_paths_that_continue_each_other_make_no_tree(paths):
    with pytest.raises(trees.TreeError, match="no path of a parameter"):
        trees.unflatten(dict.fromkeys(paths, 1))


def test_numbers_that_no_model_has_are_refused_by_their_field():
    check_limits(ModelConfig(), "x")
    huge = ModelConfig(inference=InferenceConfig(short_side=10**6))
    with pytest.raises(ConfigError, match=r"x\.inference\.short_side: expected 0 to 8192, found"):
        check_limits(huge, "x")
