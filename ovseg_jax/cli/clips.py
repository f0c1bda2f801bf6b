"""Videos and cameras: every frame is answered as a photo is, and the answers become a video.

Files of a video: `<clip>_overlay.mp4`; `<clip>_frames.jsonl`, a line for each frame, which is there
only when the video was done to its end; and for each frame labels and JSON, as a photo has them.
"""

from __future__ import annotations

import argparse
import datetime
import functools
import re
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ovseg_jax.cli.clip_options import choice_of
from ovseg_jax.cli.errors import UsageError
from ovseg_jax.cli.options import read_vocabulary
from ovseg_jax.cli.photos import Work, prepare, write_shared
from ovseg_jax.cli.progress import Progress
from ovseg_jax.cli.results import open_results
from ovseg_jax.cli.stop_request import stop_requests
from ovseg_jax.disk.json_text import json_bytes
from ovseg_jax.foundation.errors import counted, first_few, one_line, printable
from ovseg_jax.inference.formats.folder import FolderFiles, photo_names
from ovseg_jax.inference.output.clip_overlay import ClipOverlay
from ovseg_jax.inference.output.save import overlay_name, write_answer
from ovseg_jax.inference.output.video import VideoWriter
from ovseg_jax.inference.results import Answer
from ovseg_jax.inputs.cameras import address_of, open_camera
from ovseg_jax.inputs.clips import Clip, Frame
from ovseg_jax.inputs.images import LoadedImage

Answering = Callable[[Any, LoadedImage], Answer]
"""Takes the segmenter and a picture."""
CAMERA = "camera"
"""How the names of a camera's results begin."""


def clip_names(stem: str) -> list[str]:
    """Returns the names of a video's own files."""
    return [overlay_name(stem, "mp4"), f"{stem}_frames.jsonl"]


def segment_camera(arguments: argparse.Namespace, answer: Answering) -> int:
    """Names what a camera sees, until it is stopped; returns the exit status.

    Raises:
        UsageError: There are photos beside it, or masks.
        ImageError: There is no such camera, or it cannot be read.
        OutputError: A result would meet a file that it may not replace.
    """
    for option in ("photos", "masks", "shard"):
        if getattr(arguments, option):
            what = {"photos": "photos and videos"}.get(option, f"--{option}")
            raise UsageError(f"--camera: leave out {what}, or --camera")
    address_of(arguments.camera)
    shared, classes = FolderFiles(arguments.format), read_vocabulary(arguments)
    results = open_results(arguments, [], lambda *photo: [])
    # What a camera saw cannot be seen again, so another recording is another source.
    source = f"camera {arguments.camera}, {datetime.datetime.now():%Y-%m-%dT%H:%M:%S.%f}"
    results.claim(clip_names(CAMERA), source)
    shared.claim(results)
    with Progress() as progress:
        work = Work(prepare(arguments, classes, progress), results, progress)
        with open_camera(arguments.camera) as clip:
            print(printable(f"{clip.name}: Ctrl-C ends"), flush=True)
            print(ClipRecorder(clip, CAMERA, work, answer, arguments).record(source))
    write_shared(shared, results)
    return 0


