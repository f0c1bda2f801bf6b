"""Downloads: whole and right, or refused with a part that the next call goes on from."""

import errno
import hashlib
import os
import stat

import pytest
from filelock import FileLock

from ovseg_jax.disk.atomic import OutputError
from ovseg_jax.fetching import download as module
from ovseg_jax.fetching.download import Place, Wanted, download
from ovseg_jax.fetching.web import FetchError
from tests.fetching.server import Served, serving

CONTENT = bytes(range(256)) * 4000
HASH = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def target(tmp_path):
    return tmp_path / "model.pth"


def wanted(server, path="/model.pth", **known):
    return Wanted(server.url(path), 10**7, **known)


def part_of(target):
    return target.with_name("model.pth.part")


def test_a_file_comes_whole_and_nothing_else_stays(server, target):
    server.files["/model.pth"] = Served(CONTENT)
    seen = []
    told = lambda *now: seen.append(now)  # noqa: E731
    assert download(wanted(server, sha256=HASH), target, progress=told) == HASH
    assert target.read_bytes() == CONTENT and seen[-1] == (len(CONTENT), len(CONTENT))
    assert {path.name for path in target.parent.iterdir()} <= {"model.pth", "model.pth.lock"}
    assert not stat.S_IMODE(target.stat().st_mode) & 0o077


def test_a_broken_connection_goes_on_in_the_same_call(server, target):
    server.files["/model.pth"] = Served(CONTENT, cuts=[400_000, 300_000])
    assert download(wanted(server), target) == HASH
    ranges = [headers.get("Range") for headers in server.headers("/model.pth")]
    assert ranges == [None, "bytes=400000-", "bytes=700000-"]
    assert server.headers("/model.pth")[1]["If-Range"] == '"one"'


def test_what_breaks_off_for_good_goes_on_in_the_next_call(server, target):
    server.files["/model.pth"] = Served(CONTENT, cuts=[400_000, 0, 0, 0, 0])
    with pytest.raises(FetchError, match=r"0\.4 MB are kept, and the same command goes on"):
        download(wanted(server), target)
    assert part_of(target).stat().st_size == 400_000 and not target.exists()
    server.requests.clear()
    assert download(wanted(server), target) == HASH
    assert server.headers("/model.pth")[0]["Range"] == "bytes=400000-"


def test_a_file_that_changed_in_between_starts_anew(server, target):
    server.files["/model.pth"] = Served(CONTENT, cuts=[400_000, 0, 0, 0, 0])
    with pytest.raises(FetchError):
        download(wanted(server), target)
    other = CONTENT[::-1]
    server.files["/model.pth"] = Served(other, etag='"two"')
    assert download(wanted(server), target) == hashlib.sha256(other).hexdigest()


def test_a_server_that_heeds_no_validator_is_found_out(server, target):
    """It sends the end of another file, with another ETag."""
    server.files["/model.pth"] = Served(CONTENT, cuts=[400_000, 0, 0, 0, 0])
    with pytest.raises(FetchError):
        download(wanted(server), target)
    part = part_of(target).with_name("model.pth.part.json")
    part.write_text(part.read_text().replace("one", "two"))
    server.files["/model.pth"] = Served(CONTENT, etag='"two"')
    server.files["/model.pth"].headers["ETag"] = '"three"'
    assert download(wanted(server), target) == HASH


def test_a_server_without_ranges_sends_all_again(server, target):
    server.files["/model.pth"] = Served(CONTENT, ranges=False, cuts=[400_000])
    assert download(wanted(server), target) == HASH
    assert server.headers("/model.pth")[1]["Range"] == "bytes=400000-"


@pytest.mark.parametrize("etag", ["", 'W/"weak"'])
def test_without_a_strong_validator_a_part_is_not_trusted(server, target, etag):
    server.files["/model.pth"] = Served(CONTENT, etag=etag, cuts=[400_000])
    assert download(wanted(server), target) == HASH
    assert "Range" not in server.headers("/model.pth")[1]
    server.files["/model.pth"].cuts = [400_000]
    target.unlink()
    server.requests.clear()
    assert download(wanted(server, sha256=HASH), target) == HASH, "a known hash is validator enough"
    assert server.headers("/model.pth")[1]["Range"] == "bytes=400000-"


def test_a_part_of_another_address_is_not_continued(server, target):
    server.files["/a"] = Served(CONTENT, cuts=[400_000, 0, 0, 0, 0])
    server.files["/b"] = Served(CONTENT[::-1])
    with pytest.raises(FetchError):
        download(wanted(server, "/a"), target)
    download(wanted(server, "/b"), target)
    assert target.read_bytes() == CONTENT[::-1]


