"""A server of files on this machine that can do what servers do wrong."""

import contextlib
import dataclasses
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclasses.dataclass
class Served:
    """What the server answers to one path.

    Attributes:
        content: The file.
        etag: Its ETag; empty for none.
        ranges: Whether it answers requests for a part by a part.
        cuts: Bytes after which it drops the connection, one for each request; then it does not.
        kind: Content-Type.
        status: Status of the answer.
        location: Where it redirects.
        length: Whether it says how much comes.
        headers: More headers.
    """

    content: bytes = b""
    etag: str = '"one"'
    ranges: bool = True
    cuts: list[int] = dataclasses.field(default_factory=list)
    kind: str = "application/octet-stream"
    status: int = 200
    location: str = ""
    length: bool = True
    headers: dict[str, str] = dataclasses.field(default_factory=dict)


class Server:
    """Answers what `files` says, by path without query; keeps all requests."""

    def __init__(self, address: str, files: dict[str, Served]):
        self.address, self.files = address, files
        self.requests: list[tuple[str, dict[str, str]]] = []

    def url(self, path: str) -> str:
        return self.address + path

    def headers(self, path: str) -> list[dict[str, str]]:
        """The headers of all requests of a path."""
        return [headers for asked, headers in self.requests if asked.partition("?")[0] == path]


@contextlib.contextmanager
def serving(host="127.0.0.1"):
    """Runs a server while the block runs."""
    files: dict[str, Served] = {}
    threaded = _Threads((host, 0), _Handler)
    threaded.server = Server(f"http://{host}:{threaded.server_address[1]}", files)
    thread = threading.Thread(target=threaded.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield threaded.server
    finally:
        threaded.shutdown()
        threaded.server_close()


class _Threads(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_):
        """Says nothing: clients that hang up are what is tested."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        served = self._served()
        if served is None:
            return
        start = self._start(served)
        body = served.content[start:]
        if start >= len(served.content) and start:
            return self._head(416, served, b"", {"Content-Range": f"bytes */{len(served.content)}"})
        total = len(served.content)
        part = {"Content-Range": f"bytes {start}-{total - 1}/{total}"} if start else {}
        self._head(206 if start else served.status, served, body, part)
        cut = served.cuts.pop(0) if served.cuts else len(body)
        self.wfile.write(body[:cut])
        self.close_connection = self.close_connection or cut < len(body) or not served.length

    def do_HEAD(self):
        served = self._served()
        if served is not None:
            self._head(served.status, served, served.content, {})

    def _served(self):
        server = self.server.server
        server.requests.append((self.path, dict(self.headers)))
        served = server.files.get(self.path.partition("?")[0])
        if served is None:
            self.send_error(404)
        return served

    def _start(self, served):
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        fits = self.headers.get("If-Range", served.etag) == served.etag
        partial = served.ranges and served.status == 200 and fits
        return int(asked[1]) if asked and partial else 0

    def _head(self, status, served, body, more):
        self.send_response(status)
        known = {"Content-Type": served.kind, "ETag": served.etag, "Location": served.location}
        if served.length:
            known["Content-Length"] = str(len(body))
        for name, value in {**known, **more, **served.headers}.items():
            if value:
                self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_):
        """Says nothing."""
