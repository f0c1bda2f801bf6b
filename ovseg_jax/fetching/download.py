"""Downloading a file so that nothing is lost and nothing else is taken for it.

A part stays when the connection breaks, the disk fills or Ctrl-C comes, and the next call goes on
from there. The file appears under its name once it is whole and its hash is right.
"""

from __future__ import annotations

import dataclasses
import hashlib
import http.client
import shutil
import time
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ovseg_jax.disk.atomic import OutputError, reason
from ovseg_jax.fetching.part import Part
from ovseg_jax.fetching.web import BrokenError, FetchError, open_address, shown

PAUSES = (1.0, 3.0, 10.0)
"""Seconds before another attempt; they start over whenever bytes came."""
CHUNK = 2**20
SPARE = 64 * 2**20
"""Bytes that a download leaves free on the disk."""


@dataclasses.dataclass(frozen=True)
class Place:
    """Where the bytes are at this moment.

    Attributes:
        address: What to open; it may be signed and good for minutes only.
        secret: The header `Authorization` for its server.
    """

    address: str
    secret: str = ""


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What is known of a file before it is there.

    Attributes:
        address: Where it is published; parts of other addresses are not continued.
        most: Bytes beyond which it is not that file.
        sha256: Hash of its content; empty if unknown.
        md5: Beginning of its MD5; empty if unknown.
    """

    address: str
    most: int
    sha256: str = ""
    md5: str = ""


def download(
    wanted: Wanted,
    target: Path,
    *,
    locate: Callable[[], Place] | None = None,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> str:
    """Downloads a file, going on from a part of it that is there.

    Args:
        wanted: What it is.
        target: Where it goes; its folder is there.
        locate: Says where the bytes are, asked before each attempt; by default the address itself.
        progress: Receives bytes so far and in all (0 if unknown).

    Returns:
        The SHA-256 of the file.

    Raises:
        FetchError: It cannot be had, is too large, is a web page, or has another hash.
        OutputError: The disk refuses.
    """
    try:
        with FileLock(f"{target}.lock", timeout=0):
            part = Part(target, wanted.address)
            _receive_all(part, wanted, locate or (lambda: Place(wanted.address)), progress)
            found = check_content(part.path, wanted, part.discard)
            part.finish(target)
            return found
    except Timeout as error:
        raise FetchError(f"{target} is being downloaded by another process") from error
    except PermissionError as error:
        raise OutputError(f"{target} could not be written: {reason(target, error)}") from error


def check_content(path: Path, wanted: Wanted, discard: Callable[[], object] = lambda: None) -> str:
    """Returns the SHA-256 of a file that is what was wanted.

    Args:
        path: The file.
        wanted: What is known of it.
        discard: Called before anything else is refused.

    Raises:
        FetchError: It has another hash.
    """
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if wanted.sha256 and found != wanted.sha256:
        discard()
        raise FetchError(
            f"{shown(wanted.address)} has the SHA-256 {found[:16]}..., expected "
            f"{wanted.sha256[:16]}...: changed on its way or by its publisher, and not used"
        )
    if wanted.md5:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
        if not digest.hexdigest().startswith(wanted.md5):
            discard()
            raise FetchError(
                f"{shown(wanted.address)} has the MD5 {digest.hexdigest()}, expected one that "
                f"begins with {wanted.md5}, as its publisher states; it is not used"
            )
    return found


def _receive_all(
    part: Part, wanted: Wanted, locate: Callable[[], Place], progress: Callable[[int, int], object]
) -> None:
    """Tries again as long as bytes come, and a few times when none do."""
    failures = 0
    while True:
        before = part.size
        try:
            return _receive(part, wanted, locate(), progress)
        except BrokenError as error:
            failures = 1 if part.size > before else failures + 1
            if failures > len(PAUSES):
                kept = (
                    f"; {part.size / 1e6:.1f} MB are kept, and the same command goes on from there"
                )
                raise FetchError(f"{error}{kept if part.size else ''}") from error
            time.sleep(PAUSES[failures - 1])


def _receive(
    part: Part, wanted: Wanted, place: Place, progress: Callable[[int, int], object]
) -> None:
    """Opens the address at the end of the part and adds what comes."""
    headers = {}
    known = part.validator()
    if part.size and (known or wanted.sha256):
        headers = {"Range": f"bytes={part.size}-"} | ({"If-Range": known} if known else {})
    try:
        answer = open_address(place.address, headers, secret=place.secret)
    except FetchError as error:
        if error.status != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE or not headers:
            raise
        if part.size == part.head.get("total"):
            return  # a kill between the last byte and the new name
        part.discard()
        raise BrokenError(str(error)) from error
    with answer:
        total = _begin(part, wanted, answer, place)
        _copy(part, wanted, answer, total, progress)


def _begin(part: Part, wanted: Wanted, answer: Any, place: Place) -> int:
    """Checks the head of an answer; returns the size of the whole, 0 if unknown."""
    kind = answer.headers.get_content_type()
    if kind in ("text/html", "application/xhtml+xml"):
        raise FetchError(_page(wanted.address))
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        raise FetchError(f"{shown(place.address)} sends the file compressed, which was not asked")
    start, total = _range(answer)
    head = {
        "etag": answer.headers.get("ETag", ""),
        "modified": answer.headers.get("Last-Modified", ""),
        "total": total,
    }
    if total > wanted.most:
        raise FetchError(_too_large(wanted, total))
    if start and (start != part.size or not part.belongs(head)):
        part.discard()
        raise BrokenError(f"{shown(wanted.address)} has changed since its first part came")
    _check_room(part, total - start)
    if not start:
        part.begin(head)
    return total


def _range(answer: Any) -> tuple[int, int]:
    """Returns where the answer starts in the file, and how long the file is (0 if unknown)."""
    if answer.status != http.HTTPStatus.PARTIAL_CONTENT:
        length = answer.headers.get("Content-Length", "")
        return 0, int(length) if length.isdecimal() else 0
    span, _, total = answer.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
    start = span.partition("-")[0]
    if not start.isdecimal():
        raise BrokenError(f"{shown(answer.url)} answers with a part that does not say which")
    return int(start), int(total) if total.isdecimal() else 0


def _check_room(part: Part, needed: int) -> None:
    free = shutil.disk_usage(part.path.parent).free
    if needed + SPARE > free:
        raise OutputError(
            f"{part.path.parent} has {free / 1e9:.1f} GB free, but {needed / 1e9:.1f} GB are still "
            "to come; set OVSEG_CACHE to a larger disk"
        )


def _copy(
    part: Part, wanted: Wanted, answer: Any, total: int, progress: Callable[[int, int], object]
) -> None:
    done = part.size
    with part.open() as file:
        while block := _read(answer, wanted):
            if not done and looks_like_page(block):
                file.close()
                part.discard()
                raise FetchError(_page(wanted.address))
            done += len(block)
            if done > wanted.most:
                file.close()
                part.discard()
                raise FetchError(_too_large(wanted, done))
            _write(part, file, block)
            progress(done, total)
    if total and done != total:
        raise BrokenError(f"{shown(wanted.address)} broke off after {done:,} of {total:,} bytes")


def _read(answer: Any, wanted: Wanted) -> bytes:
    try:
        return answer.read1(CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise BrokenError(f"{shown(wanted.address)} broke off: {error}") from error


def _write(part: Part, file: FileIO, block: bytes) -> None:
    """Writes without a buffer, so that closing the file after an error writes nothing."""
    left = memoryview(block)
    try:
        while left:
            left = left[file.write(left) :]
    except OSError as error:
        raise OutputError(
            f"{part.path} could not be written: {reason(part.path, error)}; what has come is kept, "
            "and the same command goes on from there"
        ) from error


def looks_like_page(start: bytes) -> bool:
    """Whether content begins as a web page does."""
    return start[:256].lstrip().lower().startswith((b"<!doctype html", b"<html"))


def _page(address: str) -> str:
    return (
        f"{shown(address)} answers with a web page, not with the file: open it in a browser, "
        "download the file there, and say `ovseg get NAME --file FILE`"
    )


def _too_large(wanted: Wanted, size: int) -> str:
    return (
        f"{shown(wanted.address)} has {size / 1e9:.2f} GB or more, but at most "
        f"{wanted.most / 1e9:.2f} GB were expected; it is not that file"
    )
