"""Files of videos as PyAV opens them, and what is wrong with those that it does not.

Only the file itself is read: playlists, which name other files or addresses, are refused.
"""

from __future__ import annotations

import os
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ovseg_jax.foundation.errors import ImageError, MissingPackageError
from ovseg_jax.inputs.images import MAX_PIXELS, address_refused, is_address

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

FORMATS = (
    *("mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "avi", "mpeg", "mpegts"),
    *("mpegvideo", "flv", "asf", "ogg", "mxf"),
)
"""What FFmpeg calls the containers that are read; none of them leads to other files."""


def open_container(path: str | os.PathLike[str]) -> InputContainer:
    """Opens a file of a container of `FORMATS`.

    Raises:
        ImageError: The file is missing or damaged, no video, or an address on the web.
        MissingPackageError: PyAV is not installed.
    """
    name, path = os.fspath(path), Path(path)
    if is_address(name):
        raise ImageError(address_refused(name))
    av = pyav()
    options = {"protocol_whitelist": "file", "format_whitelist": ",".join(FORMATS)}
    try:
        # With "file:", a name such as a:b.mp4 is no protocol to FFmpeg.
        return av.open(f"file:{path.absolute()}", "r", options=options)
    except FileNotFoundError:
        raise ImageError(f"{path}: no such file") from None
    except (av.error.FFmpegError, OSError) as error:
        empty = path.is_file() and not path.stat().st_size
        what = "the file is empty" if empty else f"not a video that can be read ({error.strerror})"
        raise ImageError(f"{path}: {what}; fetch it again, or convert it to MP4") from None


def pyav() -> types.ModuleType | Any:
    """Returns PyAV.

    Raises:
        MissingPackageError: It is not installed.
    """
    try:
        import av
        import av.error
    except ImportError as error:
        raise MissingPackageError(
            "videos and cameras need PyAV; install with pip install 'ovseg-jax[video]'"
        ) from error
    return av


def pictures_of(container: InputContainer, name: str) -> VideoStream:
    """Returns the pictures of a file; the cover of an album is a still one, and no video.

    Raises:
        ImageError: There are none, or they cannot be decoded, or are too large.
    """
    stream: Any = container.streams.best("video")
    if stream is None or pyav().stream.Disposition.attached_pic in stream.disposition:
        found = sorted({each.type for each in container.streams}) or ["nothing"]
        raise ImageError(f"{name}: has no video stream, only {', '.join(found)}; give a video")
    if stream.codec_context is None:
        raise ImageError(f"{name}: PyAV has no decoder for its pictures; convert it to MP4")
    check_frame_size(stream.width, stream.height, name)
    return stream


def check_frame_size(width: int, height: int, name: str) -> None:
    """Refuses frames that are larger than photos may be.

    Raises:
        ImageError: They are.
    """
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"{name}: frames of {width} x {height} are more than the limit of "
            f"{MAX_PIXELS / 1e6:.0f} megapixels; make them smaller first"
        )


def announced_seconds(container: InputContainer, stream: VideoStream) -> float:
    """Returns the length in seconds, of the pictures alone where it is told; 0 where none is."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / pyav().time_base
