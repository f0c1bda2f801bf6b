"""Published files in the cache: recorded the first time, held to the record from then on."""

import stat

import pytest

from ovseg_jax.fetching import cache
from ovseg_jax.fetching.download import Wanted
from ovseg_jax.fetching.files import fetch, file_place
from ovseg_jax.fetching.web import FetchError, OfflineError
from tests.fetching.server import Served


@pytest.fixture
def wanted(server):
    server.files["/a.pth"] = Served(b"first " * 1000)
    return Wanted(server.url("/a.pth"), 10**6)


def test_the_second_call_asks_nobody(server, wanted):
    first = fetch(wanted, "a.pth")
    server.files.clear()
    assert fetch(wanted, "a.pth") == first and len(server.requests) == 1
    assert first.path == file_place(wanted.address, "a.pth")
    record = cache.read_record(first.path.with_name(".a.pth.record"))
    assert record["sha256"] == first.sha256 and record["size"] == 6000


def test_the_cache_is_the_users_alone(wanted):
    folder = fetch(wanted, "a.pth").path.parent
    for place in (folder, cache.weights_cache()):
        assert stat.S_IMODE(place.stat().st_mode) == 0o700


def test_a_file_that_was_altered_on_the_disk_is_found_out(wanted):
    path = fetch(wanted, "a.pth").path
    path.write_bytes(b"other")
    with pytest.raises(FetchError, match="SHA-256"):
        fetch(wanted, "a.pth")
    assert not path.exists(), "the next call downloads it"
    fetch(wanted, "a.pth")


def test_a_publisher_who_changes_a_file_is_found_out(server, wanted):
    fetch(wanted, "a.pth").path.unlink()
    server.files["/a.pth"] = Served(b"second", etag='"two"')
    with pytest.raises(
        FetchError, match=r"not the file that was downloaded first.*--accept-changed"
    ):
        fetch(wanted, "a.pth")
    found = fetch(wanted, "a.pth", accept_changed=True)
    assert found.path.read_bytes() == b"second"
    assert fetch(wanted, "a.pth") == found, "and is what is recorded from now on"


@pytest.mark.parametrize("by", ["option", "variable"])
def test_offline_nothing_is_asked(server, wanted, monkeypatch, by):
    if by == "variable":
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(OfflineError, match="the network is switched off"):
        fetch(wanted, "a.pth", offline=by == "option")
    assert not server.requests
