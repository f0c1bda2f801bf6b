"""What every test file shares: compiled programs do not outlive the file that needed them."""

import gc

import jax
import pytest


@pytest.fixture(scope="module", autouse=True)
def programs_of_one_file():
    """Lets go of compiled programs behind each file.

    Each of them is mapped into memory several times, and Linux allows a process 65,530 maps; two
    thousand tests in one process go past that, and the compiler then crashes.
    """
    yield
    jax.clear_caches()
    gc.collect()
