"""Mines pairs of a mask and a noun from captions, as OVSeg was trained on (arXiv 2210.04150, 3.2).

For every noun of a caption, CLIP picks the mask of that photo that fits best. Writes into --out:
  settings.json     what the folder was made with; other settings are refused
  shards/*.jsonl    what was done so far, photo by photo; give the command again to go on
  pairs.jsonl       the pairs: file name, noun, caption, score, COCO run lengths
  vocabulary.json   the nouns, as --data.vocabulary reads them
  statistics.json   counts, and what was dropped and why
  sources.json      the settings again, for those who read the pairs

  ovseg mine coco/train2017 --captions coco/annotations/captions_train2017.json
      --model weights/vit_l_14_quickgelu --generator weights/maskformer_swin_b --out pairs
  ovseg mine ... --shard 3/8                  # the same on eight machines, then
  ovseg mine --merge pairs --out pairs        # joins the shards and writes the pairs
  ovseg mine coco/train2017 --data coco_stuff --data-root coco --words classes --out gt
  ovseg mine --merge pairs gt --out both      # several complete runs are concatenated
"""

from __future__ import annotations

import argparse
from typing import Any

from ovseg_jax.cli.errors import UsageError
from ovseg_jax.cli.options import add_generator, add_model, add_overwrite, given_path

