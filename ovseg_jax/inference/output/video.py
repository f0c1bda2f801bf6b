"""Pictures into a video: MP4 with H.264 where PyAV's FFmpeg has it, in the colours of BT.709."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, BinaryIO

import numpy as np
from jaxtyping import UInt8

from ovseg_jax.inputs.containers import pyav

ENCODERS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("libx264", "H.264", {"crf": "18", "preset": "veryfast"}),
    ("libopenh264", "H.264", {}),
    ("mpeg4", "MPEG-4, as PyAV has no H.264 here", {}),
)
"""FFmpeg's names of what encodes, the first that is there; what users are told; its options."""
BITS_PER_PIXEL = 0.2
"""For encoders that aim at a rate, not at a quality."""
FINEST = 65535
"""MPEG-4 divides a second no further."""
BT709 = 1
"""What FFmpeg calls primaries, curve and matrix of HDTV, which players assume for RGB."""
LIMITED = 1
"""What FFmpeg calls the range of values that players expect."""


class VideoWriter:
    """Writes pictures of one size with their times; closes with its `with` block.

    Attributes:
        format: What is written, for users.
    """

    def __init__(self, file: BinaryIO, rate: Fraction, time_base: Fraction):
        """Writes nothing before the first picture.

        Args:
            file: Where the video goes; must be able to seek.
            rate: Pictures per second, on average.
            time_base: Times are rounded to multiples of this, in seconds.
        """
        name, self.format, self._options = encoder()
        self._codec = name
        self._rate = rate
        self._time_base = time_base if time_base.denominator <= FINEST else Fraction(1, 60000)
        self._container: Any = pyav().open(file, "w", format="mp4")
        self._stream: Any = None

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Writes what the encoder holds back; after an error the file is thrown away anyway."""
        if kind is None and self._stream is not None:
            self._container.mux(self._stream.encode())
        self._container.close()

    def add(self, pixels: UInt8[np.ndarray, "H W 3"], time: Fraction) -> None:
        """Adds a picture.

        Args:
            pixels: Of the size of the first one; height and width are even.
            time: Seconds since the beginning, later than that of the picture before.
        """
        stream = self._stream or self._begin(*pixels.shape[:2])
        frame = self._yuv(pixels)
        frame.pts = round(time / self._time_base)
        frame.time_base = self._time_base
        frame.duration = max(1, round(1 / self._rate / self._time_base))  # of the last one
        self._container.mux(stream.encode(frame))

    def _begin(self, height: int, width: int) -> Any:
        stream: Any = self._container.add_stream(self._codec, self._rate, self._options)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        if not self._options:
            stream.bit_rate = round(BITS_PER_PIXEL * height * width * max(1, self._rate))
        context = stream.codec_context
        context.time_base = self._time_base
        context.max_b_frames = 0  # pictures then come in the order of their times
        context.color_primaries = context.color_trc = context.colorspace = BT709
        context.color_range = LIMITED
        self._stream = stream
        return stream

    def _yuv(self, pixels: UInt8[np.ndarray, "H W 3"]) -> Any:
        frame = pyav().VideoFrame.from_ndarray(pixels, format="rgb24")
        return frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")


def encoder() -> tuple[str, str, dict[str, str]]:
    """Returns the first row of `ENCODERS` that PyAV has; every FFmpeg has the last."""
    av = pyav()
    for row in ENCODERS[:-1]:
        try:
            av.codec.Codec(row[0], "w")
        except ValueError:  # UnknownCodecError
            continue
        return row
    return ENCODERS[-1]
