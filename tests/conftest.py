"""What every test file shares: how programs are compiled and let go, a cache, a place for files."""

import gc
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import jax
import pytest

UNOPTIMIZED = (
    "--xla_backend_optimization_level=0",
    "--xla_llvm_disable_expensive_passes=true",
    "--xla_cpu_use_fusion_emitters=false",
    "--xla_cpu_parallel_codegen_split_count=1",
)
"""Nor is a program cut into parts for many cores, which all have test files of their own."""

LONG = ("training", "mining", "evaluation", "methods", "data", "inference", "cli", "convert")
"""Folders of tests whose files take longest."""

MANY_MAPS = 10_000
"""Of the 65,530 places in memory that Linux lets a process map; one file takes some thousands."""


def pytest_addoption(parser):
    text = "compile without optimising: most tests wait for the compiler, not for its programs"
    parser.addoption("--unoptimized", action="store_true", help=text)


def pytest_configure(config):
    """Tells XLA before anything starts it; workers of pytest-xdist inherit the variables."""
    if hasattr(config, "workerinput"):
        return
    folder = own_folder(config)
    if config.getoption("--unoptimized"):
        whole = understood(*UNOPTIMIZED)
        known = [option for option in UNOPTIMIZED if whole or understood(option)]
        os.environ["XLA_FLAGS"] = " ".join([os.environ.get("XLA_FLAGS", ""), *known]).strip()
        keep_programs(folder / "programs")


def own_folder(config):
    """Where libraries put their temporary files, of which TensorFlow and TFDS leave thousands.

    It goes with the session; what pytest keeps for a look at failures stays where it was.
    """
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
    folder = tempfile.TemporaryDirectory(prefix="ovseg-tests-", ignore_cleanup_errors=True)
    config.add_cleanup(folder.cleanup)
    os.environ["TMPDIR"] = tempfile.tempdir = folder.name
    return Path(folder.name)


def keep_programs(folder):
    """Shares what was compiled among files, workers and the runs that tests start."""
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(folder))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")


def understood(*options: str) -> bool:
    """Whether this version of XLA has options; it aborts the process at one it does not know."""
    command = [sys.executable, "-c", "import jax; jax.numpy.zeros(1)"]
    environment = os.environ | {"XLA_FLAGS": " ".join(options)}
    return not subprocess.run(command, env=environment, capture_output=True).returncode


def pytest_collection_modifyitems(items):
    """Puts the rooms first whose files take minutes, or one worker ends long after the others."""
    items.sort(key=lambda item: not set(LONG) & set(item.path.parts))


def pytest_collection_finish():
    """Spares what was imported from garbage collection, an eighth of the time to trace a model."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(scope="session", autouse=True)
def text_cache(tmp_path_factory):
    """Keeps embeddings of words and compiled programs out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("OVSEG_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="module", autouse=True)
def programs_of_one_file():
    """Lets go of compiled programs behind a file when they are many.

    Each of them is mapped into memory several times, and two thousand tests in one process go
    past what Linux allows; the compiler then crashes.
    """
    yield
    if maps() > MANY_MAPS:
        jax.clear_caches()
        gc.collect()


def maps() -> int:
    """Places in memory that this process maps; too many to know where Linux does not count them."""
    try:
        return Path("/proc/self/maps").read_bytes().count(b"\n")
    except OSError:
        return MANY_MAPS + 1
