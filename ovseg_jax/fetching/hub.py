"""Hugging Face's hub, asked through its own library; the bytes come by our download.

Only files of the names of a weights directory are ever taken from a repository, and nothing in
them is executed.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ovseg_jax.fetching import cache
from ovseg_jax.fetching.download import Place, Wanted, download
from ovseg_jax.fetching.table import LARGEST
from ovseg_jax.fetching.web import (
    TRANSIENT,
    BrokenError,
    FetchError,
    OfflineError,
    check_address,
    is_offline,
    meaning_of,
    shown,
)
from ovseg_jax.foundation.errors import warn

PREFIX = "hf:"
HOST = "huggingface.co"
ENTRIES = ("model.safetensors", "report.json", "tokenizer.model", "config.json")
"""Files of a weights directory; the last one makes it one that is read."""
_ADDRESS = re.compile(r"/([\w.-]+/[\w.-]+)/resolve/([^/]+)/(.+)")
_PLACE = re.compile(r"hf:([\w][\w.-]*/[\w][\w.-]*)(?:@([\w][\w./-]*))?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_HASH = re.compile(r"[0-9a-f]{64}")
Progress = Callable[[int, int], object]
REFUSALS = {
    "GatedRepoError": "it asks for a login: accept the terms on its page, then `hf auth login`",
    "RevisionNotFoundError": "there is no such revision",
    "RepositoryNotFoundError": "there is no such repository, or it is private (`hf auth login`)",
    "EntryNotFoundError": "the repository has no such file",
}
"""Errors of the hub's library that trying again does not help, the special before the general."""


@dataclasses.dataclass(frozen=True)
class Located:
    """What the hub says of a file.

    Attributes:
        place: Where the bytes are now.
        sha256: Hash of the content; empty for small files, of which the hub keeps another.
        size: Bytes.
        commit: The revision that a branch or tag is now.
    """

    place: Place
    sha256: str
    size: int
    commit: str


def is_hub(address: str) -> bool:
    """Whether an address is one of the hub's files."""
    parts = urlsplit(address)
    return parts.hostname == HOST and bool(_ADDRESS.fullmatch(parts.path))


def locate(address: str, revision: str = "") -> Located:
    """Asks the hub where a file is.

    Args:
        address: `https://huggingface.co/OWNER/REPO/resolve/REVISION/FILE`.
        revision: The commit to take in place of the address's branch.

    Raises:
        FetchError: There is no such file, or it is not open to this user.
        BrokenError: The hub cannot be reached.
    """
    import huggingface_hub as library

    match = _ADDRESS.fullmatch(urlsplit(address).path)
    if match is None:
        raise FetchError(f"{shown(address)} is no file of the hub")
    repository, branch, name = match.groups()
    options = {"revision": revision or branch, "endpoint": _endpoint()}
    url = library.hf_hub_url(repository, name, **options)
    found = _asked(address, lambda: library.get_hf_file_metadata(url, endpoint=_endpoint()))
    etag = found.etag or ""
    secret = _secret() if urlsplit(found.location).netloc == urlsplit(url).netloc else ""
    sha256 = etag if _HASH.fullmatch(etag) else ""
    return Located(Place(found.location, secret), sha256, found.size or 0, found.commit_hash or "")


def snapshot(place: str, *, offline: bool = False, progress: Progress = lambda d, t: None) -> Path:
    """Returns the weights directory of a repository, downloading what is not there.

    Args:
        place: "hf:OWNER/REPO", or "hf:OWNER/REPO@REVISION" with a commit, tag or branch.
        offline: Use only what is there.
        progress: Receives bytes of the file that comes, and in all.

    Raises:
        FetchError: There is no such place, it holds no weights of ours, or the hub refuses.
        OfflineError: It is not here, and the network is switched off.
        OutputError: The disk refuses.
    """
    match = _PLACE.fullmatch(place)
    if match is None or ".." in place:
        raise FetchError(f"{place} is no place of the hub; write hf:OWNER/REPO@REVISION")
    repository, revision = match[1], match[2] or "main"
    folder = cache.weights_cache() / "hub" / repository.replace("/", "--")
    commit = _commit(place, repository, revision, folder, is_offline(offline))
    if not (folder / commit / ENTRIES[-1]).is_file():
        if is_offline(offline):
            raise OfflineError(f"{place} is not here, and the network is switched off")
        _download_all(place, repository, commit, progress)
    return folder / commit


