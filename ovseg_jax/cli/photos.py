"""The loop over photos that `segment`, `classify` and `classify-image` share."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ovseg_jax.cli.clip_options import PARTS, check_parts
from ovseg_jax.cli.errors import is_users, report
from ovseg_jax.cli.options import read_vocabulary
from ovseg_jax.cli.progress import Progress
from ovseg_jax.cli.results import open_results, stems
from ovseg_jax.cli.shards import Named, begin_job, left_to_do
from ovseg_jax.disk.outputs import OutputFolder
from ovseg_jax.disk.programs import keep_programs
from ovseg_jax.foundation.errors import printable

if TYPE_CHECKING:  # for the signatures; a help text needs no Pillow
    from ovseg_jax.inference.formats.folder import FolderFiles
    from ovseg_jax.inputs.listing import Listing
    from ovseg_jax.models.clip.readout import Readout


@dataclasses.dataclass(frozen=True)
class Work:
    """What the photos of a run share.

    Attributes:
        segmenter: The model, with words.
        results: Where results go.
        progress: Bars on the terminal.
    """

    segmenter: Any
    results: OutputFolder
    progress: Progress


def for_each_photo(
    arguments: argparse.Namespace,
    names_of: Callable[[Path, Path, str], Iterable[str]],
    handle: Callable[[Work, Any, str], str | None],
    shared: FolderFiles | None = None,
    read: Callable[[Path], Any] | None = None,
) -> int:
    """Loads model and words, then handles photo after photo.

    A photo that cannot be used is reported, and the others go on.

    Args:
        arguments: With the options of `add_photos`, `add_model` and `add_vocabulary`.
        names_of: Returns the names of a photo's results, given the folder, the photo and its stem.
        handle: Takes what photos share, the photo and the stem of its results; returns a line to
            print.
        shared: Files about all photos, written when the last one is done.
        read: Opens a file; None for files of photos only.

    Returns:
        Exit status: 2 if a photo failed.

    Raises:
        OutputError: A result would meet a file that it may not replace; no photo was touched.
        UsageError: Frames are chosen, and nothing has frames.
    """
    photos = find_photos(arguments, clips=read is not None)
    check_parts(arguments, photos.photos)
    classes = read_vocabulary(arguments)
    named = list(zip(photos.photos, stems(photos.photos), strict=True))
    shard = getattr(arguments, "shard", None)
    if shard is not None:
        named, done = left_to_do(named, shard, arguments.out, names_of)
        print(f"ovseg: shard {shard}: {len(named)} photos, {done} done before", flush=True)
    results = open_results(arguments, named, names_of)
    if shared is not None:
        shared.claim(results)
    if not named:  # of a shard
        write_shared(shared, results)
        return 2 if photos.refused else 0
    if arguments.masks:  # no masks may serve two photos by accident
        from ovseg_jax.masks.read import MaskFiles

        places = tuple(place for photo in photos.photos for place in _places(photo))
        arguments.masks = MaskFiles(arguments.masks, places)
    with Progress() as progress:
        work = Work(prepare(arguments, classes, progress), results, progress)
        if shard is not None:
            begin_job(arguments.out, _job(arguments, work.segmenter))
        status = go_through(
            named,
            len(photos.refused),
            lambda photo, stem: handle(work, photo, stem),
            progress.task("photos"),
            read,
        )
    write_shared(shared, results)
    return status


def _places(photo: Path) -> list[Path]:
    """Places of photos, for their masks: of a video two stand for all frames, as it is no one."""
    from ovseg_jax.inputs.images import is_clip

    place = photo.absolute()
    return [place / f"frame{number}" for number in range(2)] if is_clip(photo) else [place]


def write_shared(shared: FolderFiles | None, results: OutputFolder) -> None:
    """Writes the files about all photos, and says where."""
    for path in shared.write(results) if shared is not None else ():
        print(printable(f"all photos -> {path}"), flush=True)


def find_photos(arguments: argparse.Namespace, *, clips: bool = False) -> Listing:
    """Lists the photos that were asked for; names that lead to none are reported at once.

    Args:
        arguments: With the options of `add_photo_names`.
        clips: Patterns mean videos too.

    Raises:
        ImageError: There is no photo at all.
    """
    from ovseg_jax.inputs.listing import list_photos

    listing = list_photos(arguments.photos, recursive=arguments.recursive, clips=clips)
    for error in listing.refused:
        report(error)
    return listing


def go_through(
    photos: Named,
    failed: int,
    handle: Callable[[Any, str], str | None],
    advance: Callable[[int, int], None],
    read: Callable[[Path], Any] | None = None,
) -> int:
    """Handles photo after photo; one that cannot be used is reported, and the others go on.

    Args:
        photos: The photos, each with the stem of its output files.
        failed: How many names were refused already.
        handle: Takes a photo and the stem of its output files; returns a line to print.
        advance: Called with (photos done, photos in all).
        read: Opens a file; None for files of photos only.

    Returns:
        Exit status: 2 if a photo failed.
    """
    from ovseg_jax.inputs.images import read_image

    total = len(photos) + failed
    for number, (path, stem) in enumerate(photos):
        advance(number, len(photos))
        try:
            line = handle((read or read_image)(path), stem)
        except Exception as error:
            if not is_users(error) or total == 1 or _disk_is_full(error):
                raise
            report(error)
            failed += 1
            continue
        if line:
            print(printable(line), flush=True)
    if failed:
        print(f"ovseg: {failed} of {total} photos failed", file=sys.stderr)
    return 2 if failed else 0


def load_model(
    name: str, progress: Progress, generator: str | None = None, dense: Readout | None = None
) -> Any:
    """Loads a segmenter, and another model that makes its masks if one is named."""
    from ovseg_jax import api

    keep_programs()
    loading = progress.task("loading the model")
    segmenter = api.load_segmenter(name, generator=generator, dense=dense)
    loading(1, 1)
    return segmenter


def prepare(arguments: argparse.Namespace, classes: Any, progress: Progress) -> Any:
    """Loads the model that the options name, and gives it the words."""
    sources = (getattr(arguments, name, None) for name in ("generator", "dense"))
    segmenter = load_model(arguments.model, progress, *sources)
    segmenter.set_vocabulary(
        classes,
        arguments.background,
        templates=arguments.templates or "",
        progress=progress.task("embedding words"),
    )
    return segmenter


def _job(arguments: argparse.Namespace, segmenter: Any) -> dict[str, Any]:
    """What decides a photo's results, ready for JSON; places are left to the machine."""
    words, names = segmenter.words, ("task", "min_score", "save_maps", "dense", *PARTS)
    generator, masks = getattr(arguments, "generator", None), arguments.masks
    return {
        "model": [Path(arguments.model).name, segmenter.model.weights_key],
        "generator": generator and Path(generator).name,
        "masks": masks and masks.path.name,
        "vocabulary": [list(entry.synonyms) for entry in words.classes.classes],
        "background": [list(entry.synonyms) for entry in words.background],
        "templates": words.templates,
    } | {name: _plain(getattr(arguments, name, None)) for name in names}


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Fraction) else value


def _disk_is_full(error: BaseException) -> bool:
    from ovseg_jax.disk.atomic import OutputError

    return isinstance(error, OutputError)
