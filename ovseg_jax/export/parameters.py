"""Parameters alone: as one safetensors file, or as an Orbax checkpoint."""

from __future__ import annotations

import json
from pathlib import Path

import jax
import numpy as np
from safetensors.numpy import save_file

from ovseg_jax.config import ModelConfig
from ovseg_jax.disk.configs_io import to_dict
from ovseg_jax.export.formats import ORBAX, SAFETENSORS
from ovseg_jax.export.named import named_leaves
from ovseg_jax.foundation.typing import Params


def write_safetensors(
    config: ModelConfig, params: Params, folder: Path, dtype: str = "float32"
) -> None:
    """Writes one file; names are paths with slashes, and the config lies in its metadata.

    Args:
        config: The model's description.
        params: Its parameters.
        folder: Where to.
        dtype: Of what is stored: "float32", "bfloat16" or "float16".
    """
    arrays = {path: np.asarray(leaf, dtype, order="C") for path, leaf in _flat(params).items()}
    metadata = {"format": "ovseg_jax", "config": json.dumps(to_dict(config))}
    save_file(arrays, folder / SAFETENSORS, metadata)


def write_orbax(params: Params, folder: Path, dtype: str = "float32") -> None:
    """Writes a checkpoint of the nested dict, as `orbax.checkpoint.StandardCheckpointer` does."""
    import orbax.checkpoint as ocp  # slow to import; not needed for the other layout

    with ocp.StandardCheckpointer() as checkpointer:
        stored = jax.tree.map(lambda leaf: np.asarray(leaf, dtype), params)
        checkpointer.save((folder / ORBAX).absolute(), stored)


def _flat(params: Params) -> dict[str, np.ndarray]:
    return named_leaves(params, "/")
