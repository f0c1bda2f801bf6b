"""Hugging Face's hub, imitated at HF_ENDPOINT: its own library asks, our download takes."""

import hashlib
import json

import pytest

from ovseg_jax.fetching import hub
from ovseg_jax.fetching.download import Wanted
from ovseg_jax.fetching.files import fetch
from ovseg_jax.fetching.web import FetchError, OfflineError
from ovseg_jax.foundation.errors import OvsegWarning
from tests.fetching.server import Served

FIRST, SECOND = "1" * 40, "2" * 40
WEIGHTS = bytes(range(256)) * 1000
HASH = hashlib.sha256(WEIGHTS).hexdigest()
FILES = {"config.json": b"{}", "model.safetensors": WEIGHTS, "setup.py": b"import os", "a/b": b"1"}
ADDRESS = "https://huggingface.co/me/mine/resolve/main/model.safetensors"


@pytest.fixture
def at(server, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", server.address)
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    return server


def publish(server, commit, files=FILES, branch="main", repository="me/mine"):
    """Lets the server answer as the hub does for a repository of one commit."""
    siblings = []
    for name, content in files.items():
        large = len(content) > 10_000
        digest = hashlib.sha256(content).hexdigest()
        lfs = {"lfs": {"sha256": digest, "size": len(content), "pointerSize": 130}} if large else {}
        siblings.append({"rfilename": name, "size": len(content), "blobId": "0" * 40, **lfs})
        for revision in (commit, branch):
            head = {"X-Repo-Commit": commit}
            path, blob = f"/{repository}/resolve/{revision}/{name}", f"/blobs/{digest}"
            if large:
                head |= {"X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(len(content))}
                elsewhere = server.url(blob).replace("127.0.0.1", "localhost")
                served = Served(status=302, location=elsewhere, headers=head)
                server.files[path] = served
                server.files[blob] = Served(content, etag=f'"{digest}"')
            else:
                server.files[path] = Served(content, etag=f'"{"b" * 40}"', headers=head)
    answer = {"id": repository, "sha": commit, "siblings": siblings, "tags": []}
    body = Served(json.dumps(answer).encode(), kind="application/json")
    for revision in (commit, branch):
        server.files[f"/api/models/{repository}/revision/{revision}"] = body


def test_a_repository_becomes_a_weights_directory_under_its_commit(at):
    publish(at, FIRST)
    folder = hub.snapshot("hf:me/mine")
    assert folder.name == FIRST and (folder / "model.safetensors").read_bytes() == WEIGHTS
    names = {path.name for path in folder.iterdir() if not path.name.endswith(".lock")}
    assert names == {"config.json", "model.safetensors"}, "nothing else of it is taken"


def test_a_pinned_revision_that_is_here_asks_nobody(at):
    publish(at, FIRST)
    first = hub.snapshot(f"hf:me/mine@{FIRST}")
    at.requests.clear()
    hub._information.cache_clear()
    assert hub.snapshot(f"hf:me/mine@{FIRST}") == first and not at.requests


def test_a_branch_that_moves_is_followed_and_the_old_commit_stays(at):
    publish(at, FIRST)
    first = hub.snapshot("hf:me/mine@main")
    publish(at, SECOND, FILES | {"model.safetensors": WEIGHTS[::-1]})
    hub._information.cache_clear()
    second = hub.snapshot("hf:me/mine@main")
    assert second.name == SECOND and (second / "model.safetensors").read_bytes() == WEIGHTS[::-1]
    assert (first / "model.safetensors").read_bytes() == WEIGHTS


def test_without_a_network_the_last_known_commit_is_taken(at, monkeypatch):
    publish(at, FIRST)
    folder = hub.snapshot("hf:me/mine")
    at.requests.clear()
    hub._information.cache_clear()
    assert hub.snapshot("hf:me/mine", offline=True) == folder and not at.requests
    with pytest.raises(OfflineError, match="hf:me/other is not here"):
        hub.snapshot("hf:me/other", offline=True)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.warns(OvsegWarning, match="taken as it was when last asked, 1111"):
        assert hub.snapshot("hf:me/mine") == folder


def test_weights_that_are_not_what_the_hub_states_are_refused(at):
    publish(at, FIRST)
    at.files[f"/blobs/{HASH}"].content = WEIGHTS[::-1]
    with pytest.raises(FetchError, match="SHA-256"):
        hub.snapshot("hf:me/mine")
    at.files[f"/blobs/{HASH}"].content = WEIGHTS
    assert hub.snapshot("hf:me/mine").name == FIRST


def test_a_download_that_broke_goes_on(at):
    publish(at, FIRST)
    at.files[f"/blobs/{HASH}"].cuts = [100_000, 0, 0, 0, 0]
    with pytest.raises(FetchError, match="the same command goes on"):
        hub.snapshot("hf:me/mine")
    hub.snapshot("hf:me/mine")
    assert at.headers(f"/blobs/{HASH}")[-1]["Range"] == "bytes=100000-"


def test_a_repository_of_other_files_is_told(at):
    publish(at, FIRST, {"pytorch_model.bin": b"1", "config.json": b"{}"})
    with pytest.raises(FetchError, match=r"holds no weights of ovseg: model\.safetensors missing"):
        hub.snapshot("hf:me/mine")


def test_what_is_not_there_is_told(at):
    with pytest.raises(FetchError, match="hf:me/mine@main"):
        hub.snapshot("hf:me/mine")


@pytest.mark.parametrize("place", ["hf:mine", "hf:me/../mine", "hf:me/mine@", "hf:me/mine@a..b"])
def test_places_that_are_none(place):
    with pytest.raises(FetchError, match="write hf:OWNER/REPO@REVISION"):
        hub.snapshot(place)


def test_a_published_file_of_the_hub_is_held_to_the_hubs_hash(at):
    publish(at, FIRST)
    found = fetch(Wanted(ADDRESS, 10**6), "model.safetensors")
    assert (found.sha256, found.revision) == (HASH, FIRST)
    with pytest.raises(FetchError, match="its publisher has changed it"):
        fetch(Wanted(ADDRESS, 10**6, sha256="0" * 64), "other.safetensors")


def test_a_token_reaches_the_hub_alone(at):
    from tests.fetching.server import serving

    publish(at, FIRST)
    with serving("localhost") as elsewhere:
        blob = f"/blobs/{HASH}"
        elsewhere.files[blob] = at.files.pop(blob)
        for path, served in at.files.items():
            if path.endswith("model.safetensors"):
                served.location = elsewhere.url(blob)
        hub.snapshot("hf:me/mine")
        asked = elsewhere.headers(blob)
    assert asked and not [headers for headers in asked if "Authorization" in headers]


@pytest.mark.parametrize(("status", "message"), [(403, "not open to you"), (451, "in a browser")])
def test_a_refusal_of_a_mirror_is_told_by_its_number(at, status, message):
    publish(at, FIRST)
    at.files["/api/models/me/mine/revision/main"] = Served(status=status)
    with pytest.raises(FetchError, match=f"the hub answers {status}: .*{message}"):
        hub.snapshot("hf:me/mine")