def test_a_kill_before_the_last_step_downloads_nothing_again(server, target, monkeypatch):
    server.files["/model.pth"] = Served(CONTENT)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(module, "check_content", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        download(wanted(server), target)
    assert download(wanted(server), target) == HASH
    assert server.headers("/model.pth")[1]["Range"] == f"bytes={len(CONTENT)}-"


def test_ctrl_c_leaves_a_part_that_goes_on(server, target):
    server.files["/model.pth"] = Served(CONTENT)

    def press(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(wanted(server), target, progress=press)
    kept = part_of(target).stat().st_size
    assert kept > 0 and not target.exists()
    assert download(wanted(server), target) == HASH
    assert server.headers("/model.pth")[1]["Range"] == f"bytes={kept}-"


def test_a_wrong_hash_is_refused_and_not_kept(server, target):
    server.files["/model.pth"] = Served(CONTENT)
    with pytest.raises(FetchError, match=r"has the SHA-256 .*, expected 0000"):
        download(wanted(server, sha256="0" * 64), target)
    assert not target.exists() and not part_of(target).exists()
    with pytest.raises(FetchError, match="expected one that begins with 94dc52"):
        download(wanted(server, md5="94dc52"), target)
    assert download(wanted(server, md5=hashlib.md5(CONTENT).hexdigest()[:6]), target) == HASH


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/octet-stream"])
def test_a_web_page_is_not_taken_for_the_file(server, target, kind):
    server.files["/model.pth"] = Served(CONTENT, cuts=[400_000, 0, 0, 0, 0])
    with pytest.raises(FetchError):
        download(wanted(server), target)
    page = Served(b"\n<!DOCTYPE html><html>Too many requests</html>", kind=kind, ranges=False)
    server.files["/model.pth"] = page
    with pytest.raises(FetchError, match="a web page, not with the file: open it in a browser"):
        download(wanted(server), target)
    assert not target.exists()
    if kind.startswith("text"):
        assert part_of(target).stat().st_size == 400_000, "the part before it stays"


@pytest.mark.parametrize("length", [True, False])
def test_more_than_was_expected_is_refused(server, target, length):
    server.files["/model.pth"] = Served(CONTENT, length=length)
    with pytest.raises(FetchError, match="it is not that file"):
        download(Wanted(server.url("/model.pth"), 10_000), target)
    assert not target.exists() and not part_of(target).exists()


def test_a_length_that_is_not_stated_is_taken(server, target):
    server.files["/model.pth"] = Served(CONTENT, length=False)
    assert download(wanted(server), target) == HASH


def test_a_full_disk_is_told_before_and_during(server, target, monkeypatch):
    server.files["/model.pth"] = Served(CONTENT)
    with monkeypatch.context() as patch:
        patch.setattr(module, "SPARE", 10**18)
        with pytest.raises(OutputError, match=r"GB free, but .* set OVSEG_CACHE to a larger disk"):
            download(wanted(server), target)
    written = os.write

    class Full:
        def __init__(self, file):
            self.file, self.left = file, 300_000

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def write(self, block):
            if not self.left:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            done = written(self.file.fileno(), block[: self.left])
            self.left -= done
            return done

    opened = module.Part.open
    with monkeypatch.context() as patch:
        patch.setattr(module.Part, "open", lambda part: Full(opened(part)))
        with pytest.raises(OutputError, match="No space left on device .* what has come is kept"):
            download(wanted(server), target)
    assert part_of(target).stat().st_size == 300_000
    assert download(wanted(server), target) == HASH


def test_a_folder_that_may_not_be_written_is_named(server, target, monkeypatch):
    server.files["/model.pth"] = Served(CONTENT)

    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(OutputError, match=r"model\.pth.* could not be written: Permission denied"):
        download(wanted(server), target)


def test_two_processes_do_not_write_the_same_part(server, target):
    server.files["/model.pth"] = Served(CONTENT)
    other = FileLock(f"{target}.lock")
    with other, pytest.raises(FetchError, match="being downloaded by another process"):
        download(wanted(server), target)


@pytest.mark.parametrize(("status", "said"), [(404, "moved or removed"), (403, "terms")])
def test_a_refusal_is_told_at_once(server, target, status, said):
    server.files["/model.pth"] = Served(b"", status=status)
    with pytest.raises(FetchError, match=f"answers {status} .*{said}"):
        download(wanted(server), target)
    assert len(server.requests) == 1


def test_a_busy_server_is_asked_again(server, target):
    server.files["/model.pth"] = Served(b"", status=503)
    with pytest.raises(FetchError, match="answers 503"):
        download(wanted(server), target)
    assert len(server.requests) == 4


def test_redirects_carry_the_range_but_no_secret(server, target):
    with serving() as elsewhere:
        elsewhere.files["/blob"] = Served(CONTENT, cuts=[400_000])
        server.files["/model.pth"] = Served(status=302, location=elsewhere.url("/blob?signed=1"))
        place = Place(server.url("/model.pth"), "Bearer mine")
        assert download(wanted(server), target, locate=lambda: place) == HASH
        asked = elsewhere.headers("/blob")
    assert all(h["Authorization"] == "Bearer mine" for h in server.headers("/model.pth"))
    assert asked[1]["Range"] == "bytes=400000-"
    assert not [headers for headers in asked if "Authorization" in headers]


@pytest.mark.parametrize(
    "led", ["file:///etc/passwd", "ftp://example.org/a", "http://example.org/model.pth"]
)
def test_redirects_lead_to_https_alone(server, target, led):
    server.files["/model.pth"] = Served(status=302, location=led)
    with pytest.raises(FetchError, match="only https:// is opened|is not allowed"):
        download(wanted(server), target)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://example.org/model.pth", "only https"),
        ("file:///etc/passwd", "only https"),
        ("https://me:secret@example.org/model.pth", "name or password"),
    ],
)
def test_addresses_that_are_not_opened(target, address, said):
    with pytest.raises(FetchError, match=said) as raised:
        download(Wanted(address, 10**6), target)
    assert "secret" not in str(raised.value)


def test_the_network_never_leads_onto_this_machine():
    from ovseg_jax.fetching.web import check_address

    check_address("http://127.0.0.1:8000/a", beside="http://localhost:8000/b")
    for led in ("http://127.0.0.1/a", "https://localhost/a"):
        with pytest.raises(FetchError, match="leads to"):
            check_address(led, beside="https://example.org/model.pth")
