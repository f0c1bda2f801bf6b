"""Who may ask: this machine, by its own names, from its own page, not too often, with the token."""

import re

import pytest

from ovseg_jax.serve.app import PAGE, PAGE_FILES
from ovseg_jax.serve.guard import HEADERS, host_name
from ovseg_jax.serve.limits import Limits

TOKEN = "0123456789abcdefgh"


def test_other_names_of_this_server_are_refused(serve):
    """A site may give its own name to 127.0.0.1 and then read what the page says."""
    client = serve()
    got = client.get("/api/status", headers={"host": "evil.example:8642"})
    assert got.status_code == 421 and "'evil.example'" in got.json()["error"]
    for host in ("localhost:8642", "127.0.0.1", "[::1]:80", "LOCALHOST"):
        assert client.get("/api/status", headers={"host": host}).status_code == 200
    assert serve(hosts=["box.lan"]).get("/", headers={"host": "box.lan"}).status_code == 200


def test_pages_of_other_sites_may_not_send(client, scene):
    def send(origin):
        return client.post("/api/photos", content=scene, headers={"origin": origin}).status_code

    assert send("https://evil.example") == send("null") == send("http://localhost:81") == 403
    assert send("http://localhost") == 201
    assert "access-control-allow-origin" not in client.get("/api/status").headers


def test_with_a_token_nothing_but_the_page_opens_without_it(serve):
    client = serve(token=TOKEN)
    assert client.get("/").status_code == client.get("/page/page.js").status_code == 200
    for given in ({}, {"authorization": "Bearer wrong"}, {"authorization": TOKEN[:-1]}):
        for path in ("/api/status", "/api/photos/x/picture", "/openapi.json", "/api/examples/0"):
            assert client.get(path, headers=given).status_code == 401
    right = {"authorization": f"Bearer {TOKEN}"}
    assert client.get("/api/status", headers=right).status_code == 200


def test_requests_of_a_minute_are_counted(serve):
    client = serve(Limits(per_minute=3))
    statuses = [client.get("/api/status").status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    assert 0 < int(client.get("/api/status").headers["retry-after"]) <= 61


def test_the_page_can_load_nothing_from_elsewhere(client):
    """By its own text, and by what it tells browsers."""
    page = client.get("/")
    for name, value in HEADERS.items():
        assert page.headers[name] == value
    assert "default-src 'self'" in page.headers["content-security-policy"]
    for name in PAGE_FILES:
        text = (PAGE / name).read_text()
        assert not re.search(r"https?://|//[a-z]+\.|url\(|@import|eval\(|innerHTML", text), name
        assert client.get(f"/page/{name}").headers["content-type"] == PAGE_FILES[name]
    assert {path.name for path in PAGE.iterdir()} == set(PAGE_FILES)


@pytest.mark.parametrize("path", ["/page/../app.py", "/page/%2e%2e/app.py", "/page/app.py"])
def test_no_other_file_is_given(client, path):
    assert client.get(path).status_code == 404


def test_names_of_hosts():
    assert list(map(host_name, ("A.b:1", "[::1]:80", "[::1]", "", "x"))) == [
        *("a.b", "::1", "::1", "", "x")
    ]