def _commit(place: str, repository: str, revision: str, folder: Path, offline: bool) -> str:
    """Returns the commit that a revision is: a pinned one as it is, others as the hub says now."""
    if _COMMIT.fullmatch(revision):
        return revision
    record = folder / "refs" / f"{cache.key_of(revision)}.json"
    known = cache.read_record(record).get("commit", "")
    known = known if isinstance(known, str) and _COMMIT.fullmatch(known) else ""
    if offline:
        if not known:
            raise OfflineError(f"{place} is not here, and the network is switched off")
        return known
    try:
        commit = _information(repository, revision, _endpoint()).sha
    except BrokenError as error:
        if not known:
            raise FetchError(str(error)) from error
        warn(f"{error}; {place} is taken as it was when last asked, {known[:12]}")
        return known
    if commit != known:
        cache.private_folder("hub", folder.name, "refs")
        cache.write_record(record, {"revision": revision, "commit": commit})
    return commit


def _download_all(place: str, repository: str, commit: str, progress: Progress) -> None:
    there = {
        item.rfilename: item for item in _information(repository, commit, _endpoint()).siblings
    }
    missing = [name for name in (ENTRIES[0], ENTRIES[-1]) if name not in there]
    if missing:
        raise FetchError(
            f"{place} holds no weights of ovseg: {' and '.join(missing)} missing. `ovseg push` "
            "makes such a folder; files of others are converted (docs/weights.md)"
        )
    folder = cache.private_folder("hub", repository.replace("/", "--"), commit)
    for name in (name for name in ENTRIES if name in there):
        if not (folder / name).is_file():
            _download_one(repository, commit, name, there[name], folder, progress)


def _download_one(
    repository: str, commit: str, name: str, item: Any, folder: Path, progress: Progress
) -> None:
    address = f"https://{HOST}/{repository}/resolve/{commit}/{name}"
    stated = getattr(item.lfs, "sha256", "") if item.lfs else ""
    wanted = Wanted(address, item.size or LARGEST, stated or "")
    download(wanted, folder / name, locate=lambda: locate(address).place, progress=progress)


@functools.lru_cache(maxsize=32)
def _information(repository: str, revision: str, endpoint: str) -> Any:
    """Asks once per process what a repository holds."""
    import huggingface_hub as library

    hub = library.HfApi(endpoint=endpoint, library_name="ovseg_jax")
    where = f"hf:{repository}@{revision}"
    return _asked(where, lambda: hub.model_info(repository, revision=revision, files_metadata=True))


def _endpoint() -> str:
    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or f"https://{HOST}"
    check_address(endpoint)
    return endpoint


def _secret() -> str:
    from huggingface_hub.utils import build_hf_headers

    return build_hf_headers().get("authorization", "")


def _asked(where: str, question: Callable[[], Any]) -> Any:
    """Asks the hub; its library has many errors, of which those that say why are passed on."""
    from huggingface_hub import errors

    named = where if where.startswith(PREFIX) else shown(where)
    try:
        return question()
    except (errors.HfHubHTTPError, OSError, RuntimeError) as error:
        for kind, meaning in REFUSALS.items():
            if isinstance(error, getattr(errors, kind)):
                raise FetchError(f"{named}: {meaning}") from error
        code = getattr(getattr(error, "response", None), "status_code", 0)
        if code and code not in TRANSIENT:
            raise FetchError(f"{named}: the hub answers {code}: {meaning_of(code)}") from error
        raise BrokenError(f"{named}: the hub cannot be reached: {_first_line(error)}") from error
    except Exception as error:  # its client of HTTP has errors of its own
        if not type(error).__module__.startswith(("http", "requests")):
            raise
        raise BrokenError(f"{named}: the hub cannot be reached: {_first_line(error)}") from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