PER_IMAGE = {"1": 1, "5": 5, "all": 0}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this subcommand."""
    parser.add_argument(
        "photos",
        type=given_path,
        nargs="?",
        metavar="FOLDER",
        help="the photos; file names start there",
    )
    parser.add_argument("--out", type=given_path, required=True, help="folder of pairs")
    add_overwrite(parser)
    _add_words(parser)
    _add_masks(parser)
    _add_filters(parser)
    group = parser.add_argument_group("sharing the work")
    group.add_argument("--shard", metavar="K/N", default="1/1", help="the K-th of N equal parts")
    group.add_argument(
        "--merge",
        nargs="+",
        type=given_path,
        metavar="FOLDER",
        help="instead of mining: check that the shards in these folders are complete and belong "
        "together, and write their pairs; several complete runs are concatenated",
    )
    add_model(parser)


def run(arguments: argparse.Namespace) -> int:
    """Mines or merges; returns the exit status."""
    from ovseg_jax.mining.merge import find_sources

    if arguments.merge:
        return _merge(arguments)
    shard = _parse_shard(arguments.shard)
    failed = _mine(arguments, shard)
    if failed:
        print(f"{failed} photos could not be used; their reasons are in the journal")
    if shard[1] > 1:
        print(f"shard {shard[0]} of {shard[1]} is done; join all with --merge")
        return 0
    return _finish(arguments, find_sources([arguments.out]))


def _add_words(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("words")
    group.add_argument(
        "--captions",
        type=given_path,
        metavar="FILE",
        help="COCO captions JSON, or lines file_name<TAB>caption; a data set may have its own",
    )
    group.add_argument(
        "--captions-per-image",
        choices=tuple(PER_IMAGE),
        default="1",
        help="how many of a photo's captions count, the first ones (default: 1)",
    )
    group.add_argument(
        "--words",
        choices=("nouns", "classes"),
        default="nouns",
        help="pair masks with nouns of captions, or with the class names that their source gives "
        "them, for which neither captions nor CLIP is needed (default: nouns)",
    )
    group.add_argument(
        "--stop-nouns",
        type=given_path,
        metavar="FILE",
        help="nouns that are left out, one a line, singular; replaces the list of the package",
    )


def _add_masks(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("masks (default: of the model's own generator)")
    group.add_argument(
        "--masks",
        type=given_path,
        metavar="FILE_OR_FOLDER",
        help="files, as `ovseg segment` reads them",
    )
    add_generator(group)
    group.add_argument(
        "--data", metavar="NAME", help="photos and ground-truth masks of a data set under data/"
    )
    group.add_argument("--data-root", default="", metavar="DIR", help="its files")
    group.add_argument("--data-split", default="train", metavar="SPLIT")
    group.add_argument("--data-config", default="", metavar="NAME")
    group.add_argument("--data-prepared", default="", metavar="DIR", help="where records lie")
    group.add_argument(
        "--data-vocabulary", default="", metavar="NAME", help="class list (default: the set's own)"
    )


def _add_filters(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what is kept (by default everything, as in the paper)")
    group.add_argument("--min-score", type=float, default=-1.0, metavar="C", help="lowest cosine")
    group.add_argument(
        "--min-area", type=float, default=0.0, metavar="A", help="smallest mask, share of the photo"
    )
    group.add_argument(
        "--min-count", type=int, default=1, metavar="N", help="rarest noun, counted at the end"
    )
    group.add_argument(
        "--crop-size", type=int, default=0, metavar="PIXELS", help="default: the tower's own"
    )


def _mine(arguments: argparse.Namespace, shard: tuple[int, int]) -> int:
    """Mines a shard into the journal; returns how many photos could not be used."""
    from ovseg_jax.cli import mining_parts
    from ovseg_jax.cli.progress import Progress
    from ovseg_jax.cli.results import inputs_of
    from ovseg_jax.mining.folder import claim_folder
    from ovseg_jax.mining.journal import Journal, check_owner, journal_path
    from ovseg_jax.mining.miner import mine_shard
    from ovseg_jax.mining.settings import settle

    _check(arguments)
    claim_folder(arguments.out, inputs_of(arguments), overwrite=arguments.overwrite)
    check_owner(journal_path(arguments.out, *shard))
    with Progress() as progress:
        photos = mining_parts.open_photos(arguments, PER_IMAGE[arguments.captions_per_image])
        miner, options = mining_parts.make_miner(arguments, progress, photos.names)
        options |= {
            "photos": photos.key,
            "--captions-per-image": arguments.captions_per_image,
            "--words": arguments.words,
            "--min-score": arguments.min_score,
            "--min-area": arguments.min_area,
            "--shard": f"of {shard[1]}",
        }
        folder = "" if photos.folder is None else str(photos.folder.absolute())
        record = {"format": 1, "options": options, "count": len(photos), "shards": shard[1]}
        settle(arguments.out, record | {"photos_folder": folder})
        with Journal(journal_path(arguments.out, *shard)) as journal:
            return mine_shard(photos, miner, journal, shard, progress.task("photos"))


def _merge(arguments: argparse.Namespace) -> int:
    from ovseg_jax.mining.folder import claim_folder
    from ovseg_jax.mining.merge import find_sources
    from ovseg_jax.mining.settings import settle

    claim_folder(arguments.out, overwrite=arguments.overwrite)
    sources = find_sources(arguments.merge)
    if arguments.out.absolute() not in [folder.absolute() for folder in arguments.merge]:
        options = {f"merged {n}": source.settings for n, source in enumerate(sources)}
        settle(arguments.out, {"format": 1, "options": options, "merged": len(sources)})
    elif len(sources) > 1:
        raise UsageError(f"--out {arguments.out} is one of several runs to join; give another")
    return _finish(arguments, sources)


def _finish(arguments: argparse.Namespace, sources: list[Any]) -> int:
    from ovseg_jax.mining.pairs import describe, write_pairs

    options = {"overwrite": arguments.overwrite}
    statistics = write_pairs(arguments.out, sources, arguments.min_count, **options)
    print(f"{describe(statistics)}\n-> {arguments.out}")
    return 0


def _check(arguments: argparse.Namespace) -> None:
    """Refuses options that do not go together."""
    if arguments.photos is None and arguments.data is None:
        raise UsageError("give a folder of photos, or a data set by --data")
    if arguments.words == "nouns" and arguments.captions is None and arguments.data is None:
        raise UsageError("--words nouns needs --captions (or a --data set that has its own)")
    if arguments.words == "classes" and arguments.masks is None and arguments.data is None:
        raise UsageError("--words classes needs masks with class names: --masks or --data")
    if arguments.words == "classes" and arguments.generator:
        raise UsageError("--words classes takes masks with class names, not --generator")
    if arguments.masks and arguments.generator:
        raise UsageError("--masks and --generator: give one of them")
    if not -1 <= arguments.min_score <= 1:
        raise UsageError(f"--min-score {arguments.min_score:g}: a cosine lies from -1 to 1")
    if not 0 <= arguments.min_area < 1:
        raise UsageError(f"--min-area {arguments.min_area:g}: a share of the photo, 0 to below 1")


def _parse_shard(text: str) -> tuple[int, int]:
    number, _, count = text.partition("/")
    if not (number.isdigit() and count.isdigit() and 1 <= int(number) <= int(count)):
        raise UsageError(f"--shard {text}: give K/N with K from 1 to N, such as 3/8")
    return int(number), int(count)
