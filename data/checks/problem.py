"""What a check has found."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Problem:
    """One thing that is wrong, or worth knowing.

    Attributes:
        kind: What it is, in a few words; problems of one kind and advice are told together.
        file: The file or folder.
        text: What was found there.
        fatal: Whether training or scoring would fail or be wrong; else it is a note.
        advice: The likely cause, and what to do.
    """

    kind: str
    file: str
    text: str
    fatal: bool = True
    advice: str = ""
