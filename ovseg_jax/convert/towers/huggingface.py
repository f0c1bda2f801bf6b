"""What CLIP and SigLIP share in Hugging Face's layout, and the settings beside their files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ovseg_jax.convert.rules import ConversionError, Rule, Skip, layer, norm
from ovseg_jax.disk.json_text import JsonError, parse_json

SETTINGS = "config.json"
_LARGEST = 2**20
POSITION_IDS = Skip(r".*embeddings\.position_ids", because="constants: 0, 1, 2, ...")


def block(source: str, target: str) -> tuple[Rule, ...]:
    """Returns the rows of a transformer block; queries, keys and values are apart."""
    parts = {"q_proj": "query", "k_proj": "key", "v_proj": "value", "out_proj": "output"}
    return (
        *norm(source + "layer_norm1", f"{target}/attention_norm"),
        *(
            rule
            for theirs, ours in parts.items()
            for rule in layer(rf"{source}self_attn\.{theirs}", f"{target}/attention/{ours}")
        ),
        *norm(source + "layer_norm2", f"{target}/mlp_norm"),
        *layer(source + r"mlp\.fc1", f"{target}/mlp/expand"),
        *layer(source + r"mlp\.fc2", f"{target}/mlp/reduce"),
    )


def read_settings(folder: Path) -> dict[str, Any]:
    """Returns the `config.json` that lies beside a checkpoint; empty where there is none.

    Raises:
        ConversionError: It is no JSON object.
    """
    path = folder / SETTINGS
    if not path.is_file():
        return {}
    try:
        if path.stat().st_size > _LARGEST:
            raise ConversionError(f"{path} is too large for the settings of a model")
        settings = parse_json(path.read_bytes(), str(path), finite=False)
    except (JsonError, OSError) as error:
        raise ConversionError(f"{error}; it should tell the model's activation") from error
    if not isinstance(settings, dict):
        raise ConversionError(f"{path} is no JSON object; it should tell the model's activation")
    return settings