class ClipRecorder:
    """Names the frames of one clip, and writes all its files."""

    def __init__(
        self,
        clip: Clip,
        stem: str,
        work: Work,
        answer: Answering,
        arguments: argparse.Namespace,
    ):
        """Has done no frame yet.

        Args:
            clip: The clip, open.
            stem: How the names of its results begin.
            work: What the frames of a run share.
            answer: Answers a frame.
            arguments: With the options of `add_clips` and `add_formats`.

        Raises:
            UsageError: Something is asked for that videos do not have.
        """
        if arguments.save_maps:
            raise UsageError(f"{clip.name}: --save-maps draws maps of photos; leave it out")
        self._clip, self._stem, self._work, self._formats = clip, stem, work, arguments.format
        self._answer = functools.partial(answer, work.segmenter)
        self._choice = choice_of(arguments)
        self._seen: Counter[str] = Counter()
        self._frames, self._last = 0, Fraction(0)
        self._format, self._earlier = "", set[str]()

    def record(self, source: str = "") -> str:
        """Does the work; returns a line for the terminal.

        Args:
            source: What the journal notes for the video; empty for its file.

        Raises:
            ImageError: No frame can be read.
            OutputError: A result may not be replaced, or the disk refuses.
            KeyboardInterrupt: It was stopped before its end; the video holds what was done.
        """
        self._check_earlier_frames()
        video, lines = clip_names(self._stem)
        results, made_from = self._work.results, source or self._clip.path or self._clip.name
        path = results.folder / video
        with stop_requests("this frame") as stop:

            def write_lines(file: BinaryIO) -> None:
                results.write(video, lambda out: self._write_video(out, file, stop), made_from)
                if stop and self._clip.path is not None:
                    print(printable(self._cut_short(path)), flush=True)
                    raise KeyboardInterrupt

            results.write(lines, write_lines, made_from)
        return self._summary(path)

    def _check_earlier_frames(self) -> None:
        """Refuses before the work what the frames may not replace."""
        folder, results = self._work.results.folder, self._work.results
        if self._clip.path is None or not folder.is_dir():
            return
        form = re.compile(re.escape(self._stem) + r"_\d{6,}(?=(_labels\.png|\.json)$)")
        stems = {found[0] for path in folder.iterdir() if (found := form.match(path.name))}
        self._earlier = stems
        for stem in sorted(stems):
            names = [f"{stem}_labels.png", f"{stem}.json", *photo_names(self._formats, stem)]
            results.claim(names, self._clip.path / f"{stem}.png")

    def _write_video(self, file: BinaryIO, lines: BinaryIO, stop: list[str]) -> None:
        """Does frame after frame, and asks for the next only when one is done."""
        clip, choice, overlay, first = self._clip, self._choice, None, Fraction(0)
        advance = self._work.progress.task(f"frames of {clip.name}")
        total = choice.count(clip.seconds, clip.rate)
        with VideoWriter(file, choice.rate(clip.rate), clip.time_base) as video:
            self._format = video.format
            for frame in clip.frames(self._stem, choice):
                result = self._done(frame, lines)
                if overlay is None:
                    overlay, first = ClipOverlay(result), frame.time
                video.add(overlay.draw(result), frame.time - first)
                advance(self._frames, max(total, self._frames + 1))
                if stop:
                    break
        advance(1, 1)

    def _done(self, frame: Frame, lines: BinaryIO) -> Answer:
        """Answers a frame, and writes its files and its line."""
        result, stem = self._answer(frame.image), Path(frame.image.name).stem
        self._earlier.discard(stem)
        place = {"number": frame.number, "seconds": round(float(frame.time), 6)}
        noted = {"clip": self._clip.name} | place
        write_answer(result, self._work.results, stem, self._formats, frame=noted)
        shares = _shares(result)
        lines.write(json_bytes(place | {"record": f"{stem}.json", "shares": shares}) + b"\n")
        self._seen.update(list(shares))
        self._frames, self._last = self._frames + 1, frame.time
        return result

    def _summary(self, path: Path) -> str:
        most = self._seen.most_common()
        names = first_few(f"{name} in {count}" for name, count in most) or "nothing labelled"
        done = f"{counted(self._frames, 'frame')}, each named alone (nothing is tracked)"
        sound = "; its sound is left out" if self._clip.has_sound else ""
        other = "" if self._format == "H.264" else f" ({self._format})"
        if self._earlier:
            sound += f"; left from an earlier choice: {counted(len(self._earlier), 'frame')}"
        return printable(f"{one_line(self._clip.name)}: {done}: {names} -> {path}{other}{sound}")

    def _cut_short(self, path: Path) -> str:
        done = f"stopped behind {counted(self._frames, 'frame')}, at {float(self._last):.2f} s"
        return f"{one_line(self._clip.name)}: {done}; {path} holds these, and can be played"


def _shares(result: Answer) -> dict[str, float]:
    """Which share of the frame's pixels each name has that is there at all, the largest first."""
    labels, names = result.prediction.labels, result.words.classes.names
    areas = np.bincount(labels[labels >= 0].ravel(), minlength=len(names))
    order = [int(slot) for slot in np.argsort(-areas, kind="stable") if areas[slot]]
    return {names[slot]: round(float(areas[slot]) / labels.size, 6) for slot in order}
