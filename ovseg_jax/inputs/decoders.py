"""Which of Pillow's decoders may see a file: all that decode by themselves."""

from __future__ import annotations

from pathlib import Path
from typing import IO

from PIL import Image, ImageFile

_STARTS_A_PROGRAM = ("EPS",)
"""Pillow hands PostScript to Ghostscript, which runs it; whatever the file's name ends in."""


def open_picture(source: str | bytes | Path | IO[bytes]) -> ImageFile.ImageFile:
    """Opens a picture as `PIL.Image.open` does, in formats whose decoding starts no program."""
    Image.init()
    formats = [name for name in Image.OPEN if name not in _STARTS_A_PROGRAM]
    return Image.open(source, formats=formats)
