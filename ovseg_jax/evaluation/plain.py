"""What evaluators count, as plain values that JSON can hold and that read back to the last bit."""

from __future__ import annotations

import base64
import dataclasses
import zlib
from typing import Any

import numpy as np

from ovseg_jax.evaluation.counted import PhotoPart
from ovseg_jax.evaluation.evaluator import State
from ovseg_jax.evaluation.federated_ap import Judged, Matches
from ovseg_jax.evaluation.instance import Encoded
from ovseg_jax.evaluation.panoptic import PanopticCounts
from ovseg_jax.evaluation.worst import WorstPhoto


def state_to_plain(state: State) -> dict[str, Any]:
    """Returns the state of one of our evaluators as plain values; the inverse is below."""
    if isinstance(state, PanopticCounts):
        return {
            "classes": state.pair_classes.tolist(),
            "ious": state.pair_ious.tolist(),
            "false_alarms": _counts_to_plain(state.false_alarms),
            "misses": _counts_to_plain(state.misses),
        }
    if isinstance(state, Encoded):
        sides = {"truth": state.truth, "found": state.found}
        return {
            "sizes": [list(size) for size in state.sizes],
            **{
                name: [list(map(_as_text, image)) for image in side] for name, side in sides.items()
            },
        }
    if isinstance(state, Judged):
        return {
            "photos": [_matches_to_plain(photo) for photo in state.photos],
            "found": [list(map(_as_text, image)) for image in state.found],
        }
    return _counts_to_plain(state)


def state_from_plain(plain: dict[str, Any]) -> State:
    """Returns the state that `state_to_plain` was given."""
    if "ious" in plain:
        return PanopticCounts(
            np.array(plain["classes"], np.int64),
            np.array(plain["ious"], np.float64),
            _counts_from_plain(plain["false_alarms"]),
            _counts_from_plain(plain["misses"]),
        )
    if "sizes" in plain:
        truth, found = (
            tuple(tuple(map(_as_bytes, image)) for image in plain[name])
            for name in ("truth", "found")
        )
        return Encoded(tuple(map(tuple, plain["sizes"])), truth, found)
    if "photos" in plain:
        found = tuple(tuple(map(_as_bytes, image)) for image in plain["found"])
        return Judged(tuple(map(_matches_from_plain, plain["photos"])), found)
    return _counts_from_plain(plain)


def part_to_plain(part: PhotoPart) -> dict[str, Any]:
    """Returns what was counted in a photo, but not its labels."""
    return {
        "row": part.row,
        "classes": part.classes.tolist(),
        "counts": part.counts.tolist(),
        "score": part.score,
    }


def part_from_plain(plain: dict[str, Any], width: int) -> PhotoPart:
    """Returns what `part_to_plain` was given, without labels.

    Args:
        plain: What it gave.
        width: Sums of a class.
    """
    return PhotoPart(
        plain["row"],
        np.array(plain["classes"], np.int64),
        np.array(plain["counts"], np.float64).reshape(-1, width),
        plain["score"],
        _no_labels,
    )


def photo_to_plain(photo: WorstPhoto) -> dict[str, Any]:
    """Returns a photo that is drawn."""
    fields = {field.name: getattr(photo, field.name) for field in dataclasses.fields(photo)}
    return {
        name: _pixels_to_plain(value) if isinstance(value, np.ndarray) else value
        for name, value in fields.items()
    }


def photo_from_plain(plain: dict[str, Any]) -> WorstPhoto:
    """Returns the photo that `photo_to_plain` was given."""
    fields: dict[str, Any] = {
        name: _pixels_from_plain(value) if isinstance(value, dict) else value
        for name, value in plain.items()
    }
    return WorstPhoto(**fields)


def _counts_to_plain(counts: np.ndarray) -> dict[str, Any]:
    """Most counts of a batch are zero."""
    places = np.flatnonzero(counts)
    values = counts.ravel()[places]
    return {"shape": list(counts.shape), "places": places.tolist(), "values": values.tolist()}


def _counts_from_plain(plain: dict[str, Any]) -> np.ndarray:
    counts = np.zeros(plain["shape"], np.int64)
    counts.ravel()[plain["places"]] = plain["values"]
    return counts


FLAGS = ("is_right", "is_wrong", "counts")
"""Fields of `Matches` that are boolean."""


def _matches_to_plain(photo: Matches) -> dict[str, Any]:
    flags = {name: _counts_to_plain(getattr(photo, name)) for name in FLAGS}
    numbers = {name: getattr(photo, name).tolist() for name in ("classes", "scores", "truth")}
    return numbers | {name: flag | {"values": 1} for name, flag in flags.items()}


def _matches_from_plain(plain: dict[str, Any]) -> Matches:
    return Matches(
        classes=np.array(plain["classes"], np.int64),
        scores=np.array(plain["scores"], np.float64),
        truth=np.array(plain["truth"], np.int64),
        **{name: _counts_from_plain(plain[name]).astype(bool) for name in FLAGS},
    )


def _as_text(annotation: dict[str, Any]) -> dict[str, Any]:
    runs = annotation["segmentation"]
    return annotation | {"segmentation": runs | {"counts": runs["counts"].decode("ascii")}}


def _as_bytes(annotation: dict[str, Any]) -> dict[str, Any]:
    runs = annotation["segmentation"]
    return annotation | {"segmentation": runs | {"counts": runs["counts"].encode("ascii")}}


def _pixels_to_plain(pixels: np.ndarray) -> dict[str, Any]:
    packed = base64.b64encode(zlib.compress(np.ascontiguousarray(pixels).tobytes(), 1))
    return {"shape": pixels.shape, "dtype": str(pixels.dtype), "packed": packed.decode("ascii")}


def _pixels_from_plain(plain: dict[str, Any]) -> np.ndarray:
    content = zlib.decompress(base64.b64decode(plain["packed"]))
    return np.frombuffer(content, plain["dtype"]).reshape(plain["shape"])


def _no_labels() -> np.ndarray:
    raise AssertionError("labels of a photo are made while its batch is there")
