"""Google Drive: large files come behind a page that asks whether one is sure."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

from ovseg_jax.fetching.download import Place
from ovseg_jax.fetching.web import FetchError, is_loopback, open_address, shown

HOST = "drive.google.com"
ASK = "https://drive.google.com/uc"
"""What takes the id of a file and answers with it, or with the page."""
OWN = (".google.com", ".googleusercontent.com")
_LARGEST_PAGE = 2**20


def is_drive(address: str) -> bool:
    """Whether an address is one of Google Drive's."""
    return urlsplit(address).hostname == HOST


def locate(address: str) -> Place:
    """Returns where the file of an address is, having answered the page.

    Args:
        address: `https://drive.google.com/uc?id=...`.

    Raises:
        FetchError: Drive refuses, as it does for a day where many have downloaded a file.
        ovseg_jax.fetching.web.BrokenError: It cannot be reached.
    """
    (name,) = parse_qs(urlsplit(address).query).get("id", [""])
    asked = f"{ASK}?{urlencode({'export': 'download', 'id': name})}"
    with open_address(asked) as answer:
        if answer.headers.get_content_type() != "text/html":
            return Place(answer.url)
        page = _Page()
        page.feed(answer.read(_LARGEST_PAGE).decode("utf-8", "replace"))
        return Place(_confirmed(page, answer.url, address))


def _confirmed(page: _Page, where: str, address: str) -> str:
    if not page.action:
        said = " ".join(" ".join(page.caption).split())[:300]
        raise FetchError(
            f"Google Drive does not give {shown(address)}{f' ({said})' if said else ''}: open it "
            "in a browser, download the file there, and say `ovseg get NAME --file FILE`; or try "
            "again tomorrow, if too many have downloaded it"
        )
    action = urljoin(where, page.action)
    host = urlsplit(action).hostname or ""
    if not host.endswith(OWN) and not (is_loopback(action) and is_loopback(where)):
        raise FetchError(f"the page of {shown(address)} leads to {shown(action)}, which is strange")
    return f"{action}?{urlencode(page.fields)}"


class _Page(HTMLParser):
    """The form of the page with its hidden fields, and what the page says instead."""

    def __init__(self):
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.caption: list[str] = []
        self._inside = self._reading = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes the form, its fields, and where the reason of a refusal begins."""
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = found.get("id") == "download-form"
            self.action = found.get("action", "") if self._inside else self.action
        if tag == "input" and self._inside and found.get("type") == "hidden":
            self.fields[found.get("name", "")] = found.get("value", "")
        self._reading |= "uc-error" in found.get("class", "")

    def handle_endtag(self, tag: str) -> None:
        """Notes the end of the form and of a paragraph."""
        self._inside = self._inside and tag != "form"
        self._reading = self._reading and tag not in ("p", "div", "body")

    def handle_data(self, data: str) -> None:
        """Keeps the reason of a refusal."""
        if self._reading:
            self.caption.append(data)
