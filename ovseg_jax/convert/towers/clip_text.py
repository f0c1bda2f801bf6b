"""Text towers of OpenAI, OpenCLIP and EVA-CLIP, and the temperature.

Models whose image tower is not open_clip's own keep the text tower one level down, under `text.`.
"""

from __future__ import annotations

from typing import Any

from ovseg_jax.convert.family import Shapes, TextLayout, axis, count
from ovseg_jax.convert.rules import Rule, Skip, layer, norm, scalar, split_bias, split_linear

_ROOT = r"(?:text\.)?"
_TEXT = _ROOT + r"transformer\.resblocks\.(\d+)\."
_QKV = tuple(rf"text/block\1/attention/{part}/" for part in ("query", "key", "value"))

TABLE = (
    Rule(_ROOT + r"token_embedding\.weight", "text/token_embedding"),
    Rule(_ROOT + r"positional_embedding", "text/position_embedding"),
    *norm(_TEXT + "ln_1", r"text/block\1/attention_norm"),
    Rule(_TEXT + r"attn\.in_proj_weight", tuple(f"{t}kernel" for t in _QKV), split_linear),
    Rule(_TEXT + r"attn\.in_proj_bias", tuple(f"{t}bias" for t in _QKV), split_bias),
    *layer(_TEXT + r"attn\.out_proj", r"text/block\1/attention/output"),
    *norm(_TEXT + "ln_2", r"text/block\1/mlp_norm"),
    *layer(_TEXT + r"mlp\.c_fc", r"text/block\1/mlp/expand"),
    *layer(_TEXT + r"mlp\.c_proj", r"text/block\1/mlp/reduce"),
    *norm(_ROOT + "ln_final", "text/final_norm"),
    Rule(_ROOT + "text_projection", "text/projection/kernel"),
    Rule("logit_scale", "logit_scale", scalar),
    Skip(_ROOT + "attn_mask", because="the causal mask is a constant"),
    Skip("input_resolution|context_length|vocab_size", because="sizes, which the shapes tell"),
)


def sizes(shapes: Shapes) -> dict[str, Any]:
    """Reads the attributes of `TextTower` that tensors show."""
    shapes = {name.removeprefix("text."): shape for name, shape in shapes.items()}
    return {
        "width": axis(shapes, "token_embedding.weight", 1),
        "layers": count(shapes, _TEXT + r".*"),
        "vocab_size": axis(shapes, "token_embedding.weight", 0),
        "context_length": axis(shapes, "positional_embedding", 0),
        "embedding_dim": axis(shapes, "text_projection", 1),
    }


LAYOUT = TextLayout(TABLE, sizes)
