"""The means that MESS reports over its sets (arXiv 2306.15521): PAXRay as one, domains, all."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

PAXRAY = ("paxray_lungs", "paxray_bones", "paxray_mediastinum", "paxray_diaphragm")
"""Four evaluations that count as one set, PAXRay-4."""

DOMAINS: Mapping[str, tuple[str, ...]] = {
    "general": ("bdd100k", "dark_zurich", "mhp_v1", "foodseg103", "atlantis", "dram"),
    "earth": ("isaid", "isprs_potsdam", "worldfloods", "floodnet", "uavid"),
    "medical": ("kvasir_instrument", "chase_db1", "cryonuseg", "paxray"),
    "engineering": ("corrosion_cs", "deepcrack", "pst900", "zerowaste"),
    "biology": ("suim", "cub_200", "cwfid"),
}
"""The sets of each domain, in the order of its table."""


def gather(scores: Mapping[str, float]) -> dict[str, float]:
    """Returns a number for each of the 22 sets that were asked for, each domain and all.

    A mean in which a set is missing is NaN: over fewer sets it would be another number.

    Args:
        scores: By evaluation; NaN where there is none.
    """
    sets = {name: score for name, score in scores.items() if name not in PAXRAY}
    if len(sets) < len(scores):
        sets["paxray"] = _mean(scores.get(name, math.nan) for name in PAXRAY)
    domains = {
        f"mean {domain}": _mean(sets.get(name, math.nan) for name in members)
        for domain, members in DOMAINS.items()
    }
    everything = (sets.get(name, math.nan) for members in DOMAINS.values() for name in members)
    return sets | domains | {"mean": _mean(everything)}


def _mean(values: Iterable[float]) -> float:
    numbers = list(values)
    return math.fsum(numbers) / len(numbers)
