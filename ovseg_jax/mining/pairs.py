"""The files that a finished folder holds: pairs, vocabulary, statistics; written and read.

* `pairs.jsonl`: one pair a line: `file_name` of the photo, `noun`, `caption`, `score` (cosine; null
  for class names), `area` in pixels, `segmentation` (COCO's packed run lengths at the photo's
  size), `source` (its place in `sources.json`).
* `vocabulary.json`: the nouns, the most frequent first, as `load_class_file` reads them.
* `statistics.json`: counts, and what was dropped and why.
* `sources.json`: the settings of every run that is in it, with its folder of photos.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from ovseg_jax.disk.json_text import json_bytes
from ovseg_jax.disk.outputs import OutputFolder
from ovseg_jax.foundation.errors import OvsegError
from ovseg_jax.mining.journal import Record

PAIRS, VOCABULARY, STATISTICS = "pairs.jsonl", "vocabulary.json", "statistics.json"
SOURCES = "sources.json"
MOST_FREQUENT = 20
MOST_LISTED = 20
"""Nouns, and failed photos, that the statistics name."""


class PairsError(OvsegError, ValueError):
    """A folder of pairs is incomplete or damaged."""


@dataclasses.dataclass(frozen=True)
class Source:
    """The records of one complete run.

    Attributes:
        settings: What it was made with.
        records: Yields the journal's records, each time anew.
    """

    settings: Record
    records: Callable[[], Iterable[Record]]


def write_pairs(
    folder: Path, sources: list[Source], min_count: int = 1, *, overwrite: bool = False
) -> Record:
    """Writes the files of a finished folder.

    Args:
        folder: Where to.
        sources: Complete runs; their pairs are concatenated.
        min_count: Nouns with fewer pairs are left out.
        overwrite: Also replace our own files that were altered.

    Returns:
        The statistics.

    Raises:
        PairsError: No pair is left.
        OutputError: A file is there that may not be replaced, or the disk refuses.
    """
    counts: Counter[str] = Counter()
    for _, pair in _all_pairs(sources):
        counts[pair["noun"]] += 1
    kept = {noun: count for noun, count in counts.items() if count >= min_count}
    if not kept:
        raise PairsError(
            f"{folder}: no pair is left of {counts.total()}; lower --min-score, --min-area or "
            "--min-count, or look at why photos fail"
        )
    statistics = _statistics(sources, counts, kept, min_count)

    def write_lines(file: Any) -> None:
        for number, pair in _all_pairs(sources):
            if pair["noun"] in kept:
                file.write(json_bytes(pair | {"source": number}) + b"\n")

    ordered = sorted(kept, key=lambda noun: (-kept[noun], noun))
    settings = [source.settings for source in sources]
    results = OutputFolder(folder, overwrite=overwrite)
    results.claim((PAIRS, SOURCES, VOCABULARY, STATISTICS))
    results.write(PAIRS, write_lines)
    _write_json(results, SOURCES, settings)
    _write_json(results, VOCABULARY, {"classes": [{"names": [noun]} for noun in ordered]})
    _write_json(results, STATISTICS, statistics)
    return statistics


def read_pairs(folder: Any) -> Iterator[Record]:
    """Yields the pairs of a finished folder.

    Raises:
        PairsError: It is not finished, or a line is damaged.
    """
    path = folder / PAIRS
    if not path.exists():
        raise PairsError(
            f"{folder}: holds no {PAIRS}; let `ovseg mine` finish, or join shards with --merge"
        )
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            yield _checked(line, f"{path}: line {number}")


def describe(statistics: Record) -> str:
    """Returns the statistics as a few lines to print."""
    frequent = ", ".join(f"{noun} {count}" for noun, count in statistics["most_frequent"])
    dropped = ", ".join(f"{count} {why}" for why, count in statistics["dropped"].items())
    lines = [
        f"{statistics['pairs']} pairs of {statistics['distinct_nouns']} nouns from "
        f"{statistics['photos']} photos and {statistics['captions']} captions",
        f"{statistics['nouns_per_caption']} nouns per caption, "
        f"{statistics['pairs_per_photo']} pairs per photo",
        f"most frequent: {frequent}",
        f"dropped: {dropped or 'nothing'}",
    ]
    if statistics["failed_photos"]:
        lines.append(f"{statistics['failed_photos']} photos could not be used; see {STATISTICS}")
    return "\n".join(lines)


def _all_pairs(sources: list[Source]) -> Iterator[tuple[int, Record]]:
    for number, source in enumerate(sources):
        for record in source.records():
            for pair in record.get("pairs", ()):
                yield number, {"file_name": record["photo"]} | pair


def _statistics(
    sources: list[Source], counts: Counter[str], kept: dict[str, int], min_count: int
) -> Record:
    totals: Counter[str] = Counter()
    dropped: Counter[str] = Counter()
    failed: list[Record] = []
    for source in sources:
        for record in source.records():
            totals.update(photos=1, captions=record.get("captions", 0))
            totals["caption nouns"] += record.get("nouns", 0) if record.get("captions") else 0
            totals["empty photos"] += not record.get("pairs")
            dropped.update(record.get("dropped", {}))
            if "failed" in record:
                failed.append({"photo": record["photo"], "reason": record["failed"]})
    pairs = sum(kept.values())
    if rare := counts.total() - pairs:
        dropped["noun below --min-count"] = rare
    return {
        "pairs": pairs,
        "distinct_nouns": len(kept),
        "photos": totals["photos"],
        "captions": totals["captions"],
        "nouns_per_caption": round(totals["caption nouns"] / max(totals["captions"], 1), 2),
        "pairs_per_photo": round(pairs / max(totals["photos"], 1), 2),
        "photos_without_pairs": totals["empty photos"],
        "most_frequent": Counter(kept).most_common(MOST_FREQUENT),
        "dropped": dict(dropped.most_common()),
        "min_count": min_count,
        "failed_photos": len(failed),
        "failed": failed[:MOST_LISTED],
    }


def _checked(line: bytes, where: str) -> Record:
    try:
        pair = json.loads(line)
    except ValueError as error:
        raise PairsError(f"{where}: not JSON ({error})") from error
    for field, kind in (("file_name", str), ("noun", str), ("segmentation", dict), ("source", int)):
        if not isinstance(pair, dict) or not isinstance(pair.get(field), kind):
            raise PairsError(f"{where}: {field!r} should be of type {kind.__name__}")
    return pair


def _write_json(results: OutputFolder, name: str, content: Any) -> None:
    text = json_bytes(content, indent=1) + b"\n"
    results.write(name, lambda file: file.write(text))
