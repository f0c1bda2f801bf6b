"""The mining itself: for every noun of a photo's captions, the mask that CLIP likes best.

OVSeg, arXiv 2210.04150, section 3.2. One pair per noun and photo, without a threshold unless one is
asked for. Where the paper is silent: which prompts CLIP reads nouns in (the model's own), and how
nouns that several captions share are paired (once, with the first caption that has them).
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ovseg_jax.foundation.errors import OvsegError
from ovseg_jax.inference.output.save import encode_rle
from ovseg_jax.inputs.images import ImageError
from ovseg_jax.mining.journal import Journal, Record, photos_of
from ovseg_jax.mining.nouns import NounExtractor
from ovseg_jax.mining.photos import MaskFileError, MaskSource, NamedMasks, Photo
from ovseg_jax.mining.scorer import CropScorer

MOST_FAILURES = 10
"""A run whose first photos all fail is stopped after so many: the fault is not the photos'."""


class MiningError(OvsegError, ValueError):
    """Mining cannot go on; the message says why."""


@dataclasses.dataclass(frozen=True)
class NounMiner:
    """Pairs nouns of captions with masks (rows 2 to 4 of the paper's Table 2).

    Attributes:
        extractor: Finds nouns.
        scorer: Compares masks with nouns.
        masks: Where candidates come from.
        min_area: Masks below this share of the photo's pixels are no candidates.
        min_score: Pairs below this cosine are dropped.
    """

    extractor: NounExtractor
    scorer: CropScorer
    masks: MaskSource
    min_area: float = 0.0
    min_score: float = -1.0

    def __call__(self, photo: Photo) -> Record:
        """Returns what the journal keeps of a photo."""
        captions, dropped = self._nouns(photo.captions)
        pairs: list[Record] = []
        if captions:
            found = _large_enough(self.masks(photo), self.min_area, dropped)
            if len(found.masks):
                pairs = self._pairs(photo, found, captions, dropped)
            else:
                dropped["no mask"] += len(captions)
        return {
            "captions": len(photo.captions),
            "nouns": len(captions),
            "pairs": pairs,
            "dropped": dict(dropped),
        }

    def _nouns(self, captions: Sequence[str]) -> tuple[dict[str, str], Counter[str]]:
        """Returns the first caption of each noun, and counts what the stop list took."""
        owners: dict[str, str] = {}
        dropped: Counter[str] = Counter()
        for caption, nouns in zip(captions, self.extractor(captions), strict=True):
            dropped["stop noun"] += len(nouns.stopped)
            for noun in nouns.kept:
                owners.setdefault(noun, caption)
        return owners, +dropped

    def _pairs(
        self, photo: Photo, found: NamedMasks, captions: dict[str, str], dropped: Counter[str]
    ) -> list[Record]:
        nouns = list(captions)
        scores = self.scorer(photo.pixels, found.masks, nouns)
        pairs = []
        for column, noun in enumerate(nouns):
            best = int(scores[:, column].argmax())
            score = round(float(scores[best, column]), 4)
            if score < self.min_score:
                dropped["score below --min-score"] += 1
                continue
            pairs.append(_pair(noun, captions[noun], score, found.masks[best]))
        return pairs


@dataclasses.dataclass(frozen=True)
class ClassMiner:
    """Pairs masks with the names that their source gives them (row 1 of Table 2); no CLIP.

    Attributes:
        masks: Where they come from.
        min_area: Masks below this share of the photo's pixels are dropped.
    """

    masks: MaskSource
    min_area: float = 0.0

    def __call__(self, photo: Photo) -> Record:
        """Returns what the journal keeps of a photo.

        Raises:
            MiningError: The source does not name its masks.
        """
        dropped: Counter[str] = Counter()
        found = _large_enough(self.masks(photo), self.min_area, dropped)
        if found.names is None:
            raise MiningError(
                f"{photo.name}: its masks have no class names; --words classes needs COCO JSON "
                "with categories, .npz with 'names', or --data"
            )
        pairs = [
            _pair(name, "", None, mask) for name, mask in zip(found.names, found.masks, strict=True)
        ]
        return {"captions": 0, "nouns": len(pairs), "pairs": pairs, "dropped": dict(dropped)}


def mine_shard(
    photos: Any,
    miner: Callable[[Photo], Record],
    journal: Journal,
    shard: tuple[int, int],
    progress: Callable[[int, int], None],
) -> int:
    """Mines what the journal lacks of a shard.

    Args:
        photos: A sequence of `Photo`.
        miner: What makes a record of a photo.
        journal: Open.
        shard: Which, from 1, of how many.
        progress: Called with (photos done, photos in all).

    Returns:
        Photos that could not be used now; their reason is in the journal.

    Raises:
        MiningError: The first photos all fail.
    """
    numbers, failed, waiting = photos_of(*shard, len(photos)), 0, []
    for number in numbers[journal.done :]:
        progress(journal.done + len(waiting), len(numbers))
        record = {"index": number} | _handled(photos, number, miner)
        waiting.append(record)
        if "failed" in record:
            failed += 1
            if failed == len(waiting) >= min(MOST_FAILURES, len(numbers)) and not journal.done:
                raise MiningError(f"no photo can be used; the last one: {record['failed']}")
        if journal.done or failed < len(waiting):
            for ready in waiting:
                journal.append(ready)
            waiting.clear()
    progress(len(numbers), len(numbers))
    return failed


def _handled(photos: Any, number: int, miner: Callable[[Photo], Record]) -> Record:
    try:
        photo = photos[number]
        return {"photo": photo.name} | miner(photo)
    except (ImageError, MaskFileError) as error:
        return {"photo": _name(photos, number), "failed": str(error)}


def _name(photos: Any, number: int) -> str:
    names = getattr(photos, "names", None)
    return names[number] if names else f"example {number}"


def _large_enough(found: NamedMasks, min_area: float, dropped: Counter[str]) -> NamedMasks:
    areas = found.masks.mean((1, 2)) if len(found.masks) else np.zeros(0)
    kept = (areas > 0) & (areas >= min_area)
    if small := int((~kept).sum()):
        dropped["mask empty or below --min-area"] += small
    names = found.names
    if names is not None:
        names = tuple(name for name, keep in zip(names, kept, strict=True) if keep)
    return NamedMasks(found.masks[kept], names)


def _pair(noun: str, caption: str, score: float | None, mask: np.ndarray) -> Record:
    return {
        "noun": noun,
        "caption": caption,
        "score": score,
        "area": int(mask.sum()),
        "segmentation": encode_rle(mask),
    }
