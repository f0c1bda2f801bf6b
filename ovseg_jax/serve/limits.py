"""How much visitors may ask for: of the memory, of the one worker, of each other's time."""

from __future__ import annotations

import dataclasses

from ovseg_jax.foundation.errors import OvsegError

LOOPBACK = ("127.0.0.1", "localhost", "::1")
"""Names of this machine that no other one can reach."""


@dataclasses.dataclass(frozen=True)
class Limits:
    """What is refused beyond.

    Attributes:
        upload_bytes: Of a photo's file.
        request_bytes: Of any other request.
        photo_pixels: Of a photo, whatever its file holds.
        photos: Photos that are kept at once, of all visitors together; the oldest go.
        photos_of_one: Of them, those of one visitor.
        kept_bytes: Memory of what is kept of photos.
        waiting: Requests that wait for the worker at once.
        per_minute: Requests of one address in a minute.
        words: Letters of a vocabulary.
    """

    upload_bytes: int = 32 * 2**20
    request_bytes: int = 2**18
    photo_pixels: int = 40_000_000
    photos: int = 48
    photos_of_one: int = 6
    kept_bytes: int = 2 * 2**30
    waiting: int = 16
    per_minute: int = 240
    words: int = 20_000


class Refusal(OvsegError, RuntimeError):
    """A request that is not answered; the message says why and what to do.

    Attributes:
        status: Of HTTP.
        wait: Seconds after which the same may be asked again; 0 for never.
    """

    def __init__(self, status: int, message: str, wait: int = 0):
        """Keeps what the response needs."""
        super().__init__(message)
        self.status, self.wait = status, wait
