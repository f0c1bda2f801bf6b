"""Options of commands that take videos and cameras."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

from ovseg_jax.cli.errors import UsageError

PARTS = ("every", "fps", "start", "end")
"""Options that say which frames are taken."""


def add_clips(parser: argparse.ArgumentParser) -> None:
    """Adds --camera, and which frames of a video are taken."""
    group = parser.add_argument_group("videos (each frame is named alone, nothing is tracked)")
    group.add_argument(
        "--camera",
        metavar="CAMERA",
        help="name what a camera of this machine sees until Ctrl-C or --end: a number such as 0, "
        "a device such as /dev/video0, on Windows its name",
    )
    group.add_argument(
        "--every", type=_count, metavar="N", help="take every N-th frame only (default: 1)"
    )
    group.add_argument(
        "--fps",
        type=_rate,
        metavar="F",
        help="take at most F frames per second, such as 2 or 0.5 (default: all)",
    )
    group.add_argument(
        "--start",
        type=_seconds,
        metavar="TIME",
        help="leave out what is before: seconds, 1:30 or 1:02:03.5",
    )
    group.add_argument("--end", type=_seconds, metavar="TIME", help="leave out what is behind")


def choice_of(arguments: argparse.Namespace) -> Any:
    """Returns which frames are asked for.

    Raises:
        UsageError: There are none between start and end.
    """
    from ovseg_jax.inputs.frame_choice import Choice

    start, end = arguments.start or Fraction(0), arguments.end
    if end is not None and end <= start:
        raise UsageError(f"--end {float(end):g} is not behind --start {float(start):g}")
    return Choice(arguments.every or 1, arguments.fps, start, end)


def check_parts(arguments: argparse.Namespace, photos: Iterable[Path]) -> None:
    """Refuses a choice of frames where nothing has frames.

    Raises:
        UsageError: An option of `PARTS` is given, and no photo is a video.
    """
    from ovseg_jax.inputs.images import is_clip

    given = [part for part in PARTS if getattr(arguments, part, None) is not None]
    if given and not any(map(is_clip, photos)):
        raise UsageError(f"--{given[0]} chooses frames of videos, and there is none; leave it out")


def _count(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text) or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of frames; give 1 or more")
    return int(text)


def _rate(text: str) -> Fraction:
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", text) or not Fraction(text):
        raise argparse.ArgumentTypeError(f"{text!r} are no frames per second; give 2 or 0.5")
    return Fraction(text)


def _seconds(text: str) -> Fraction:
    if not re.fullmatch(r"([0-9]{1,6}:){0,2}[0-9]{1,6}(\.[0-9]{1,9})?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no time; give seconds, 1:30 or 1:02:03.5")
    seconds = Fraction(0)
    for part in text.split(":"):
        seconds = 60 * seconds + Fraction(part)
    return seconds
