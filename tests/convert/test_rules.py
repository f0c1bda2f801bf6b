"""Conversion tables: strict in both directions, all problems at once."""

import numpy as np
import pytest

from ovseg_jax.convert.rules import (
    ConversionError,
    Rule,
    Skip,
    apply,
    conv,
    layer,
    linear,
    prefixed,
    scalar,
    split_bias,
    split_linear,
)
from ovseg_jax.foundation import trees

TABLE = (
    *layer(r"blocks\.(\d+)\.fc", r"block\1/expand"),
    Rule("gamma", "layer_scale"),
    Skip(r".*counter", because="no meaning here"),
)


def shapes(**entries):
    return trees.unflatten({k.replace("__", "/"): np.zeros(v) for k, v in entries.items()})


def test_linear_and_convolution_kernels_turn_channels_last():
    assert linear(np.zeros((2, 3))).shape == (3, 2)
    assert linear(np.zeros((2, 3, 1, 1))).shape == (3, 2)
    assert conv(np.zeros((2, 3, 5, 7))).shape == (5, 7, 3, 2)
    assert conv(np.zeros((6, 1, 7, 7))).shape == (7, 7, 1, 6)
    weight = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(np.ones(3) @ linear(weight), weight @ np.ones(3))


def test_fused_projections_are_split_in_order():
    weight = np.arange(18.0).reshape(6, 3)
    query, key, value = split_linear(weight)
    np.testing.assert_array_equal(key, weight[2:4].T)
    np.testing.assert_array_equal(split_bias(np.arange(6))[2], [4, 5])
    assert query.shape == value.shape == (3, 2)


def test_a_scalar_loses_its_axis():
    assert scalar(np.zeros(1)).shape == scalar(np.zeros(())).shape == ()


def test_groups_carry_numbers_over_and_the_report_says_what_happened():
    tensors = {"blocks.3.fc.weight": np.ones((2, 3)), "counter": np.zeros(())}
    tensors |= {"blocks.3.fc.bias": np.ones(2), "gamma": np.ones(4)}
    expected = shapes(block3__expand__kernel=(3, 2), block3__expand__bias=(2,), layer_scale=(4,))
    params, report = apply(TABLE, tensors, expected, "x.bin")
    assert params["block3"]["expand"]["kernel"].shape == (3, 2)
    assert report.used["blocks.3.fc.weight"] == ("block3/expand/kernel",)
    assert report.skipped == {"counter": "no meaning here"}


def test_nothing_is_copied():
    tensor = np.ones((2, 3))
    params, _ = apply((Rule("a", "b", linear),), {"a": tensor}, shapes(b=(3, 2)), "x")
    assert params["b"].base is tensor


def test_every_problem_is_in_one_message():
    tensors = {
        "blocks.0.fc.weight": np.ones((2, 3)),
        "unknown": np.ones(7),
        "gamma": np.ones(4),
        "blocks.9.fc.bias": np.ones(1),
    }
    expected = shapes(block0__expand__kernel=(3, 9), block0__expand__bias=(2,), layer_scale=(4,))
    with pytest.raises(ConversionError) as caught:
        apply(TABLE, tensors, expected, "file.bin")
    message = str(caught.value)
    assert message.startswith("file.bin cannot be converted, 4 problems:")
    assert "no rule for the tensor unknown (7,)" in message
    assert "no tensor fills the parameter block0/expand/bias (2,)" in message
    assert "block0/expand/kernel comes out as (3, 2), the model expects (3, 9)" in message
    assert "the model has no parameter block9/expand/bias (1,)" in message


def test_a_tensor_that_two_rows_match_is_a_problem():
    table = (*TABLE, Skip("gam.*", because="doubt"))
    with pytest.raises(ConversionError, match="2 rules match the tensor gamma"):
        apply(table, {"gamma": np.ones(4)}, shapes(layer_scale=(4,)), "x")


def test_a_parameter_filled_twice_is_a_problem():
    table = (*TABLE, Rule("delta", "layer_scale"))
    tensors = {"gamma": np.ones(4), "delta": np.ones(4)}
    with pytest.raises(ConversionError, match="delta fills layer_scale a second time"):
        apply(table, tensors, shapes(layer_scale=(4,)), "x")


def test_a_tensor_of_the_wrong_rank_is_a_problem_and_no_crash():
    with pytest.raises(ConversionError, match=r"fc.weight \(2, 3, 3, 3\) cannot be converted"):
        apply(TABLE, {"blocks.0.fc.weight": np.ones((2, 3, 3, 3))}, {}, "x")


def test_a_prefixed_table_moves_sources_and_targets():
    table = prefixed(TABLE, "clip.model.", "clip/")
    tensors = {"clip.model.gamma": np.ones(4), "clip.model.a.counter": np.ones(1)}
    params, report = apply(table, tensors, {"clip": shapes(layer_scale=(4,))}, "x")
    assert list(params) == ["clip"] and len(report.skipped) == 1
    with pytest.raises(ConversionError, match="no rule for the tensor clipXmodel.gamma"):
        apply(table, {"clipXmodel.gamma": np.ones(4)}, {}, "x")


@pytest.mark.parametrize("transform", [linear, conv, scalar, split_linear, split_bias])
@pytest.mark.parametrize("shape", [(), (2,), (2, 3, 1, 1, 1, 1, 1)])
def test_a_transform_that_cannot_take_a_tensor_is_a_problem_of_the_file(transform, shape):
    table = (Rule("x", ("a", "b", "c") if "split" in transform.__name__ else "a", transform),)
    with pytest.raises(ConversionError, match="x cannot be converted, [1-9]"):
        apply(table, {"x": np.zeros(shape)}, shapes(z=(1,)), "x")
