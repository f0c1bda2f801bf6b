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
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np
from safetensors.numpy import save_file

from ovseg_jax.config import ModelConfig
from ovseg_jax.disk.configs_io import read_json, to_dict
from ovseg_jax.disk.folders import check_folder, write_folder
from ovseg_jax.disk.run_layout import CHECKPOINTS, WEIGHTS
from ovseg_jax.disk.shipped import asset
from ovseg_jax.foundation import trees
from ovseg_jax.foundation.errors import OvsegError
from ovseg_jax.foundation.typing import Params
from ovseg_jax.loading.arrays import (
    NONFINITE,
    ORBAX,
    REPORT,
    SAFETENSORS,
    StoredArray,
    WeightsError,
    check_finite,
    open_arrays,
    read_arrays,
    read_shapes,
)
from ovseg_jax.loading.limits import check_limits
from ovseg_jax.loading.parameters import expected_parameters

__all__ = ["NONFINITE", "WeightsError", "check_target", "find_weights", "load_weights"]
__all__ += ["fingerprint", "open_weights", "save_weights", "stored_shapes"]

CONFIG, TOKENIZER = "config.json", "tokenizer.model"
ENTRIES = (CONFIG, REPORT, TOKENIZER, SAFETENSORS, ORBAX)
"""All that is ours in a weights directory."""
WHAT = "the weights"


def save_weights(  # noqa: PLR0913 - what is written and how, all by keyword past the third
    directory: Path | str,
    config: ModelConfig,
    params: Params,
    *,
    layout: Literal["safetensors", "orbax"] = "safetensors",
    dtype: str = "float32",
    report: Mapping[str, Any] | None = None,
    source: Path | str = "",
    overwrite: bool = False,
) -> None:
    """Writes a weights directory; older weights in its place go once the new are whole.

    Other files in a directory of ours stay; see `ovseg_jax.disk.outputs`.

    Args:
        directory: Where to write.
        config: The model that the parameters belong to.
        params: Nested parameters; NumPy or JAX arrays.
        layout: One file, quick to read; or Orbax, which reads sharded arrays in parallel.
        dtype: "float32", or "float16" for half the size.
        report: Origin of the parameters, for `report.json`.
        source: The file that they were made from; older weights from another one stay.
        overwrite: Also replace our own files that were altered or made from something else.

    Raises:
        OutputError: The directory holds what is not ours, or the disk refuses; nothing is left
            behind.
    """
    target = Path(directory).absolute()

    def write(folder: Path) -> None:
        stored = with_tokenizer(config, folder)
        (folder / CONFIG).write_text(json.dumps(to_dict(stored), indent=1))
        if report is not None:
            (folder / REPORT).write_text(json.dumps(report, indent=1))
        arrays = jax.tree.map(lambda leaf: np.asarray(leaf, dtype), params)
        _write_arrays(folder, arrays, layout)

    write_folder(target, ENTRIES, WHAT, write, source=source, overwrite=overwrite)


def check_target(
    directory: Path | str,
    *,
    source: Path | str = "",
    inputs: Iterable[Path | str] = (),
    overwrite: bool = False,
) -> None:
    """Refuses a directory that `save_weights` may not write, before anything is read.

    Args:
        directory: Where weights will be written.
        source: As for `save_weights`.
        inputs: Files that the weights are made from; they may not lie in the directory.
        overwrite: As for `save_weights`.

    Raises:
        OutputError: Says what is there and what to do.
    """
    options = {"source": source, "inputs": inputs, "overwrite": overwrite}
    check_folder(Path(directory), ENTRIES, WHAT, **options)


