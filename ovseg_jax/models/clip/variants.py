"""One row per CLIP model: sizes, head, tokenizer; and what builds a model from its row."""

from __future__ import annotations

import dataclasses
import difflib
from typing import Literal

from jax.typing import DTypeLike

from ovseg_jax.models.clip.clip import Clip
from ovseg_jax.models.clip.convnext import ConvNeXtTower
from ovseg_jax.models.clip.text import TextTower
from ovseg_jax.models.clip.tokenizer import BpeTokenizer, HashTokenizer, Tokenizer


@dataclasses.dataclass(frozen=True, kw_only=True)
class Variant:
    """Sizes of one model; the fields are those of `ConvNeXtTower` and `TextTower`.

    Attributes:
        dims: Image channels per stage.
        depths: Image blocks per stage.
        embedding_dim: Width of the joint space.
        text_width: Text channels.
        text_heads: Text attention heads.
        text_layers: Text blocks.
        head: Form of the visual projection.
        kernels: Side of the depthwise kernels per stage; empty for 7 everywhere.
        eps: Epsilon of the image tower's norms.
        layer_scale_init: Start value of the residual factors.
        tokenizer: "bpe" (CLIP's) or "hash" (toy).
        vocab_size: Number of token ids.
        context_length: Tokens per text.
    """

    dims: tuple[int, ...]
    depths: tuple[int, ...]
    embedding_dim: int
    text_width: int
    text_heads: int
    text_layers: int
    head: Literal["linear", "mlp"] = "linear"
    kernels: tuple[int, ...] = ()
    eps: float = 1e-6
    layer_scale_init: float = 1e-6
    tokenizer: Literal["bpe", "hash"] = "bpe"
    vocab_size: int = 49408
    context_length: int = 77


VARIANTS: dict[str, Variant] = {
    # open_clip model_configs/convnext_*.json; sizes of the trunks from timm.
    "convnext_base": Variant(
        dims=(128, 256, 512, 1024),
        depths=(3, 3, 27, 3),
        embedding_dim=512,
        text_width=512,
        text_heads=8,
        text_layers=12,
    ),
    "convnext_base_w_320": Variant(
        dims=(128, 256, 512, 1024),
        depths=(3, 3, 27, 3),
        embedding_dim=640,
        text_width=640,
        text_heads=10,
        text_layers=12,
    ),
    "convnext_large_d_320": Variant(
        dims=(192, 384, 768, 1536),
        depths=(3, 3, 27, 3),
        embedding_dim=768,
        head="mlp",
        text_width=768,
        text_heads=12,
        text_layers=16,
    ),
    "convnext_xxlarge": Variant(
        dims=(384, 768, 1536, 3072),
        depths=(3, 4, 30, 3),
        embedding_dim=1024,
        eps=1e-5,
        text_width=1024,
        text_heads=16,
        text_layers=24,
    ),
    # Ours: 0.9 million parameters, final stride 8, trained on the toy world.
    "convnext_toy": Variant(
        dims=(32, 96),
        depths=(1, 2),
        kernels=(3, 3),
        embedding_dim=96,
        layer_scale_init=0.1,
        text_width=96,
        text_heads=4,
        text_layers=2,
        tokenizer="hash",
        vocab_size=4096,
        context_length=32,
    ),
}


def variant(name: str) -> Variant:
    """Returns the row of a model.

    Raises:
        ValueError: There is no such row; the message names the nearest and lists all.
    """
    if name in VARIANTS:
        return VARIANTS[name]
    near = difflib.get_close_matches(name, VARIANTS, n=1, cutoff=0.4)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"no CLIP variant {name!r}.{hint} Known: {', '.join(VARIANTS)}")


def build_clip(name: str, dtype: DTypeLike = "float32") -> Clip:
    """Builds the two towers of a variant.

    Args:
        name: A key of `VARIANTS`.
        dtype: Compute type of activations; parameters stay float32.
    """
    row = variant(name)
    visual = ConvNeXtTower(
        dims=row.dims,
        depths=row.depths,
        embedding_dim=row.embedding_dim,
        kernels=row.kernels,
        head=row.head,
        eps=row.eps,
        layer_scale_init=row.layer_scale_init,
        dtype=dtype,
    )
    text = TextTower(
        vocab_size=row.vocab_size,
        context_length=row.context_length,
        width=row.text_width,
        heads=row.text_heads,
        layers=row.text_layers,
        embedding_dim=row.embedding_dim,
        dtype=dtype,
    )
    return Clip(visual=visual, text=text)


def build_tokenizer(name: str) -> Tokenizer:
    """Builds the tokenizer of a variant."""
    row = variant(name)
    if row.tokenizer == "hash":
        return HashTokenizer(row.vocab_size, row.context_length)
    return BpeTokenizer(row.context_length)
