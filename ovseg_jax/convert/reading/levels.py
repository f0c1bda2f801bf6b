"""Which of the things in a training checkpoint is the model: the level, the average, the rest.

Programs save a dict of tensors, or one inside another beside the optimizer's state, a moving
average of the weights, and settings. The rule where nothing is asked for is timm's: whoever kept an
average evaluates it, so the average is taken before the weights that it averages. What was taken is
said, and `which` takes another.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from ovseg_jax.convert.reading.inert import ReadError

AVERAGES = (
    *("state_dict_ema", "model_ema", "ema_state_dict", "model_ema_state_dict"),
    *("ema_model", "ema_weights", "ema"),
)
MODELS = ("model", "state_dict", "model_state_dict", "module", "shadow", "weights", "params")
_OPTIMIZERS = re.compile(r".*(optim|sched|scaler|rng|random_state).*", re.IGNORECASE)
_COUNTERS = ("n_averaged", "num_updates", "initted", "decay", "step")
_DEEPEST = 8


@dataclasses.dataclass(frozen=True)
class Level:
    """The tensors of the model, and where they were.

    Attributes:
        tensors: By name.
        taken: Keys on the way to them, joined by dots; empty for the top.
        others: Other sets of weights that could have been taken, by what `which` calls them.
        left_out: Why everything else beside them was left out.
    """

    tensors: dict[str, np.ndarray]
    taken: str
    others: tuple[str, ...]
    left_out: dict[str, str]


def find_level(content: Any, which: str = "") -> Level:
    """Finds the dict of tensors inside what was saved.

    Args:
        content: What was saved: nested dicts, and anything else.
        which: The set of weights that is wanted, by its key; empty for the rule above.

    Raises:
        ReadError: There are no tensors, none of that name, or several sets and no rule.
    """
    wanted, path, others, left_out = which, [], [], {}
    while len(path) < _DEEPEST and isinstance(content, Mapping):
        sets = {name: x for name, x in content.items() if _holds_tensors(x)}
        key, wanted = _next(content, sets, wanted)
        if key is None:
            break
        alternatives = [n for n in sets if n != key and not _OPTIMIZERS.fullmatch(str(n))]
        others += [".".join(map(str, [*path, n])) for n in alternatives]
        left_out |= {str(n): _reason(n, x, alternatives) for n, x in content.items() if n != key}
        path.append(str(key))
        content = content[key]
    return _finished(content, Level({}, ".".join(path), tuple(others), left_out), wanted)


def _next(content: Mapping, sets: Mapping[str, Any], wanted: str) -> tuple[str | None, str]:
    """Returns the key to follow, None for these tensors themselves, and what is wanted then."""
    for name in sets:
        if wanted == name or wanted.startswith(f"{name}."):
            return name, wanted.removeprefix(str(name)).removeprefix(".")
    for name in (*AVERAGES, *MODELS):
        if name in sets:
            return name, wanted
    if any(isinstance(x, np.ndarray) for x in content.values()):
        return None, wanted
    names = [name for name in sets if not _OPTIMIZERS.fullmatch(str(name))]
    if len(names) > 1:
        raise ReadError(
            f"it holds several sets of weights, {', '.join(map(str, names))}; choose one (--which)"
        )
    return (names[0] if names else None), wanted


def _holds_tensors(value: Any, depth: int = 0) -> bool:
    if not isinstance(value, Mapping) or depth > 2:
        return False
    if any(isinstance(x, np.ndarray) for x in value.values()):
        return True
    return any(_holds_tensors(value.get(key), depth + 1) for key in (*AVERAGES, *MODELS))


def _reason(name: Any, value: Any, alternatives: list[str]) -> str:
    if name in alternatives:
        return f"another set of weights; --which {name} takes it"
    if _OPTIMIZERS.fullmatch(str(name)):
        return "state of the training"
    return "a tensor beside the model" if isinstance(value, np.ndarray) else "no weights"


def _finished(content: Any, level: Level, wanted: str) -> Level:
    """Keeps the tensors of the level that was found, and those of the average among them."""
    entries = content.items() if isinstance(content, Mapping) else ()
    tensors = {name: value for name, value in entries if isinstance(value, np.ndarray)}
    if not tensors or not all(isinstance(name, str) for name in tensors):
        raise ReadError(f"it holds no dict of tensors, but a {type(content).__name__}")
    level.left_out.update(
        {str(name): "no tensor" for name, value in entries if not isinstance(value, np.ndarray)}
    )
    return _by_prefix(dataclasses.replace(level, tensors=tensors), wanted)


def _by_prefix(level: Level, wanted: str) -> Level:
    """Parts an average from the weights where both stand in one dict, as `ema.*` and `model.*`."""
    level = _without_counters(level)
    start = next(
        (f"{p}." for p in AVERAGES if any(n.startswith(f"{p}.") for n in level.tensors)), ""
    )
    average, rest = {}, {}
    for name, array in level.tensors.items():
        (average if start and name.startswith(start) else rest)[name] = array
    average, prefix = {n.removeprefix(start): x for n, x in average.items()}, start[:-1]
    if not average or not rest:
        _check_found(wanted, level, [prefix] if average else [])
        return dataclasses.replace(level, tensors=average or rest)
    plain = _first_part(rest) or "model"
    _check_found(wanted, level, [prefix, plain])
    taken, other = (plain, prefix) if wanted == plain else (prefix, plain)
    reason = f"another set of weights; --which {other} takes it"
    return Level(
        tensors=rest if wanted == plain else average,
        taken=".".join(filter(None, [level.taken, taken])),
        others=(*level.others, other),
        left_out=level.left_out | {f"{other}.*": reason},
    )


def _without_counters(level: Level) -> Level:
    """Leaves out what PyTorch's `AveragedModel` and others count beside their weights."""
    counters = [n for n in _COUNTERS if n in level.tensors and level.tensors[n].size == 1]
    tensors = {name: x for name, x in level.tensors.items() if name not in counters}
    if not tensors or not counters:
        return level
    left_out = level.left_out | dict.fromkeys(counters, "a counter of the average")
    return dataclasses.replace(level, tensors=tensors, left_out=left_out)


def _first_part(tensors: Mapping[str, Any]) -> str:
    """Returns what stands before the first dot of all names, if it is the same."""
    parts = {name.partition(".")[0] for name in tensors}
    return parts.pop() if len(parts) == 1 else ""


def _check_found(wanted: str, level: Level, here: list[str]) -> None:
    if wanted and wanted not in here:
        known = [name for name in (level.taken, *level.others, *here) if name]
        raise ReadError(
            f"it holds no weights called {wanted!r}; "
            + (f"there are {', '.join(known)}" if known else "it holds one set, without a name")
        )
