"""Cameras of this machine, as clips that go on until somebody stops them.

Naming a frame takes longer than taking one, so a thread reads all the time and the newest frame is
the one that is handed out; the numbers of frames count those between, too.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from ovseg_jax.foundation.errors import ImageError
from ovseg_jax.inputs.clips import Clip, opened
from ovseg_jax.inputs.containers import pyav
from ovseg_jax.inputs.frame_choice import TimedFrame

DRIVERS = {
    "linux": ("v4l2", "/dev/video{}", {}),
    "darwin": ("avfoundation", "{}:none", {"framerate": "30"}),
    "win32": ("dshow", "video={}", {}),
}
"""By system: FFmpeg's driver, how it calls a camera, and its options."""
PATIENCE = 5
"""Seconds that a camera has for its last frame."""


class Camera(Clip):
    """An open camera."""

    _newest: Newest | None = None

    def __exit__(self, *error: object) -> None:
        """Closes the camera when nobody reads from it."""
        if self._newest is None or self._newest.close():
            super().__exit__(*error)

    def timed(self) -> Iterator[TimedFrame]:
        """Yields the newest frame, each once."""
        self._newest = Newest(super().timed())
        return iter(self._newest.take, None)


def address_of(camera: str, system: str = sys.platform) -> tuple[str, str, dict[str, str]]:
    """Returns what FFmpeg calls a camera: its driver, its address and options.

    Args:
        camera: A number, a device such as /dev/video0, or the name that Windows has for it.
        system: As `sys.platform` names it.

    Raises:
        ImageError: There is no such camera, or no driver for cameras of this system.
    """
    if system not in DRIVERS:
        raise ImageError(f"camera {camera}: cameras of {system} cannot be read; give a video")
    driver, form, options = DRIVERS[system]
    address = camera if camera.startswith("/") else form.format(camera)
    if system == "linux" and not Path(address).exists():
        there = ", ".join(sorted(map(str, Path("/dev").glob("video*")))) or "none"
        raise ImageError(f"camera {camera}: there is no {address}; cameras here: {there}")
    return driver, address, options


def open_camera(camera: str) -> Clip:
    """Opens a camera.

    Args:
        camera: As for `address_of`.

    Raises:
        ImageError: There is none, or it cannot be read.
        MissingPackageError: PyAV is not installed.
    """
    av, (driver, address, options) = pyav(), address_of(camera)
    try:
        container = av.open(address, "r", format=driver, options=options)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise ImageError(
            f"camera {camera}: cannot be opened as {address} ({error}); is another program using "
            "it, and may this one?"
        ) from None
    return opened(Camera, container, f"camera {camera}")


class Newest:
    """Reads in a thread; a new frame takes the place of one that nobody took."""

    def __init__(self, frames: Iterator[TimedFrame]):
        """Begins to read.

        Args:
            frames: Of a camera.
        """
        self._changed = threading.Condition()
        self._frame: TimedFrame | None = None
        self._ended = False
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._read, args=(frames,), daemon=True)
        self._thread.start()

    def take(self) -> TimedFrame | None:
        """Waits for a frame that was not taken; None when there will be none."""
        with self._changed:
            self._changed.wait_for(lambda: self._frame is not None or self._ended)
            frame, self._frame = self._frame, None
        if frame is None and self._error is not None:
            raise self._error
        return frame

    def close(self) -> bool:
        """Stops reading; returns whether nothing is read any more."""
        self._end()
        self._thread.join(PATIENCE)
        return not self._thread.is_alive()

    def _read(self, frames: Iterator[TimedFrame]) -> None:
        try:
            for frame in frames:
                if not self._put(frame):
                    return
        except Exception as error:
            self._error = error
        finally:
            self._end()

    def _put(self, frame: TimedFrame) -> bool:
        """Returns whether more is wanted."""
        with self._changed:
            self._frame = frame
            self._changed.notify()
            return not self._ended

    def _end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify()
