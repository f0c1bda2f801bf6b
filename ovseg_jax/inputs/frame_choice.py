"""Which frames of a video are taken: a part of it, every n-th one, or so many per second."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import av


class TimedFrame(NamedTuple):
    """A frame as it was decoded.

    Attributes:
        number: Position in the clip, from 0.
        time: Seconds since the first frame.
        raw: The frame, in the colours of its file.
    """

    number: int
    time: Fraction
    raw: av.VideoFrame


@dataclasses.dataclass(frozen=True)
class Choice:
    """Which frames are taken.

    Attributes:
        every: Those whose number is a multiple of this.
        per_second: At most so many, the first of each interval; None for no limit.
        start: Seconds; earlier frames are not taken.
        end: Seconds; from here on none is taken; None for the end of the clip.
    """

    every: int = 1
    per_second: Fraction | None = None
    start: Fraction = Fraction(0)
    end: Fraction | None = None

    def rate(self, rate: Fraction) -> Fraction:
        """Returns how many are taken of a second with this many frames."""
        found = rate / self.every
        return found if self.per_second is None else min(found, self.per_second)

    def count(self, seconds: float, rate: Fraction) -> int:
        """Estimates how many are taken; 0 where the length is not known.

        Args:
            seconds: Length of the clip; 0 where it is not known.
            rate: Its frames per second.
        """
        end = seconds if self.end is None else min(float(self.end), seconds or math.inf)
        return max(0, round((end - float(self.start)) * float(self.rate(rate))))


def chosen(frames: Iterable[TimedFrame], choice: Choice) -> Iterator[TimedFrame]:
    """Yields the frames that are taken, and asks for none behind the end.

    Args:
        frames: In the order of their times.
        choice: Which.
    """
    due = choice.start
    for frame in frames:
        if choice.end is not None and frame.time >= choice.end:
            return
        if frame.time < due or frame.number % choice.every:
            continue
        if choice.per_second is not None:
            due = (math.floor(frame.time * choice.per_second) + 1) / choice.per_second
        yield frame
