import pytest

from ovseg_jax.fetching import download, hub
from tests.fetching.server import serving


@pytest.fixture
def server():
    with serving() as running:
        yield running


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path):
    """No pauses, and a cache of the test's own."""
    monkeypatch.setattr(download, "PAUSES", (0.0, 0.0, 0.0))
    monkeypatch.setenv("OVSEG_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    hub._information.cache_clear()
