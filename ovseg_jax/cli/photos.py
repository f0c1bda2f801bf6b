"""The loop over photos that `segment`, `classify` and `classify-image` share."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ovseg_jax.cli.errors import is_users, report
from ovseg_jax.cli.options import read_vocabulary
from ovseg_jax.cli.progress import Progress
from ovseg_jax.errors import printable


def for_each_photo(
    arguments: argparse.Namespace, handle: Callable[[Any, Any, str], str | None]
) -> int:
    """Loads model and words, then handles photo after photo.

    A photo that cannot be used is reported, and the others go on.

    Args:
        arguments: With the options of `add_photos`, `add_model` and `add_vocabulary`.
        handle: Takes the segmenter, the photo and the stem of its output files; returns a line
            to print.

    Returns:
        Exit status: 2 if a photo failed.
    """
    from ovseg_jax.inputs.images import list_images

    photos = list_images(arguments.photos)
    classes = read_vocabulary(arguments)
    with Progress() as progress:
        segmenter = _prepare(arguments, classes, progress)
        return go_through(
            photos, lambda photo, stem: handle(segmenter, photo, stem), progress.task("photos")
        )


def go_through(
    photos: list[Path],
    handle: Callable[[Any, str], str | None],
    advance: Callable[[int, int], None],
) -> int:
    """Handles photo after photo; one that cannot be used is reported, and the others go on.

    Args:
        photos: Files.
        handle: Takes a photo and the stem of its output files; returns a line to print.
        advance: Called with (photos done, photos in all).

    Returns:
        Exit status: 2 if a photo failed.
    """
    from ovseg_jax.inputs.images import read_image

    failed = 0
    for number, (path, stem) in enumerate(zip(photos, stems(photos), strict=True)):
        advance(number, len(photos))
        try:
            line = handle(read_image(path), stem)
        except Exception as error:
            if not is_users(error) or len(photos) == 1 or _disk_is_full(error):
                raise
            report(error)
            failed += 1
            continue
        if line:
            print(printable(line), flush=True)
    if failed:
        print(f"ovseg: {failed} of {len(photos)} photos failed", file=sys.stderr)
    return 2 if failed else 0


def stems(photos: list[Path]) -> list[str]:
    """Returns one stem per photo; photos that differ in suffix only keep it in their stem."""
    names = [photo.stem for photo in photos]
    return [
        photo.name.replace(".", "_") if names.count(photo.stem) > 1 else photo.stem
        for photo in photos
    ]


def load_model(
    name: str, progress: Progress, generator: str | None = None, dense: str | None = None
) -> Any:
    """Loads a segmenter, and another model that makes its masks if one is named."""
    from ovseg_jax import api

    keep_compiled()
    loading = progress.task("loading the model")
    segmenter = api.load_segmenter(name, generator=generator, dense=dense)
    loading(1, 1)
    return segmenter


def keep_compiled() -> None:
    """Keeps compiled programs in the user's cache, so that the next start is quicker.

    They lie beside the embedded texts. JAX's own variables go first: `JAX_COMPILATION_CACHE_DIR`
    names another folder, `JAX_ENABLE_COMPILATION_CACHE=false` switches this off. Where the folder
    cannot be written, every start compiles.
    """
    import jax

    from ovseg_jax.vocabulary.text_bank import default_directory

    if jax.config.jax_compilation_cache_dir or not jax.config.jax_enable_compilation_cache:
        return
    folder = default_directory().parent / "xla"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    if os.access(folder, os.W_OK | os.X_OK):
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.3)


def _prepare(arguments: argparse.Namespace, classes: Any, progress: Progress) -> Any:
    sources = (getattr(arguments, name, None) for name in ("generator", "dense"))
    segmenter = load_model(arguments.model, progress, *sources)
    segmenter.set_vocabulary(
        classes,
        arguments.background,
        templates=arguments.templates or "",
        progress=progress.task("embedding words"),
    )
    return segmenter


def _disk_is_full(error: BaseException) -> bool:
    from ovseg_jax.atomic import OutputError

    return isinstance(error, OutputError)
