"""What every request passes before anything else: where it comes from, how often, how large.

The page speaks for whoever can reach it. So only this machine can by default, names that other
sites give to it are refused (DNS rebinding), other sites' pages may not send (cross-site requests),
and any other address needs a token.
"""

from __future__ import annotations

import hmac
import time
from collections import OrderedDict, deque
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ovseg_jax.serve.limits import LOOPBACK, Limits, Refusal

SAFE = ("GET", "HEAD")
OPEN = ("/", "/page/")
"""What needs no token: the page itself, which holds nothing."""
MINUTE = 60.0
ADDRESSES = 4096
"""Whose requests are counted at once."""
HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' blob: data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
"""The page may load nothing from elsewhere, and nothing of it is kept by browsers on disk."""


class Guard:
    """Middleware: refuses, or passes on, with headers that keep the page to itself."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str], token: str, limits: Limits):
        """Prepares the checks.

        Args:
            app: What answers.
            hosts: Names by which this server may be called, beside those of loopback.
            token: What requests must carry as `Authorization: Bearer ...`; empty for none.
            limits: For sizes and rates.
        """
        self._app, self._token, self._limits = app, token, limits
        self._hosts = {*LOOPBACK, *hosts}
        self._seen: OrderedDict[str, deque[float]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Checks one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            self._check_place(scope, headers)
            self._check_rate(scope)
            self._check_token(scope, headers)
            check_length(headers, self._limits.upload_bytes)
        except Refusal as refusal:
            await refused(refusal)(scope, receive, _with_headers(send))
            return
        await self._app(scope, receive, _with_headers(send))

    def _check_place(self, scope: Scope, headers: Headers) -> None:
        host = headers.get("host", "")
        if host_name(host) not in self._hosts:
            raise Refusal(
                421,
                f"this server is not called {host_name(host)!r}; start it with --host or --name",
            )
        origin = headers.get("origin")
        if scope["method"] not in SAFE and origin and origin.split("://")[-1] != host:
            raise Refusal(403, f"a page of {origin} may not send requests here")

    def _check_rate(self, scope: Scope) -> None:
        address, now = (scope.get("client") or ("", 0))[0], time.monotonic()
        times = self._seen.setdefault(address, deque())
        self._seen.move_to_end(address)
        while len(self._seen) > ADDRESSES:
            self._seen.popitem(last=False)
        while times and now - times[0] > MINUTE:
            times.popleft()
        if len(times) >= self._limits.per_minute:
            wait = int(MINUTE - (now - times[0])) + 1
            raise Refusal(429, f"{len(times)} requests in a minute; wait {wait} s", wait)
        times.append(now)

    def _check_token(self, scope: Scope, headers: Headers) -> None:
        path = scope["path"]
        if not self._token or path == OPEN[0] or path.startswith(OPEN[1]):
            return
        given = headers.get("authorization", "").removeprefix("Bearer ").encode()
        if not hmac.compare_digest(given, self._token.encode()):
            raise Refusal(401, "give the token: open the address that `ovseg serve` printed")


def check_length(headers: Headers, most: int) -> None:
    """Refuses a body that says that it is too long.

    Raises:
        Refusal: It is, or its length is no number.
    """
    said = headers.get("content-length", "0")
    if not said.isdecimal() or int(said) > most:
        raise Refusal(413, f"the request has {said} bytes; at most {most}")


def refused(refusal: Refusal) -> JSONResponse:
    """The response to a request that is not answered."""
    headers = {"retry-after": str(refusal.wait)} if refusal.wait else None
    return JSONResponse({"error": str(refusal)}, refusal.status, headers)


def host_name(host: str) -> str:
    """The name in a `Host` header, without its port: "[::1]:80" is "::1"."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            raw = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
            message["headers"] = [*message.get("headers", []), *raw]
        await send(message)

    return sending
