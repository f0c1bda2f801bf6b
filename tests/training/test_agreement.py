"""What hosts start from is compared once, by name."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import multihost_utils

from ovseg_jax.training import agreement

THINGS = {"config": {"seed": 0}, "state": {"kernel": jnp.arange(6.0)}}


def check_as_two_hosts(monkeypatch, mine, theirs):
    """Compares as the first of two hosts, of which the other one starts from other things."""
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    rows = [np.frombuffer(agreement.digest(thing), np.uint8) for thing in theirs.values()]

    def gather(own):
        return np.stack([own, np.stack(rows)])

    monkeypatch.setattr(multihost_utils, "process_allgather", gather)
    agreement.check_equal(**mine)


def test_equal_things_pass(monkeypatch):
    check_as_two_hosts(monkeypatch, THINGS, jax.tree.map(lambda x: x + 0, THINGS))


@pytest.mark.parametrize(
    "name, other",
    [
        ("config", {"seed": 1}),
        ("config", {"sead": 0}),
        ("state", {"kernel": jnp.arange(6.0).at[2].add(1e-6)}),
        ("state", {"kernel": jnp.arange(6.0).reshape(2, 3)}),
        ("state", {"kernels": jnp.arange(6.0)}),
    ],
)
def test_what_differs_is_named_with_its_host(monkeypatch, name, other):
    with pytest.raises(
        agreement.DifferenceError, match=f": {name} of host 1 is not that of host 0"
    ):
        check_as_two_hosts(monkeypatch, THINGS, THINGS | {name: other})
