"""Names whole photos: zero-shot classification, a quick check of a converted tower.

The words compete with each other, so give some that do not fit. Of a SigLIP model each word has a
probability of its own.

  ovseg classify-image photo.jpg --vocab "cat, kitten; dog; car" --model weights/clip_vit_l
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ovseg_jax.cli.options import (
    add_model,
    add_overwrite,
    add_photo_names,
    add_vocabulary,
    check_top,
    given_path,
    read_vocabulary,
)
from ovseg_jax.disk.json_text import json_bytes
from ovseg_jax.foundation.errors import printable

BAR_WIDTH = 30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this subcommand."""
    add_photo_names(parser)
    parser.add_argument(
        "--top", type=int, default=5, metavar="N", help="names per photo (default: 5)"
    )
    parser.add_argument(
        "--json",
        type=given_path,
        metavar="FILE",
        help="also write the probabilities of all classes",
    )
    add_overwrite(parser)
    add_vocabulary(parser)
    add_model(parser)


def run(arguments: argparse.Namespace) -> int:
    """Classifies the photos; returns the exit status."""
    from rich.console import Console

    from ovseg_jax.cli.photos import find_photos, go_through
    from ovseg_jax.cli.progress import Progress
    from ovseg_jax.cli.results import open_file, source_of

    check_top(arguments.top)
    photos = find_photos(arguments)
    keep = None
    if arguments.json:
        source = source_of([Path(name) for name in arguments.photos])
        keep = open_file(arguments, arguments.json, source, photos.photos)
    classes, console, entries = read_vocabulary(arguments), Console(), []
    with Progress() as progress:
        classifier = _prepare(arguments, classes, progress)

        def handle(photo: Any, stem: str) -> None:
            guesses = classifier.classify(photo)
            console.print(table(printable(photo.path), guesses[: arguments.top]))
            entries.append(describe(photo, guesses))

        named = [(photo, "") for photo in photos.photos]
        status = go_through(named, len(photos.refused), handle, progress.task("photos"))
    if keep and entries:
        text = _record(classifier.model.name, classes, entries)
        path = keep(lambda file: file.write(text))
        console.print(f"written to {path}", markup=False, highlight=False)
    return status


def table(title: str, guesses: list[Any]) -> Any:
    """Draws names, probabilities and bars of one photo for a `rich` console."""
    from rich.table import Table
    from rich.text import Text

    # Names are texts, not markup: "[red]" is a word like any other.
    drawn = Table(title=Text(title), title_justify="left", title_style="bold", box=None)
    drawn.add_column("class", overflow="fold", header_style="dim")
    drawn.add_column("probability", justify="right", no_wrap=True, header_style="dim")
    drawn.add_column("", no_wrap=True)
    for guess in guesses:
        bar = "█" * round(BAR_WIDTH * guess.probability)
        drawn.add_row(Text(printable(guess.name)), f"{guess.probability:.4f}", Text(bar, "cyan"))
    return drawn


def describe(photo: Any, guesses: list[Any]) -> dict[str, Any]:
    """Returns a photo's entry in the file: probabilities in the order of the vocabulary."""
    ordered = sorted(guesses, key=lambda guess: guess.index)
    return {
        "file": str(photo.path),
        "height": photo.height,
        "width": photo.width,
        "probabilities": [guess.probability for guess in ordered],
    }


def _prepare(arguments: argparse.Namespace, classes: Any, progress: Any) -> Any:
    from ovseg_jax import api
    from ovseg_jax.disk.programs import keep_programs

    keep_programs()
    loading: Callable[[int, int], None] = progress.task("loading the model")
    classifier = api.load_image_classifier(arguments.model)
    loading(1, 1)
    templates, embedding = arguments.templates or "", progress.task("embedding words")
    classifier.set_vocabulary(classes, templates=templates, progress=embedding)
    return classifier


def _record(model: str, classes: Any, entries: list[dict[str, Any]]) -> bytes:
    vocabulary = [list(entry.synonyms) for entry in classes.classes]
    record = {"model": model, "vocabulary": vocabulary, "photos": entries}
    return json_bytes(record, indent=1)
