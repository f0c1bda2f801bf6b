"""CLIP as Hugging Face's `CLIPModel` stores it: OpenAI's and LAION's ViTs under other names.

The weights do not tell the activation. OpenAI's models have QuickGELU, most of LAION's plain GELU:
the `config.json` beside the file says which.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ovseg_jax.config import ModelConfig
from ovseg_jax.convert.family import Family, Shapes, TextLayout, axis, count, side
from ovseg_jax.convert.rules import (
    ConversionError,
    ConversionReport,
    Rule,
    Table,
    Tensors,
    conv,
    linear,
    norm,
    scalar,
)
from ovseg_jax.convert.towers import clip, huggingface
from ovseg_jax.foundation.errors import warn
from ovseg_jax.foundation.typing import Params
from ovseg_jax.models.clip.vit import VisionTransformer

_VISION, _TEXT = r"vision_model\.", r"text_model\."
_IMAGE_BLOCK, _TEXT_BLOCK = (f"{tower}encoder\\.layers\\.(\\d+)\\." for tower in (_VISION, _TEXT))
_PATCHES = "vision_model.embeddings.patch_embedding.weight"

VISION_TABLE: Table = (
    Rule(_VISION + r"embeddings\.class_embedding", "visual/class_embedding"),
    Rule(_VISION + r"embeddings\.patch_embedding\.weight", "visual/patches/kernel", conv),
    Rule(_VISION + r"embeddings\.position_embedding\.weight", "visual/position_embedding"),
    *norm(_VISION + r"pre_lay(?:r|er)norm", "visual/input_norm"),  # the misspelt name is theirs
    *huggingface.block(_IMAGE_BLOCK, r"visual/block\1"),
    *norm(_VISION + "post_layernorm", "visual/final_norm"),
    Rule(r"visual_projection\.weight", "visual/projection/kernel", linear),
)
TEXT_TABLE: Table = (
    Rule(_TEXT + r"embeddings\.token_embedding\.weight", "text/token_embedding"),
    Rule(_TEXT + r"embeddings\.position_embedding\.weight", "text/position_embedding"),
    *huggingface.block(_TEXT_BLOCK, r"text/block\1"),
    *norm(_TEXT + "final_layer_norm", "text/final_norm"),
    Rule(r"text_projection\.weight", "text/projection/kernel", linear),
    Rule("logit_scale", "logit_scale", scalar),
    huggingface.POSITION_IDS,
)


def image_sizes(shapes: Shapes) -> dict[str, Any]:
    """Reads the attributes of `VisionTransformer` that tensors show."""
    patch = axis(shapes, _PATCHES, 2)
    positions = axis(shapes, "vision_model.embeddings.position_embedding.weight", 0)
    return {
        "patch": patch,
        "width": axis(shapes, _PATCHES, 0),
        "layers": count(shapes, _IMAGE_BLOCK + ".*"),
        "image_size": side(positions - 1) * patch,
        "embedding_dim": axis(shapes, "visual_projection.weight", 0),
        "pre_norm": True,
        "gated": False,
    }


def text_sizes(shapes: Shapes) -> dict[str, Any]:
    """Reads the attributes of `TextTower` that tensors show."""
    tokens = "text_model.embeddings.token_embedding.weight"
    return {
        "width": axis(shapes, tokens, 1),
        "layers": count(shapes, _TEXT_BLOCK + ".*"),
        "vocab_size": axis(shapes, tokens, 0),
        "context_length": axis(shapes, "text_model.embeddings.position_embedding.weight", 0),
        "embedding_dim": axis(shapes, "text_projection.weight", 0),
    }


FAMILY = Family(
    "ViT in Hugging Face's layout",
    VisionTransformer,
    clip.HF_MARKER,
    VISION_TABLE,
    image_sizes,
    TextLayout(TEXT_TABLE, text_sizes),
)


def convert_clip_hf(
    tensors: Tensors, where: str, *, variant: str = "", settings: Mapping[str, Any] | None = None
) -> tuple[ModelConfig, Params, ConversionReport]:
    """Converts a Hugging Face `CLIPModel`.

    Args:
        tensors: Content of `model.safetensors` or `pytorch_model.bin`.
        where: Name of the file, for messages.
        variant: The model; empty for what the sizes and the settings tell.
        settings: Content of the `config.json` beside the file; empty where there is none, and
            then QuickGELU is assumed, as `CLIPModel` itself does.

    Returns:
        A model that pools under masks, its parameters under `clip/`, and the report.

    Raises:
        ConversionError: The file holds another kind of model, or does not fit the table.
    """
    name, table = clip.identify(tensors, where, variant=variant, families=(FAMILY,))
    if not variant:
        name = clip.quick(name) if _is_quick(settings or {}, where) else name
    return clip.converted(name, table, tensors, where)


def _is_quick(settings: Mapping[str, Any], where: str) -> bool:
    if not settings:
        warn(
            f"{where} has no {huggingface.SETTINGS} beside it, which tells the activation: "
            "QuickGELU is assumed, as in OpenAI's models. For plain GELU (LAION) give the name of "
            "the model without _quickgelu as --variant"
        )
    parts = (settings.get(tower) for tower in ("vision_config", "text_config"))
    parts = (part if isinstance(part, Mapping) else {} for part in parts)
    found = {str(part.get("hidden_act", "quick_gelu")) for part in parts}
    if found not in ({"quick_gelu"}, {"gelu"}):
        raise ConversionError(
            f"the {huggingface.SETTINGS} beside {where} speaks of the activations "
            f"{', '.join(sorted(found))}; known are quick_gelu or gelu, in both towers. Give "
            "--variant to choose"
        )
    return found == {"quick_gelu"}
