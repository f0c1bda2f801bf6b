"""Checkpoints in several files: an index names the shard of each tensor, as Hugging Face writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from ovseg_jax.convert.reading.inert import ReadError
from ovseg_jax.disk.json_text import JsonError, parse_json

_INDICES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
_SINGLE = (
    *("model.safetensors", "open_clip_model.safetensors"),
    *("open_clip_pytorch_model.bin", "pytorch_model.bin"),
)
_LARGEST_INDEX = 2**24


def file_in(folder: Path) -> Path:
    """Returns the checkpoint that a folder holds: an index before single files, by usual names.

    Raises:
        ReadError: There is none of a usual name.
    """
    others = sorted(folder.glob("*.index.json"))
    for path in (*(folder / name for name in _INDICES), *others):
        if path.is_file():
            return path
    for path in (folder / name for name in _SINGLE):
        if path.is_file():
            return path
    raise ReadError(
        f"{folder} is a folder without a checkpoint of a usual name ({', '.join(_INDICES)}, "
        f"{', '.join(_SINGLE)}); name the file"
    )


def read_index(path: Path) -> dict[str, Path]:
    """Returns the shard of each tensor.

    Raises:
        ReadError: It is no index, names a place outside its folder, or shards are missing.
    """
    shards = {name: path.parent / _inside(shard, path) for name, shard in _weight_map(path)}
    missing = sorted({shard.name for shard in shards.values() if not shard.is_file()})
    if missing:
        raise ReadError(
            f"{path} speaks of {len(set(shards.values()))} files, of which {len(missing)} are "
            f"missing: {', '.join(missing[:10])}; download them into the same folder"
        )
    return shards


def read_shards(
    path: Path, shards: Mapping[str, Path], read: Callable[[Path], Mapping[str, Any]]
) -> dict[str, np.ndarray]:
    """Reads all tensors that an index names.

    Args:
        path: The index.
        shards: What `read_index` returned.
        read: Reads one shard.

    Raises:
        ReadError: A shard cannot be read, or lacks what the index says.
    """
    content = {shard: read(shard) for shard in dict.fromkeys(shards.values())}
    lost = [name for name, shard in shards.items() if name not in content[shard]]
    unknown = [name for tensors in content.values() for name in tensors if name not in shards]
    if lost or unknown:
        found = [f"{name} is not in {shards[name].name}" for name in lost[:10]]
        found += [f"{name} is in a shard but not in the index" for name in unknown[:10]]
        raise ReadError(
            f"{path} and its shards do not fit, {len(lost) + len(unknown)} tensors:\n  "
            + "\n  ".join(found)
        )
    return {name: content[shard][name] for name, shard in shards.items()}


def _weight_map(path: Path) -> list[tuple[str, Any]]:
    if path.stat().st_size > _LARGEST_INDEX:
        raise ReadError(f"{path} is too large for an index of shards")
    try:
        index = parse_json(path.read_bytes(), str(path))
    except JsonError as error:
        raise ReadError(str(error)) from error
    table = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(table, dict) or not table:
        raise ReadError(f"{path} is JSON but no index of shards: it has no weight_map")
    return list(table.items())


def _inside(shard: Any, index: Path) -> PurePosixPath:
    """Returns the name of a shard below the folder of the index."""
    place = PurePosixPath(shard) if isinstance(shard, str) else PurePosixPath("/")
    unusual = {"\\", ":", "\0"} & set(str(shard))
    if place.is_absolute() or ".." in place.parts or not place.parts or unusual:
        raise ReadError(f"{index} names the shard {str(shard)[:80]!r}, which is outside its folder")
    return place
