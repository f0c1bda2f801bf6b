"""A file that is not whole yet, and which content it is the beginning of."""

from __future__ import annotations

import json
import os
from io import FileIO
from pathlib import Path
from typing import Any, cast

from ovseg_jax.disk.atomic import OutputError, reason, write_atomically
from ovseg_jax.disk.json_text import JsonError, json_bytes, parse_json

SUFFIX = ".part"


class Part:
    """`NAME.part` with `NAME.part.json`: address, ETag, time of change and size of the whole.

    Bytes are added to a part only if the server says that they belong to the same content.
    """

    def __init__(self, target: Path, address: str):
        """Finds what is there; of another address it is worth nothing.

        Args:
            target: The file once it is whole.
            address: Where it comes from, as published.
        """
        self.path = target.with_name(target.name + SUFFIX)
        self._notes = target.with_name(target.name + SUFFIX + ".json")
        self._address = address
        self.head = self._read()

    @property
    def size(self) -> int:
        """Bytes that are there."""
        return self.path.stat().st_size if self.head and self.path.is_file() else 0

    def validator(self) -> str:
        """What `If-Range` takes: a strong ETag or the time of change; empty if unknown."""
        etag = str(self.head.get("etag") or "")
        strong = "" if etag.startswith("W/") else etag
        return strong or str(self.head.get("modified") or "")

    def belongs(self, head: dict[str, Any]) -> bool:
        """Whether an answer's head is that of the content that this is the beginning of."""
        return all(
            self.head.get(name) == head.get(name)
            for name in ("etag", "modified", "total")
            if self.head.get(name) and head.get(name)
        )

    def begin(self, head: dict[str, Any]) -> None:
        """Starts anew, for the content of an answer's head."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"{self.path}: {reason(self.path, error)}") from error
        self.head = {"address": self._address, **head}
        write_atomically(self._notes, lambda file: file.write(json_bytes(self.head)))

    def open(self) -> FileIO:
        """Opens it at its end, readable by this user alone.

        Raises:
            OutputError: The disk refuses.
        """
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
            return cast(FileIO, os.fdopen(os.open(self.path, flags, 0o600), "ab", buffering=0))
        except OSError as error:
            raise OutputError(
                f"{self.path} could not be written: {reason(self.path, error)}"
            ) from error

    def finish(self, target: Path) -> None:
        """Gives the whole file its name."""
        try:
            os.replace(self.path, target)
            self._notes.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"{target} could not be written: {reason(target, error)}") from error

    def discard(self) -> None:
        """Removes what is there: it is not the file that was wanted."""
        self.path.unlink(missing_ok=True)
        self._notes.unlink(missing_ok=True)
        self.head = {}

    def _read(self) -> dict[str, Any]:
        try:
            head = parse_json(self._notes.read_bytes(), str(self._notes))
        except (OSError, JsonError, json.JSONDecodeError):
            return {}
        same = isinstance(head, dict) and head.get("address") == self._address
        return head if same else {}
