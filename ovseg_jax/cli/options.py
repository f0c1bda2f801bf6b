"""Options that several subcommands share, and what they mean."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ovseg_jax.cli.errors import UsageError
from ovseg_jax.foundation.errors import printable
from ovseg_jax.inference.formats.table import NAMES, TABLE

TEMPLATES = ("vild14", "single", "imagenet80", "plain")
READOUTS = ("plain", "values", "queries", "queries_keys")
"""Keys of `ovseg_jax.models.clip.readout`, which is too heavy to import for a help text."""
FILE_HELP = (
    "class list: text with a class per line, CSV, JSON, or YAML, among them COCO's categories and "
    "data.yaml"
)
BACKGROUND_HELP = (
    "words that compete for pixels but leave them unlabelled, written like --vocab; 'none' for "
    "no such words. Default: with fewer than 10 classes, the stuff words of the model's training "
    "vocabulary (grass, sky, wall, ...) that are not among yours; with more, none. Other things "
    "in the photo still take the nearest of your words: name them here, or set --min-score"
)


def add_model(parser: argparse.ArgumentParser) -> None:
    """Adds --model and --templates."""
    group = parser.add_argument_group("model")
    group.add_argument(
        "--model",
        default="toy",
        metavar="RUN_OR_WEIGHTS",
        help="weights directory, run, name of a published file (`ovseg get NAME`), or "
        "hf:OWNER/REPO@REVISION; 'toy' is the tiny model inside the package, which knows a drawn "
        "world of 48 things, not photos (default: toy)",
    )
    group.add_argument(
        "--templates", choices=TEMPLATES, help="prompt set (default: the model's own)"
    )


def add_generator(parser: argparse._ActionsContainer) -> None:
    """Adds --generator to a parser, or to one of its groups."""
    parser.add_argument(
        "--generator",
        metavar="RUN_OR_WEIGHTS",
        help="another model that makes the masks; by default --masks, else the model's own",
    )


def add_vocabulary(parser: argparse.ArgumentParser, *, required: bool = True) -> None:
    """Adds the three ways to give words; they may be left out where the model has its own list."""
    group = parser.add_argument_group("words (one of)")
    words = group.add_mutually_exclusive_group(required=required)
    words.add_argument("--vocab", metavar="WORDS", help="'cat, kitten; sofa': ; parts classes")
    words.add_argument("--vocab-file", type=given_path, metavar="FILE", help=FILE_HELP)
    words.add_argument(
        "--vocab-preset",
        metavar="NAME",
        help="a list of the package: ade150, ade847, coco_panoptic133, coco_stuff171, "
        "pascal_context59, ... (a wrong name lists all)",
    )


def add_photo_names(parser: argparse.ArgumentParser, *, clips: bool = False) -> None:
    """Adds the photos, and whether to look into subfolders; a camera stands for videos."""
    parser.add_argument(
        "photos",
        nargs="*" if clips else "+",
        metavar="PHOTO_OR_VIDEO" if clips else "PHOTO",
        help="photos, folders of photos, and patterns such as 'photos/*.jpg'"
        + "; videos such as clip.mp4" * clips,
    )
    parser.add_argument(
        "--recursive", action="store_true", help="take the photos of subfolders too"
    )


def add_field_help(parser: argparse.ArgumentParser) -> None:
    """Adds --help of a command whose config has options of its own."""
    parser.add_argument(
        "-h", "--help", action="store_true", help="this text; with a config, all its fields"
    )
    parser.set_defaults(parser=parser)


def help_status(arguments: argparse.Namespace) -> int:
    """Prints the help of `add_field_help` where no config was given; returns the exit status."""
    arguments.parser.print_help()
    return 0 if arguments.help else 2


def add_overwrite(parser: argparse.ArgumentParser) -> None:
    """Adds --overwrite."""
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="also replace files that ovseg wrote from something else, or that were altered since; "
        "never files of others, nor those that this run reads",
    )


def add_formats(parser: argparse.ArgumentParser, *, required: bool = False) -> None:
    """Adds --format."""
    tools = "; ".join(f"{row.name} ({row.tool})" for row in TABLE)
    parser.add_argument(
        "--format",
        action="extend",
        type=_formats,
        default=[],
        required=required,
        metavar="FORMAT[,FORMAT...]",
        help=f"write the answers for other tools too, each into a folder of its name: {tools}",
    )


def _formats(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if unknown := [name for name in names if name not in NAMES]:
        raise argparse.ArgumentTypeError(
            f"there is no format {unknown[0]!r}; choose of {', '.join(NAMES)}"
        )
    return names


def add_hosts(parser: argparse.ArgumentParser) -> None:
    """Adds --hosts."""
    parser.add_argument(
        "--hosts",
        choices=("auto", "one"),
        default="auto",
        help="work with the other hosts that JAX finds (TPU pods and slices, GKE, Slurm, Open MPI; "
        "the default), or on this one alone",
    )


def add_photos(parser: argparse.ArgumentParser, *, clips: bool = False) -> None:
    """Adds photos (and videos), masks, background and the output folder."""
    add_photo_names(parser, clips=clips)
    parser.add_argument(
        "--masks",
        type=given_path,
        metavar="FILE_OR_FOLDER",
        help="masks of the photo as displayed (after EXIF rotation): JSON (COCO, LabelMe, "
        "Label Studio, VIA), GeoJSON, CVAT's XML, label maps, .npz, YOLO .txt, or a folder with a "
        "file or subfolder per photo; docs/inputs.md says how a photo finds its masks",
    )
    parser.add_argument("--out", type=given_path, default=Path("out"), help="folder (default: out)")
    add_overwrite(parser)
    parser.add_argument("--background", metavar="WORDS", help=BACKGROUND_HELP)


def read_vocabulary(arguments: argparse.Namespace) -> Any:
    """Returns the class list that was asked for; None for the model's own.

    Where it is not obvious how words were understood, a line says it.
    """
    from ovseg_jax.vocabulary import classes
    from ovseg_jax.vocabulary.class_files import read_class_file

    if arguments.vocab_preset:
        return classes.load_preset(arguments.vocab_preset)
    if arguments.vocab_file:
        found, remarks = read_class_file(arguments.vocab_file)
        _show(arguments.vocab_file, found, remarks)
        return found
    if arguments.vocab is None:
        return None
    found = classes.parse_vocabulary(arguments.vocab, name="--vocab")
    by_line = len(found) > 1 and ";" not in arguments.vocab
    _show("--vocab", found, ("one per line",) if by_line else ())
    return found


def _show(source: object, classes: Any, remarks: Sequence[str]) -> None:
    from ovseg_jax.vocabulary.hints import describe

    if remarks:
        print(printable(f"ovseg: {source}: {describe(classes, remarks)}"), file=sys.stderr)


def given_path(text: str) -> Path:
    """Reads a path; an empty one would be the working folder, and is a variable without a value."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the path is empty; give '.' for the working folder")
    return Path(text)


def check_top(count: int) -> int:
    """Refuses to show less than one name."""
    if count < 1:
        raise UsageError(f"--top {count}: give at least 1")
    return count


def check_score(value: float | None) -> None:
    """Refuses a score that is no probability."""
    if value is not None and not 0 <= value <= 1:
        raise UsageError(f"--min-score {value:g}: give a probability from 0 to 1")
