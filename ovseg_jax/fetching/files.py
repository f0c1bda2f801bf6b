"""Published files in the cache: downloaded once, with a record that later copies are held to."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ovseg_jax.fetching import cache, drive, hub
from ovseg_jax.fetching.download import Place, Wanted, check_content, download
from ovseg_jax.fetching.web import FetchError, OfflineError, is_offline, shown

Progress = Callable[[int, int], object]


@dataclasses.dataclass(frozen=True)
class Fetched:
    """A published file that is here.

    Attributes:
        path: Where.
        sha256: Hash of its content.
        revision: Commit of the hub that it came with; empty elsewhere.
    """

    path: Path
    sha256: str
    revision: str = ""


def file_place(address: str, name: str) -> Path:
    """Returns where the cache keeps the file of an address."""
    return cache.weights_cache() / "files" / cache.key_of(address) / name


def fetch(
    wanted: Wanted,
    name: str,
    *,
    group: str = "",
    offline: bool = False,
    accept_changed: bool = False,
    progress: Progress = lambda done, total: None,
) -> Fetched:
    """Returns a published file from the cache, downloading it if it is not there.

    Args:
        wanted: What it is.
        name: What it is called there.
        group: Address whose folder it shares; by default its own.
        offline: Use only what is there.
        accept_changed: Take another content than that of the first download.
        progress: Receives bytes so far and in all (0 if unknown).

    Raises:
        FetchError: It cannot be had, or is not what it was.
        OfflineError: It is not here, and the network is switched off.
        OutputError: The disk refuses.
    """
    path = file_place(group or wanted.address, name)
    notes = cache.private_folder("files", path.parent.name) / f".{name}.record"
    known = {} if accept_changed else cache.read_record(notes)
    held = dataclasses.replace(wanted, sha256=wanted.sha256 or str(known.get("sha256", "")))
    if path.is_file():
        found = check_content(path, held, path.unlink)
        return Fetched(path, found, str(known.get("revision", "")))
    if is_offline(offline):
        raise OfflineError(f"{shown(wanted.address)} is not here, and the network is switched off")
    record = _download(held, path, progress, bool(known) and not wanted.sha256)
    day = known.get("first") or datetime.date.today().isoformat()
    cache.write_record(notes, {"address": wanted.address, "first": day, **record})
    return Fetched(path, record["sha256"], record["revision"])


def _download(wanted: Wanted, path: Path, progress: Progress, recorded: bool) -> dict[str, Any]:
    revision, locate = "", None
    if hub.is_hub(wanted.address):
        found = hub.locate(wanted.address)
        wanted, revision = _as_the_hub_says(wanted, found, recorded), found.commit
        locate = _hub_place(wanted.address, revision)
    elif drive.is_drive(wanted.address):
        locate = _drive_place(wanted.address)
    try:
        sha256 = download(wanted, path, locate=locate, progress=progress)
    except FetchError as error:
        if recorded and "SHA-256" in str(error):
            raise FetchError(_changed(wanted)) from error
        raise
    return {"sha256": sha256, "size": path.stat().st_size, "revision": revision}


def _as_the_hub_says(wanted: Wanted, found: hub.Located, recorded: bool) -> Wanted:
    """Holds a download to the hash that the hub states, before a byte of it comes."""
    if wanted.sha256 and found.sha256 and wanted.sha256 != found.sha256:
        if recorded:
            raise FetchError(_changed(wanted))
        raise FetchError(
            f"{shown(wanted.address)} has the SHA-256 {found.sha256[:16]}... on the hub, expected "
            f"{wanted.sha256[:16]}...: its publisher has changed it"
        )
    return dataclasses.replace(wanted, sha256=wanted.sha256 or found.sha256)


def _hub_place(address: str, revision: str) -> Callable[[], Place]:
    return lambda: hub.locate(address, revision).place


def _drive_place(address: str) -> Callable[[], Place]:
    return lambda: drive.locate(address)


def _changed(wanted: Wanted) -> str:
    return (
        f"{shown(wanted.address)} is not the file that was downloaded first (SHA-256 "
        f"{wanted.sha256[:16]}...): its publisher has changed it, or it was changed on its way; "
        "--accept-changed takes it as it is now"
    )
