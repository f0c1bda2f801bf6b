"""Videos, frame by frame: each as a photo is read, upright RGB of eight bits.

Frames are decoded one after the other and handed out when they are asked for, so memory does not
grow with the length. A clip is always read from its beginning: where a frame stands is counted, not
estimated, so frame 123 is the same one whatever part is taken.

* The rotation and mirroring that phones note are applied; sizes are those of the video as shown.
* Times are those of the file, so a variable frame rate stays one; the first frame has time 0.
* Damaged packets are passed over, and what is missing is said in a warning.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np
from jaxtyping import UInt8

from ovseg_jax.foundation.errors import ImageError, counted, warn
from ovseg_jax.inputs.containers import (
    announced_seconds,
    check_frame_size,
    open_container,
    pictures_of,
    pyav,
)
from ovseg_jax.inputs.frame_choice import Choice, TimedFrame, chosen
from ovseg_jax.inputs.images import LoadedImage

if TYPE_CHECKING:
    import av
    from av.container import InputContainer

HDR = {16: "PQ", 18: "HLG"}
"""Curves of FFmpeg's `AVColorTransferCharacteristic` that need tone mapping to look right."""
USUAL_RATE = Fraction(25)
"""Frames per second where a file tells none."""
PAUSE = 0.005
"""Seconds until a camera that had no new frame is asked again."""
CUT_OFF = 0.95
"""A clip whose frames end before this share of its announced length is taken to be cut off..."""
SLACK = 0.5
"""... unless no more than so many seconds are missing: sound may go on for longer."""


AnyClip = TypeVar("AnyClip", bound="Clip")


@dataclasses.dataclass(frozen=True)
class Frame:
    """One frame.

    Attributes:
        number: Position in the clip, from 0.
        time: Seconds since the first frame.
        image: The picture; its name and path are those of a PNG of that number.
    """

    number: int
    time: Fraction
    image: LoadedImage


class Clip:
    """An open video or camera; closes with its `with` block.

    Attributes:
        name: Of the file, for messages and records.
        path: The file; None of a camera.
        rate: Frames per second, on average.
        time_base: What times are multiples of, in seconds.
        seconds: Announced length; 0 where it is not known.
        has_sound: Whether there is sound beside the pictures.
    """

    def __init__(self, container: InputContainer, name: str, path: Path | None = None):
        """Looks for the pictures.

        Raises:
            ImageError: There are none, or they are too large.
        """
        self.name, self.path = name, path
        self._container, self._stream = container, pictures_of(container, name)
        stream = self._stream
        self.rate = Fraction(stream.average_rate or stream.guessed_rate or USUAL_RATE)
        self.time_base = Fraction(stream.time_base or 1 / self.rate)
        self.seconds = announced_seconds(container, stream)
        self.has_sound = bool(container.streams.audio)
        self._warned = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    def frames(self, stem: str = "frame", choice: Choice | None = None) -> Iterator[Frame]:
        """Yields the chosen frames; once, as a clip is read from its beginning.

        Args:
            stem: How the names of frames begin: `<stem>_000123.png`.
            choice: Which; None for all.

        Raises:
            ImageError: No frame can be read, or none is chosen.
        """
        number = None
        for number, when, raw in chosen(self.timed(), choice or Choice()):
            yield Frame(number, when, self.image_of(raw, f"{stem}_{number:06d}.png"))
        if number is None:
            length = f" of its {self.seconds:.1f} s" if self.seconds else ""
            raise ImageError(f"{self.name}: no frame{length} can be read, or none is asked for")

    def timed(self) -> Iterator[TimedFrame]:
        """Yields every frame with number and time, as PyAV decodes it."""
        first, now = None, -1 / self.rate
        for number, raw in enumerate(self._decoded()):
            stamp = None if raw.pts is None else raw.pts * Fraction(raw.time_base or self.time_base)
            first = stamp if first is None else first
            # Where a file has no time for a frame, or no later one, the rate tells it.
            told = Fraction(-1) if stamp is None or first is None else stamp - first
            now = told if told > now else now + 1 / self.rate
            yield TimedFrame(number, now, raw)
        self._warn_if_cut_off(now + 1 / self.rate)

    def image_of(self, raw: av.VideoFrame, name: str) -> LoadedImage:
        """Returns a frame as a photo of that name.

        Raises:
            ImageError: It is too large.
        """
        check_frame_size(raw.width, raw.height, self.name)
        if raw.color_trc in HDR and not self._warned:
            self._warned = True
            warn(
                f"{self.name}: is HDR ({HDR[raw.color_trc]}), which is taken as it is and looks "
                "pale; convert it to SDR first for better names"
            )
        matrix = raw.side_data.get("DISPLAYMATRIX")
        pixels, turned = raw.to_ndarray(format="rgb24"), False
        if matrix is not None:
            pixels, turned = upright(pixels, np.frombuffer(matrix, np.int32))
        path = None if self.path is None else self.path / name
        return LoadedImage(pixels, *pixels.shape[:2], path=path, turned=turned, name=name)

    def _decoded(self) -> Iterator[av.VideoFrame]:
        """Decodes packet after packet; passes over what is damaged."""
        av, damaged = pyav(), 0
        packets = self._container.demux(self._stream)
        while True:
            try:
                yield from next(packets).decode()
            except StopIteration:
                break
            except av.error.InvalidDataError:
                damaged += 1
            except av.error.BlockingIOError:  # a camera that has no new frame yet
                time.sleep(PAUSE)
                packets = self._container.demux(self._stream)
            except av.error.FFmpegError as error:
                warn(f"{self.name}: broke off ({error.strerror}); the frames before are used")
                break
        if damaged:
            text = counted(damaged, "damaged packet")
            warn(f"{self.name}: {text} passed over; frames are missing or spoilt there")

    def _warn_if_cut_off(self, end: Fraction) -> None:
        if end < min(CUT_OFF * self.seconds, self.seconds - SLACK):
            warn(
                f"{self.name}: announces {self.seconds:.1f} s, and its frames end at "
                f"{float(end):.1f} s; the file may be cut off"
            )


def open_clip(path: str | os.PathLike[str]) -> Clip:
    """Opens a video.

    Args:
        path: A file of a container of `ovseg_jax.inputs.containers`.

    Raises:
        ImageError: The file is missing or damaged, no video, or an address on the web.
        MissingPackageError: PyAV is not installed.
    """
    container, path = open_container(path), Path(path)
    return opened(Clip, container, path.name, path)


def opened(kind: type[AnyClip], container: InputContainer, *about: Any) -> AnyClip:
    """Makes a clip of a container, and closes that where it fails."""
    try:
        return kind(container, *about)
    except BaseException:
        container.close()
        raise


def upright(
    pixels: UInt8[np.ndarray, "h w 3"], matrix: np.ndarray
) -> tuple[UInt8[np.ndarray, "H W 3"], bool]:
    """Turns and mirrors a frame as its file says it is shown.

    Args:
        pixels: As they are stored.
        matrix: FFmpeg's display matrix of 9 numbers: stored x and y become a x + c y and
            b x + d y, where a, b, c, d are its numbers 0, 1, 3 and 4. Angles between right ones
            are taken for the nearest.

    Returns:
        Pixels as they are shown; and whether height and width changed places.
    """
    turned = bool(abs(matrix[0]) < abs(matrix[1]))
    across, down = (matrix[3], matrix[1]) if turned else (matrix[0], matrix[4])
    pixels = pixels.swapaxes(0, 1) if turned else pixels
    shown = pixels[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1]
    return np.ascontiguousarray(shown), turned
