"""Names the masks of photos, and of the frames of videos, and paints the answer.

Writes for each photo, into --out:
  <photo>_labels.png   0 = unlabelled, i = i-th class of the vocabulary; 16-bit above 255 classes
  <photo>_overlay.png  colours and a legend that also says what is left unlabelled
  <photo>.json         segments and masks with COCO run lengths, names, scores, all settings
  <photo>_maps.npz, <photo>_maps/   with --save-maps
  FORMAT/              what other tools open, with --format; docs/outputs.md has the table
for each frame of a video: <clip>_000123_labels.png and <clip>_000123.json; and of the video:
  <clip>_overlay.mp4   colours and a legend, at the times of its frames, without sound
  <clip>_frames.jsonl  a line per frame: its time, and the share of its pixels that each name has
Each frame is named alone; nothing is tracked.

Masks are those of --masks, of --generator, or of the model's own generator; --dense needs none.
Given masks come back exactly as they are, at the photo's own size. Where masks overlap, "semantic"
sums their probabilities per class, "panoptic" gives the pixel to the most certain mask, and
"instance" keeps all of them in the JSON and puts the most certain on top in the pictures.

  ovseg segment photo.jpg --masks masks.json --vocab "cat, kitten; sofa; remote control"
  ovseg segment clip.mp4 --fps 2 --vocab "cat, kitten; sofa; remote control"
"""

from __future__ import annotations

import argparse
import glob
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ovseg_jax.cli.clip_options import add_clips, choice_of
from ovseg_jax.cli.errors import UsageError
from ovseg_jax.cli.options import (
    READOUTS,
    add_formats,
    add_generator,
    add_model,
    add_photos,
    add_vocabulary,
    check_score,
)
from ovseg_jax.cli.shards import add_shard
from ovseg_jax.foundation.errors import first_few, one_line

TASKS = ("semantic", "panoptic", "instance")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this subcommand."""
    add_photos(parser, clips=True)
    add_clips(parser)
    add_shard(parser)
    parser.add_argument("--task", choices=TASKS, default="semantic", help="default: semantic")
    parser.add_argument(
        "--min-score",
        type=float,
        metavar="P",
        help="leave pixels and segments below this probability unlabelled (default: the model's "
        "own, usually 0, which labels all that masks cover)",
    )
    parser.add_argument(
        "--save-maps", action="store_true", help="write the activation maps of each mask"
    )
    add_formats(parser)
    add_generator(parser)
    parser.add_argument(
        "--dense",
        nargs="?",
        const="values",
        choices=READOUTS,
        metavar="WAY",
        help="no masks: name every cell of the image tower and take each pixel's best word. WAY is "
        "how the last block of a transformer is read: values (default), queries, queries_keys, or "
        "plain, which works with any tower",
    )
    add_vocabulary(parser, required=False)
    add_model(parser)


def run(arguments: argparse.Namespace) -> int:
    """Segments the photos and videos; returns the exit status."""
    from ovseg_jax.cli.clips import ClipRecorder, segment_camera
    from ovseg_jax.cli.photos import Work, for_each_photo
    from ovseg_jax.inference.formats.folder import FolderFiles
    from ovseg_jax.inference.output.save import write_answer
    from ovseg_jax.inputs.clips import Clip, open_clip
    from ovseg_jax.inputs.images import is_clip, read_image

    _check(arguments)
    answer, formats = _answering(arguments), arguments.format
    if arguments.camera is not None:
        return segment_camera(arguments, answer)

    def handle(work: Work, photo: Any, stem: str) -> str:
        if isinstance(photo, Clip):
            with photo as clip:
                return ClipRecorder(clip, stem, work, answer, arguments).record()
        result = answer(work.segmenter, photo)
        files = write_answer(result, work.results, stem, formats)
        return f"{one_line(photo.path.name)}: {_summary(result.names)} -> {files[1]}"

    def read(path: Path) -> Any:
        return open_clip(path) if is_clip(path) else read_image(path)

    return for_each_photo(arguments, _naming(arguments), handle, FolderFiles(formats), read)


def _answering(arguments: argparse.Namespace) -> Callable[[Any, Any], Any]:
    """What answers a picture, given the segmenter."""
    return lambda segmenter, image: segmenter.segment(
        image,
        arguments.masks,
        arguments.task,
        min_score=arguments.min_score,
        with_maps=arguments.save_maps,
    )


def _naming(arguments: argparse.Namespace) -> Callable[[Path, Path, str], list[str]]:
    """What tells the names of the results of a photo or video."""
    from ovseg_jax.cli.clips import clip_names
    from ovseg_jax.inference.output.save import names_of_answer
    from ovseg_jax.inputs.images import is_clip

    def names_of(folder: Path, photo: Path, stem: str) -> list[str]:
        if is_clip(photo):
            return clip_names(stem)
        if not arguments.save_maps:
            return names_of_answer(stem, formats=arguments.format)
        # How many maps there will be is known later; those that are there must be ours.
        older = (folder / f"{stem}_maps").glob("mask_*.png")
        names = names_of_answer(stem, maps=0, formats=arguments.format)
        return names + [f"{stem}_maps/{path.name}" for path in older]

    return names_of


def _check(arguments: argparse.Namespace) -> None:
    """Refuses what cannot be, before anything is loaded."""
    from ovseg_jax.inputs.containers import pyav
    from ovseg_jax.inputs.images import is_clip

    check_score(arguments.min_score)
    _check_dense(arguments)
    choice_of(arguments)
    if not arguments.photos and arguments.camera is None:
        raise UsageError("nothing to segment: give photos or videos, or --camera 0")
    clips = any(is_clip(given) and _is_there(given) for given in arguments.photos)
    if arguments.camera is not None or clips:
        pyav()


def _is_there(given: str) -> bool:
    """Whether a path or pattern is of something; what is not gets another message than PyAV's."""
    return Path(given).exists() or bool(glob.glob(given))


def _check_dense(arguments: argparse.Namespace) -> None:
    """Refuses options that mean nothing without masks."""
    if arguments.dense is None:
        return
    for option in ("masks", "generator", "save_maps"):
        if getattr(arguments, option):
            flag = f"--{option.replace('_', '-')}"
            raise UsageError(f"--dense needs no masks: leave out {flag}, or --dense")
    if arguments.task != "semantic":
        raise UsageError(f"--dense answers --task semantic only, not {arguments.task}")


def _summary(names: list[str], limit: int = 6) -> str:
    """Counts names: "3 cat, sofa"."""
    if not names:
        return "nothing labelled"
    counts = Counter(names).most_common()
    return first_few((name if count == 1 else f"{count} {name}" for name, count in counts), limit)