def load_weights(directory: Path | str, *, check: bool = True) -> tuple[ModelConfig, Params]:
    """Reads a weights directory.

    Args:
        directory: A weights directory, or a run that keeps one under `weights/`.
        check: Compare names and shapes with the model that `config.json` describes.

    Returns:
        The model's config and its parameters, nested, as float32 NumPy arrays.

    Raises:
        WeightsError: A file is missing or damaged, or parameters are NaN or infinite that
            `ovseg convert --allow-nonfinite` did not accept: a training went bad.
        ovseg_jax.disk.configs_io.ConfigError: `config.json` does not fit the schema.
        ovseg_jax.foundation.trees.TreeError: Lists all missing, unexpected, misshapen parameters.
    """
    folder = find_weights(directory)
    config = _located(read_json(ModelConfig, folder / CONFIG), folder)
    check_limits(config, str(folder / CONFIG))
    params = read_arrays(folder)
    if check:
        trees.compare(params, _expected(config, folder), str(folder))
    check_finite(params, folder)
    return config, params


def open_weights(directory: Path | str) -> tuple[Path, dict[str, StoredArray]]:
    """Opens a weights directory, to read one parameter after the other.

    Args:
        directory: See `load_weights`, which checks the same names and shapes.

    Returns:
        The directory and its parameters by path.

    Raises:
        WeightsError: A file is missing or damaged.
        ovseg_jax.disk.configs_io.ConfigError: `config.json` does not fit the schema.
        ovseg_jax.foundation.trees.TreeError: Lists all missing, unexpected, misshapen parameters.
    """
    folder = find_weights(directory)
    config = _located(read_json(ModelConfig, folder / CONFIG), folder)
    check_limits(config, str(folder / CONFIG))
    arrays = open_arrays(folder)
    trees.compare(trees.unflatten(arrays), _expected(config, folder), str(folder))
    return folder, arrays


def _expected(config: ModelConfig, folder: Path) -> Params:
    """Returns the shapes that the model wants, if its description makes a model."""
    try:
        return expected_parameters(config)
    except OvsegError:
        raise
    except Exception as error:  # zero heads, widths that do not divide: modules fail in many ways
        reason = str(error).strip().split("\n")[0][:300]
        raise WeightsError(f"{folder / CONFIG} describes no model: {reason}") from error


def find_weights(directory: Path | str) -> Path:
    """Returns the weights directory itself, or the one inside a run.

    Raises:
        WeightsError: There is none.
    """
    folder = asset(directory).absolute()
    for candidate in (folder, folder / WEIGHTS):
        if (candidate / CONFIG).exists() and _holds_arrays(candidate):
            return candidate
    if not folder.exists():
        raise WeightsError(
            f"{directory} does not exist; give a weights directory, a run, hf:OWNER/REPO@REVISION, "
            "or a name that `ovseg models` lists"
        )
    if (folder / CHECKPOINTS).is_dir():
        raise WeightsError(
            f"{directory} is a run that has not come to its end, so it holds no weights yet; "
            f"`ovseg weights {directory} OUT` writes those of its newest checkpoint"
        )
    raise WeightsError(
        f"{directory} holds no weights: expected {CONFIG} beside {SAFETENSORS} or {ORBAX}/ "
        "(`ovseg convert` and `ovseg train` write such directories)"
    )


def stored_shapes(directory: Path | str) -> dict[str, jax.ShapeDtypeStruct]:
    """Returns the shape of each stored parameter by its path, without reading the parameters.

    Raises:
        WeightsError: There is no usable weights directory.
    """
    return trees.flatten(read_shapes(find_weights(directory)))


def fingerprint(params: Params) -> str:
    """Returns a hash of names, shapes and values, for caches that depend on parameters."""
    digest = hashlib.sha256()
    for path, leaf in trees.flatten(params).items():
        array = np.asarray(leaf, order="C")
        digest.update(f"{path} {array.dtype} {array.shape}\n".encode())
        digest.update(array.reshape(-1).data)
    return digest.hexdigest()


def with_tokenizer(config: ModelConfig, folder: Path) -> ModelConfig:
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
    name = config.clip.tokenizer_file
    if Path(name).name != name:
        raise WeightsError(f"{folder / CONFIG}: clip.tokenizer_file {name!r} is not in this folder")
    clip = dataclasses.replace(config.clip, tokenizer_file=str(folder / name))
    return dataclasses.replace(config, clip=clip)


def _holds_arrays(folder: Path) -> bool:
    return (folder / SAFETENSORS).exists() or (folder / ORBAX).exists()


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
