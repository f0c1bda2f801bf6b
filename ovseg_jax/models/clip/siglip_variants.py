"""The published sizes of SigLIP and SigLIP 2, by the names of open_clip's configurations.

The NaFlex checkpoints of SigLIP 2, which keep the aspect ratio, are not among them.
"""

from __future__ import annotations

from ovseg_jax.models.clip.siglip import SiglipTextTower, SiglipTower

# Width, layers, heads, width inside the MLPs (big_vision, models/vit.py).
_SIZES = {
    "b": (768, 12, 12, 3072),
    "l": (1024, 24, 16, 4096),
    "so400m": (1152, 27, 16, 4304),
    "g_opt": (1536, 40, 16, 6144),
}
_FIRST, _SECOND = 32_000, 256_000
"""Ids of the two generations' tokenizers: C4 English, and Gemma's."""

SIGLIP: dict[str, tuple[str, int, tuple[int, ...], int]] = {
    "siglip_b_16": ("b", 16, (224, 256, 384, 512), _FIRST),
    "siglip_l_16": ("l", 16, (256, 384), _FIRST),
    "siglip_so400m_14": ("so400m", 14, (224, 384), _FIRST),
    "siglip2_b_16": ("b", 16, (224, 256, 384, 512), _SECOND),
    "siglip2_b_32": ("b", 32, (256,), _SECOND),
    "siglip2_l_16": ("l", 16, (256, 384, 512), _SECOND),
    "siglip2_so400m_14": ("so400m", 14, (224, 384), _SECOND),
    "siglip2_so400m_16": ("so400m", 16, (256, 384, 512), _SECOND),
    "siglip2_g_opt_16": ("g_opt", 16, (256, 384), _SECOND),
}
"""Size, patch, image sizes and number of token ids by the beginning of the name."""


def siglip_towers() -> dict[str, tuple[SiglipTower, SiglipTextTower]]:
    """Returns both towers of every published model, by name."""
    return {
        f"{name}_{image_size}": _towers(size, patch, image_size, vocabulary)
        for name, (size, patch, image_sizes, vocabulary) in SIGLIP.items()
        for image_size in image_sizes
    }


def _towers(
    size: str, patch: int, image_size: int, vocabulary: int
) -> tuple[SiglipTower, SiglipTextTower]:
    width, layers, heads, mlp_width = _SIZES[size]
    visual = SiglipTower(
        image_size=image_size,
        patch=patch,
        width=width,
        layers=layers,
        heads=heads,
        embedding_dim=width,
        mlp_width=mlp_width,
    )
    # The giant model keeps the text tower of So400m.
    text_width, text_layers, text_heads, text_mlp = _SIZES["so400m" if size == "g_opt" else size]
    text = SiglipTextTower(
        vocab_size=vocabulary,
        context_length=64,
        width=text_width,
        heads=text_heads,
        layers=text_layers,
        mlp_width=text_mlp,
        embedding_dim=width,
    )
    return visual, text
