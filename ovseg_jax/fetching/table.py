"""The table of published files: what each is, where it lies, under what licence, what converts it.

`published_files.json` beside this module is the table; `docs/weights.md` is written from it.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from ovseg_jax.foundation.errors import OvsegError

TABLE = Path(__file__).with_name("published_files.json")
ENDINGS = (".pth", ".pt", ".pkl", ".bin", ".safetensors", ".npz")
LARGEST = 20 * 10**9
"""Bytes of the largest download where the publisher states no size."""


class UnknownNameError(OvsegError, ValueError):
    """No published file has that name; the message names the nearest."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PublishedFile:
    """One published file.

    Attributes:
        name: What `ovseg get` and `--model` call it.
        group: Whose it is: the section of docs/weights.md.
        title: What its publisher calls it: a file, a config or a row of a table.
        address: Where it lies; empty where the publisher states none.
        source: The page that states the address.
        licence: As the publisher states it.
        kind: The converter, a key of `ovseg_jax.convert.published.KINDS`.
        non_commercial: Whether the licence forbids commercial use.
        other_address: A second copy, not known to be the same bytes.
        size: Bytes, as the publisher states them, so often rounded; 0 if unknown.
        sha256: Hash of the content, as the publisher states it; empty if unknown.
        md5: Beginning of its MD5, which some publishers state instead.
        beside: Names of files at the same address that the converter reads too.
        clip: The published CLIP that was tuned, by its name here.
        tokenizer: Address of the SentencePiece file of its text tower.
        generator: Name of the mask generator of the published numbers.
        settings: Fields of the model's config that the file does not tell.
        config: The experiment in `configs/` that trains or scores it.
        row: What the publisher measured with it, in percent.
    """

    name: str
    group: str
    title: str
    source: str
    licence: str
    kind: str
    address: str = ""
    non_commercial: bool = False
    other_address: str = ""
    size: int = 0
    sha256: str = ""
    md5: str = ""
    beside: tuple[str, ...] = ()
    clip: str = ""
    tokenizer: str = ""
    generator: str = ""
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    config: str = ""
    row: Mapping[str, float] = dataclasses.field(default_factory=dict)

    @property
    def file_name(self) -> str:
        """What the file is called in the cache; Google Drive's addresses tell no name."""
        last = PurePosixPath(urlsplit(self.address).path).name
        return last if last.endswith(ENDINGS) else f"{self.name}.pth"

    @property
    def most(self) -> int:
        """Bytes beyond which a download is not that file."""
        return 2 * self.size or LARGEST


@functools.cache
def published_files() -> Mapping[str, PublishedFile]:
    """Returns the table, by name."""
    rows = json.loads(TABLE.read_text(encoding="utf-8"))
    return {
        name: PublishedFile(name=name, **row | {"beside": tuple(row.get("beside", ()))})
        for name, row in rows.items()
    }


def find_published(name: str) -> PublishedFile:
    """Returns a row of the table.

    Raises:
        UnknownNameError: There is none.
    """
    table = published_files()
    if name not in table:
        near = difflib.get_close_matches(name, table, n=3, cutoff=0.5)
        hint = f"; did you mean {' or '.join(near)}?" if near else ";"
        raise UnknownNameError(
            f"no published file is called {name!r}{hint} `ovseg models` lists all"
        )
    return table[name]
