"""Opening addresses: https only, redirects too, and no secret follows a redirect."""

from __future__ import annotations

import http.client
import ipaddress
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ovseg_jax.foundation.errors import OvsegError
from ovseg_jax.foundation.version import VERSION

SECONDS = 30.0
"""How long a server may be silent."""
OFFLINE = "HF_HUB_OFFLINE"
"""Environment variable of Hugging Face's libraries; "1", "on", "yes" or "true" mean no network."""
TRANSIENT = {408, 425, 429, 500, 502, 503, 504}


class FetchError(OvsegError, OSError):
    """A file could not be downloaded; the message names the address and what to do."""

    def __init__(self, message: str, status: int = 0):
        """Keeps the status that a server refused with; 0 where none did."""
        super().__init__(message)
        self.status = status


class BrokenError(OvsegError, OSError):
    """The connection broke, or the server is busy: the same again may help."""


class OfflineError(OvsegError, OSError):
    """The network is needed and was switched off."""


def is_offline(asked: bool = False) -> bool:
    """Whether the network may not be used: by an option, or by `HF_HUB_OFFLINE`."""
    return asked or os.environ.get(OFFLINE, "").lower() in ("1", "on", "yes", "true")


def check_address(address: str, *, beside: str = "") -> None:
    """Refuses what is not https; plain http is for servers on this machine.

    Args:
        address: What is about to be opened.
        beside: The address that led there; one in the network never leads onto this machine.

    Raises:
        FetchError: Says what was found.
    """
    parts, home = urlsplit(address), is_loopback(address)
    if parts.username is not None or parts.password is not None:
        raise FetchError(f"{shown(address)} holds a name or password; addresses are kept on disk")
    if parts.scheme == "https" and parts.hostname and not (home and beside):
        return
    if home and parts.scheme in ("http", "https") and (not beside or is_loopback(beside)):
        return
    led = f"{shown(beside)} leads to " if beside else ""
    raise FetchError(f"{led}{shown(address)}, but only https:// is opened")


def is_loopback(address: str) -> bool:
    """Whether an address is on this machine."""
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def shown(address: str) -> str:
    """Returns an address for messages: without names, passwords and signatures."""
    parts = urlsplit(address)
    port = f":{parts.port}" if parts.port else ""
    name = (
        f"?id={parts.query.partition('id=')[2].partition('&')[0]}" if "id=" in parts.query else ""
    )
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}{name}"


def open_address(
    address: str, headers: Mapping[str, str] | None = None, *, secret: str = ""
) -> Any:
    """Sends a GET and returns the answer, an `http.client.HTTPResponse`, once its head is there.

    Args:
        address: What to open.
        headers: Sent to every server of a chain of redirects.
        secret: The header `Authorization`, sent to the first server alone.

    Raises:
        FetchError: The server refuses (`status`), or leads to an address that is not opened.
        BrokenError: It cannot be reached, or is busy.
    """
    check_address(address)
    agent = {"User-Agent": f"ovseg_jax/{VERSION}", "Accept-Encoding": "identity"}
    request = urllib.request.Request(address, headers={**agent, **(headers or {})})
    if secret:
        request.add_unredirected_header("Authorization", secret)
    try:
        return _opener(address).open(request, timeout=SECONDS)
    except urllib.error.HTTPError as error:
        error.close()
        raise _refused(address, error.code, error.reason) from error
    except FetchError:
        raise
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error or type(error).__name__
        raise BrokenError(f"{shown(address)} cannot be reached: {reason}") from error


class _Redirects(urllib.request.HTTPRedirectHandler):
    max_redirections = 10

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        """Follows a redirect if its target may be opened."""
        check_address(newurl, beside=req.full_url)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener(address: str) -> urllib.request.OpenerDirector:
    """Proxies of the environment hold, but not for servers on this machine."""
    proxies = [urllib.request.ProxyHandler({})] if is_loopback(address) else []
    return urllib.request.build_opener(_Redirects(), *proxies)


def _refused(address: str, code: int, reason: str) -> OvsegError:
    text = f"{shown(address)} answers {code} {reason}"
    if code in TRANSIENT:
        return BrokenError(text)
    return FetchError(f"{text}: {meaning_of(code)}", code)


def meaning_of(code: int) -> str:
    """What a refusal that trying again does not help asks of the user."""
    meanings = {
        401: "it asks for a login: accept the publisher's terms there, then `hf auth login`",
        403: "it is not open to you: accept the publisher's terms there, or take another copy",
        404: "the publisher has moved or removed it; `ovseg get NAME --file FILE` takes a copy "
        "of yours",
    }
    return meanings.get(code, "open it in a browser")
