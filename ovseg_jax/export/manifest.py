"""The manifest of an export: all that a program without this package needs to know, as JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ovseg_jax.config import InferenceConfig, ModelConfig
from ovseg_jax.export.parts import Part, Sizes, is_fixed
from ovseg_jax.foundation.version import VERSION
from ovseg_jax.inference.model import Model
from ovseg_jax.ops.images.network_input import frame_multiple
from ovseg_jax.vocabulary.prompts import templates

MANIFEST = "manifest.json"
LAYOUT = 1
"""Raised where a program that reads manifests would misread a newer one."""


def describe_export(format: str, origin: str, config: ModelConfig) -> dict[str, Any]:
    """What every manifest says: who wrote it, from what.

    Args:
        format: A key of `ovseg_jax.export.formats.FORMATS`.
        origin: The model's place, as it was named.
        config: The model.
    """
    return {
        "layout": LAYOUT,
        "format": format,
        "model": origin,
        "method": config.method.kind,
        "written_by": {"ovseg_jax": VERSION, "jax": version("jax")},
    }


def describe_parts(
    model: Model, parts: Sequence[Part], sizes: Sizes, files: Mapping[str, str], weights: str
) -> dict[str, Any]:
    """What the parts take and give, and what is done before and behind them.

    Args:
        model: The model.
        parts: Its parts.
        sizes: What is fixed in them.
        files: The file of each part.
        weights: The file of the weights, or "inside".
    """
    names = None if model.train_classes is None else list(model.train_classes.names)
    return {
        "weights": weights,
        "parts": {part.name: _part(part, files[part.name]) for part in parts},
        "preprocessing": _preprocessing(model, sizes),
        "text": None if model.is_closed else _text(model),
        "classes": names if model.is_closed else None,
        "inference": _inference(model.inference),
    }


def hashes(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Returns SHA-256 of every file of the entries, by its name below the folder."""
    found: dict[str, str] = {}
    for entry in (folder / name for name in names):
        files = sorted(entry.rglob("*")) if entry.is_dir() else [entry]
        for file in (each for each in files if each.is_file()):
            with file.open("rb") as opened:
                digest = hashlib.file_digest(opened, "sha256").hexdigest()
            found[file.relative_to(folder).as_posix()] = digest
    return found


def _part(part: Part, file: str) -> dict[str, Any]:
    return {
        "file": file,
        "weights": sorted(part.weights),
        "inputs": _shapes(part.inputs),
        "outputs": _shapes(part.outputs),
    }


def _shapes(shapes: Mapping[str, Any]) -> dict[str, Any]:
    """Sides that vary are text: "s", "k + 1"."""
    return {
        name: {
            "shape": [int(side) if is_fixed(side) else str(side) for side in shape.shape],
            "dtype": str(shape.dtype),
        }
        for name, shape in sorted(shapes.items())
    }


def _preprocessing(model: Model, sizes: Sizes) -> dict[str, Any]:
    clip = model.method.clip
    return {
        "frame": list(sizes.frame),
        "multiple": frame_multiple(model.method.stride),
        "short_side": model.inference.short_side,
        "long_side": model.inference.long_side,
        "resize": "bilinear with antialiasing, as Pillow does",
        "colours": "RGB, 0 to 255, not normalised: the image part normalises",
        "padding": "zeros right and below; sizes say height and width of the picture",
        "mean": None if clip is None else list(clip.pixel_mean),
        "std": None if clip is None else list(clip.pixel_std),
    }


def _text(model: Model) -> dict[str, Any]:
    return {
        "templates": list(templates(model.templates)),
        "tokenizer": model.tokenizer.key,
        "context_length": model.tokenizer.context_length,
        "width": model.method.towers.embedding_dim,
    }


def _inference(config: InferenceConfig) -> dict[str, Any]:
    names = ("object_threshold", "overlap_threshold", "top_instances", "min_score")
    return {name: getattr(config, name) for name in names}
