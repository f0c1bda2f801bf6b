"""Google Drive's page between a large file and its download, imitated."""

import hashlib

import pytest

from ovseg_jax.fetching import drive
from ovseg_jax.fetching.download import Wanted
from ovseg_jax.fetching.files import fetch
from ovseg_jax.fetching.web import FetchError
from tests.fetching.server import Served

ADDRESS = "https://drive.google.com/uc?id=1-91PIns86"
CONTENT = bytes(range(256)) * 1000
PAGE = """<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title></head><body>
<p class="uc-warning-caption">Google Drive can't scan this file for viruses.</p>
<form id="search" action="/search"><input type="hidden" name="q" value="1"></form>
<form id="download-form" action="{action}" method="get">
<input type="submit" id="uc-download-link" value="Download anyway"/>
<input type="hidden" name="id" value="1-91PIns86"><input type="hidden" name="confirm" value="t">
<input type="hidden" name="uuid" value="a&amp;b"></form></body></html>"""
REFUSAL = """<html><body><p class="uc-error-caption">Sorry, you can't view or download this file at
this time.</p><p class="uc-error-subcaption">Too many users have viewed it recently.</p>
<p>Other text.</p></body></html>"""


@pytest.fixture
def asked(server, monkeypatch):
    monkeypatch.setattr(drive, "ASK", server.url("/uc"))
    server.files["/download"] = Served(CONTENT)
    return server


def page(action):
    return Served(PAGE.format(action=action).encode(), kind="text/html; charset=utf-8")


def get(**known):
    return fetch(Wanted(ADDRESS, 10**6, **known), "model.pth")


@pytest.mark.parametrize("action", ["/download", "{whole}/download"])
def test_the_page_is_answered_with_its_hidden_fields(asked, action):
    asked.files["/uc"] = page(action.format(whole=asked.address))
    found = get()
    assert found.path.read_bytes() == CONTENT
    assert found.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert asked.requests[0][0] == "/uc?export=download&id=1-91PIns86"
    assert asked.requests[1][0] == "/download?id=1-91PIns86&confirm=t&uuid=a%26b"


def test_a_small_file_comes_without_a_page(asked):
    asked.files["/uc"] = Served(CONTENT)
    assert get().path.read_bytes() == CONTENT


def test_a_download_behind_the_page_goes_on(asked):
    asked.files["/uc"] = page("/download")
    asked.files["/download"].cuts = [100_000, 0, 0, 0, 0]
    with pytest.raises(FetchError, match="the same command goes on"):
        get()
    get()
    assert asked.headers("/download")[-1]["Range"] == "bytes=100000-"


def test_a_refusal_is_told_in_drives_words_with_what_to_do(asked):
    asked.files["/uc"] = Served(REFUSAL.encode(), kind="text/html")
    with pytest.raises(FetchError, match=r"Too many users .*in a browser.*--file FILE") as raised:
        get()
    assert "Other text" not in str(raised.value)
    assert "uc?id=1-91PIns86" in str(raised.value)


def test_a_page_that_leads_elsewhere_is_not_followed(asked):
    asked.files["/uc"] = page("https://example.org/download")
    with pytest.raises(FetchError, match=r"leads to https://example\.org/download"):
        get()
