"""Weights directories: parameters together with what is needed to build their model.

* `config.json`: the `ModelConfig`.
* `model.safetensors`: parameters by path; or `params/`, the same as an Orbax checkpoint.
* `report.json`: where they come from; optional.
* `tokenizer.model`: a copy of the SentencePiece file, for models that read text by one.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save_file

from ovseg_jax import build, trees
from ovseg_jax.config import ModelConfig
from ovseg_jax.configs_io import read_json, to_dict
from ovseg_jax.errors import OvsegError
from ovseg_jax.shipped import asset
from ovseg_jax.typing import Params

CONFIG, SAFETENSORS, ORBAX, REPORT = "config.json", "model.safetensors", "params", "report.json"
TOKENIZER = "tokenizer.model"


class WeightsError(OvsegError, ValueError):
    """A weights directory cannot be read or written; the message says which file and why."""


def save_weights(
    directory: Path | str,
    config: ModelConfig,
    params: Params,
    *,
    layout: Literal["safetensors", "orbax"] = "safetensors",
    dtype: str = "float32",
    report: Mapping[str, Any] | None = None,
) -> None:
    """Writes a weights directory; an older one in its place is replaced once the new is whole.

    Args:
        directory: Where to write.
        config: The model that the parameters belong to.
        params: Nested parameters; NumPy or JAX arrays.
        layout: One file, quick to read; or Orbax, which reads sharded arrays in parallel.
        dtype: "float32", or "float16" for half the size.
        report: Origin of the parameters, for `report.json`.

    Raises:
        WeightsError: The directory holds something else, or the disk refuses; nothing is left
            behind.
    """
    target = Path(directory).absolute()
    if target.exists() and not _replaceable(target):
        raise WeightsError(f"{target} exists and is no weights directory; choose another place")
    arrays = jax.tree.map(lambda leaf: np.asarray(leaf, dtype), params)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
    except OSError as error:
        raise WeightsError(f"{target} cannot be written: {error}") from error
    try:
        config = _with_tokenizer(config, temporary)
        (temporary / CONFIG).write_text(json.dumps(to_dict(config), indent=1))
        if report is not None:
            (temporary / REPORT).write_text(json.dumps(report, indent=1))
        _write_arrays(temporary, arrays, layout)
        _swap(temporary, target)
    except Exception as error:
        free = shutil.disk_usage(target.parent).free / 2**20
        raise WeightsError(
            f"{target} could not be written: {error} ({free:.0f} MiB free on the disk)"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def load_weights(directory: Path | str, *, check: bool = True) -> tuple[ModelConfig, Params]:
    """Reads a weights directory.

    Args:
        directory: A weights directory, or a run that keeps one under `weights/`.
        check: Compare names and shapes with the model that `config.json` describes.

    Returns:
        The model's config and its parameters, nested, as float32 NumPy arrays.

    Raises:
        WeightsError: A file is missing or damaged.
        ovseg_jax.configs_io.ConfigError: `config.json` does not fit the schema.
        ovseg_jax.trees.TreeError: Lists every missing, unexpected and misshapen parameter.
    """
    folder = find_weights(directory)
    config = _located(read_json(ModelConfig, folder / CONFIG), folder)
    params = _read_safetensors(folder) if (folder / SAFETENSORS).exists() else _read_orbax(folder)
    if check:
        trees.compare(params, build.expected_parameters(config), str(folder))
    return config, jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), params)


def find_weights(directory: Path | str) -> Path:
    """Returns the weights directory itself, or the one inside a run.

    Raises:
        WeightsError: There is none.
    """
    folder = asset(directory).absolute()
    for candidate in (folder, folder / "weights"):
        if _replaceable(candidate) and (candidate / CONFIG).exists():
            return candidate
    if not folder.exists():
        raise WeightsError(f"{directory} does not exist; give a weights directory or a run")
    raise WeightsError(
        f"{directory} holds no weights: expected {CONFIG} beside {SAFETENSORS} or {ORBAX}/ "
        "(`ovseg convert` and `ovseg train` write such directories)"
    )


def stored_shapes(directory: Path | str) -> dict[str, jax.ShapeDtypeStruct]:
    """Returns the shape of each stored parameter by its path, without reading the parameters.

    Raises:
        WeightsError: There is no usable weights directory.
    """
    folder = find_weights(directory)
    if not (folder / SAFETENSORS).exists():
        return trees.flatten(_read_orbax(folder, shapes_only=True))
    try:
        with safe_open(folder / SAFETENSORS, framework="numpy") as file:
            sizes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{folder / SAFETENSORS} cannot be read: {error}") from error
    return {name: jax.ShapeDtypeStruct(tuple(size), np.float32) for name, size in sizes.items()}


def fingerprint(params: Params) -> str:
    """Returns a hash of names, shapes and values, for caches that depend on parameters."""
    digest = hashlib.sha256()
    for path, leaf in trees.flatten(params).items():
        array = np.asarray(leaf, order="C")
        digest.update(f"{path} {array.dtype} {array.shape}\n".encode())
        digest.update(array.reshape(-1).data)
    return digest.hexdigest()


def _with_tokenizer(config: ModelConfig, folder: Path) -> ModelConfig:
    """Copies the tokenizer's file into a weights directory and names the copy."""
    if not config.clip.tokenizer_file:
        return config
    shutil.copyfile(config.clip.tokenizer_file, folder / TOKENIZER)
    clip = dataclasses.replace(config.clip, tokenizer_file=TOKENIZER)
    return dataclasses.replace(config, clip=clip)


