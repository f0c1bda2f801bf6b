"""Cases of a parametrised test that are left to `make test-all`."""

import pytest


def slow(*values):
    """One case for the slow tests."""
    return pytest.param(*values, marks=pytest.mark.slow)


def quick_ones(cases, quick):
    """All cases; those that are not among `quick` are for the slow tests."""
    return [case if case in quick else slow(case) for case in cases]
