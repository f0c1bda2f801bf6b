"""Names of groups of chips."""

import pytest

from ovseg_jax.planning.chips import CHIPS, SQUARES, TopologyError, topology


@pytest.mark.parametrize(
    ("name", "compiled", "count"),
    [
        ("v5e-16", "v5e:4x4", 16),
        ("v5e-256", "v5e:16x16", 256),
        ("v6e-8", "v6e:2x4", 8),
        ("v5e:4x8", "v5e:4x8", 32),
        ("V6E:2x2", "v6e:2x2", 4),
    ],
)
def test_slices(name, compiled, count):
    found = topology(name)
    assert (found.compiled_name, found.count) == (compiled, count)


def test_gpus():
    found = topology("h100x8")
    assert (found.chip.name, found.grid, found.count) == ("h100", (), 8)


@pytest.mark.parametrize(
    "name",
    [
        "v5e",
        "v7-8",
        "h100",
        "h100-8",
        "v5ex8",
        "v5e-3",
        "v5e:3x5",
        "v5e-0",
        "",
        "x",
        "h100x0",
        "h100x08",
        "h100x" + "9" * 30,
    ],
)
def test_what_is_no_group_of_chips_is_refused(name):
    with pytest.raises(TopologyError, match="--topology"):
        topology(name)


def test_every_square_holds_as_many_chips_as_it_says():
    assert all(height * width == count for count, (height, width) in SQUARES.items())
    assert all(chip.source for chip in CHIPS.values())