def _located(config: ModelConfig, folder: Path) -> ModelConfig:
    """Returns the config with the tokenizer's file where it lies."""
    if not config.clip.tokenizer_file:
        return config
    clip = dataclasses.replace(config.clip, tokenizer_file=str(folder / config.clip.tokenizer_file))
    return dataclasses.replace(config, clip=clip)


def _replaceable(folder: Path) -> bool:
    """Whether a folder is a weights directory, or empty."""
    if not folder.is_dir():
        return False
    names = {path.name for path in folder.iterdir()}
    return not names or bool(names & {SAFETENSORS, ORBAX})


def _swap(new: Path, target: Path) -> None:
    """Moves a finished directory into place; the old one goes only after that."""
    os.chmod(new, 0o755)  # mkdtemp makes it private
    old = new.with_name(f"{new.name}.old")
    if target.exists():
        os.replace(target, old)
    os.replace(new, target)
    shutil.rmtree(old, ignore_errors=True)


def _write_arrays(folder: Path, arrays: Params, layout: str) -> None:
    if layout == "safetensors":
        flat = trees.flatten(arrays)
        save_file(
            {path: np.asarray(x, order="C") for path, x in flat.items()}, folder / SAFETENSORS
        )
        return
    import orbax.checkpoint as ocp  # slow to import; not needed for the other layout

    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(folder / ORBAX, arrays)


def _read_safetensors(folder: Path) -> Params:
    try:
        return trees.unflatten(load_file(folder / SAFETENSORS))
    except (SafetensorError, OSError, KeyError) as error:
        raise WeightsError(f"{folder / SAFETENSORS} cannot be read: {error}") from error


def _read_orbax(folder: Path, shapes_only: bool = False) -> Params:
    import orbax.checkpoint as ocp

    try:
        with ocp.StandardCheckpointer() as checkpointer:
            shapes = checkpointer.metadata(folder / ORBAX).item_metadata.tree
            here = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
            wanted = jax.tree.map(
                lambda m: jax.ShapeDtypeStruct(m.shape, m.dtype, sharding=here), shapes
            )
            if shapes_only:
                return wanted
            return jax.tree.map(np.asarray, checkpointer.restore(folder / ORBAX, wanted))
    except (ValueError, KeyError, OSError, AttributeError) as error:
        raise WeightsError(f"{folder / ORBAX} cannot be read: {error}") from error
