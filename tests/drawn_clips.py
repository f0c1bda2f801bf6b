"""Small videos, written as the tests need them."""

from fractions import Fraction

import av
import numpy as np

from tests.inference.tiny_model import photo

RATE = Fraction(30000, 1001)


def pictures(count, height=60, width=80):
    """Different pictures."""
    return [photo(height, width, seed=number) for number in range(count)]


def write_clip(path, frames, *, rate=RATE, codec="ffv1", times=None, rotation=None, sound=False):
    """Writes a video; "ffv1" keeps every pixel. `times` are in thousandths of a second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "bgr0" if codec == "ffv1" else "yuv420p"
        if times:
            stream.codec_context.time_base = Fraction(1, 1000)
        if rotation is not None:
            stream.set_display_rotation(rotation)
        voice = container.add_stream("aac", 8000, layout="mono") if sound else None
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = times[number] if times else number
            frame.time_base = Fraction(1, 1000) if times else 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if voice is not None:
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            silence.rate = 8000
            container.mux([*voice.encode(silence), *voice.encode()])
    return path


def write_sound(path):
    """Writes a file that has sound only."""
    with av.open(str(path), "w") as container:
        voice = container.add_stream("aac", 8000, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        silence.rate = 8000
        container.mux([*voice.encode(silence), *voice.encode()])
    return path


def decoded(path):
    """Returns the frames of a video, as RGB, and their times in seconds."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    return [frame.to_ndarray(format="rgb24") for frame in frames], [float(f.time) for f in frames]
