"""Names the masks of photos: a table on the terminal, and <photo>_masks.json in --out.

ovseg classify photo.jpg --masks masks.json --vocab-preset ade150
"""

from __future__ import annotations

import argparse
from typing import Any

from ovseg_jax.cli.options import add_model, add_photos, add_vocabulary, check_top
from ovseg_jax.disk.json_text import json_bytes
from ovseg_jax.foundation.errors import one_line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this subcommand."""
    add_photos(parser)
    parser.add_argument(
        "--top", type=int, default=3, metavar="N", help="names per mask (default: 3)"
    )
    add_vocabulary(parser)
    add_model(parser)


def run(arguments: argparse.Namespace) -> int:
    """Classifies the masks of the photos; returns the exit status."""
    from ovseg_jax.cli.photos import Work, for_each_photo
    from ovseg_jax.inference.output.save import describe_masks

    top = check_top(arguments.top)

    def handle(work: Work, photo: Any, stem: str) -> str:
        segmenter = work.segmenter
        found = segmenter.classify(photo, arguments.masks)
        entries = describe_masks(found, top)
        record = {
            "image": {"file": photo.path.name, "height": photo.height, "width": photo.width},
            "model": segmenter.model.name,
            "vocabulary": [list(entry.synonyms) for entry in found.words.classes.classes],
            "background": [list(entry.synonyms) for entry in found.words.background],
            "masks": entries,
        }
        text = json_bytes(record, indent=1)
        path = work.results.write(f"{stem}_masks.json", lambda file: file.write(text), photo.path)
        return f"{one_line(photo.path.name)} -> {path}\n{table(entries)}"

    return for_each_photo(arguments, lambda folder, photo, stem: [f"{stem}_masks.json"], handle)


def table(entries: list[dict[str, Any]]) -> str:
    """Renders one line per mask: number, area, then names with their probabilities."""
    lines = []
    for entry in entries:
        names = "  ".join(f"{best['name']} {best['score']:.3f}" for best in entry["top"])
        note = "  (background)" if entry["is_background"] else ""
        lines.append(f"  {entry['index']:>4}  {entry['area']:>9} px  {names}{note}")
    return "\n".join(lines) or "  no masks"
