"""One row per CLIP model: its two towers, its native image size, its tokenizer."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Literal

import flax.linen as nn

from ovseg_jax.models.clip.clip import PIXEL_MEAN, PIXEL_STD
from ovseg_jax.models.clip.convnext import ConvNeXtTower
from ovseg_jax.models.clip.resnet import ResNetTower
from ovseg_jax.models.clip.siglip_variants import siglip_towers
from ovseg_jax.models.clip.text import TextTower
from ovseg_jax.models.clip.vit import VisionTransformer


@dataclasses.dataclass(frozen=True, kw_only=True)
class Variant:
    """One model. The towers are modules without parameters, so a row says all sizes itself.

    Attributes:
        visual: Image tower.
        text: Text tower.
        image_size: Side in pixels of the images that the model was trained on.
        image_fit: How whole images are brought to that size: short side and centre crop, or
            squashed to the square (SigLIP).
        pixel_mean: Mean colour in RGB, 0 to 255.
        pixel_std: Standard deviation in RGB, 0 to 255.
        tokenizer: "bpe" (CLIP's), "hash" (toy), or "siglip" and "siglip2", whose file is the
            user's.
        sigmoid: Whether the model was trained with a sigmoid per pair: similarities carry a bias
            and their temperature has no bound (SigLIP).
    """

    visual: nn.Module
    text: nn.Module
    image_size: int
    image_fit: Literal["crop", "squash"] = "crop"
    pixel_mean: tuple[float, float, float] = PIXEL_MEAN
    pixel_std: tuple[float, float, float] = PIXEL_STD
    tokenizer: Literal["bpe", "hash", "siglip", "siglip2"] = "bpe"
    sigmoid: bool = False


def _text(embedding_dim: int, width: int, layers: int, *, quick: bool = False) -> TextTower:
    """CLIP's text tower; heads have 64 channels in every published one."""
    return TextTower(
        vocab_size=49408,
        context_length=77,
        width=width,
        heads=width // 64,
        layers=layers,
        embedding_dim=embedding_dim,
        quick=quick,
    )


def _toy_text(embedding_dim: int) -> TextTower:
    return TextTower(
        vocab_size=4096,
        context_length=32,
        width=96,
        heads=4,
        layers=2,
        embedding_dim=embedding_dim,
    )


_convnext_base = partial(ConvNeXtTower, dims=(128, 256, 512, 1024), depths=(3, 3, 27, 3))


def _vit(
    size: int, patch: int, width: int, layers: int, dim: int, text: tuple[int, int], **options
) -> Variant:
    """A row of OpenAI's or OpenCLIP's ViTs; `text` is the text tower's width and layers."""
    quick = options.get("activation") == "quick_gelu"
    visual = VisionTransformer(
        image_size=size,
        patch=patch,
        width=width,
        layers=layers,
        heads=options.pop("heads", width // 64),
        embedding_dim=dim,
        **options,
    )
    return Variant(visual=visual, text=_text(dim, *text, quick=quick), image_size=size)


# Sizes from open_clip's model_configs; those of ConvNeXt trunks from timm.
_CONVNEXT = {
    "convnext_base": Variant(
        visual=_convnext_base(embedding_dim=512), text=_text(512, 512, 12), image_size=224
    ),
    "convnext_base_w_320": Variant(
        visual=_convnext_base(embedding_dim=640), text=_text(640, 640, 12), image_size=320
    ),
    "convnext_large_d_320": Variant(
        visual=ConvNeXtTower(
            dims=(192, 384, 768, 1536), depths=(3, 3, 27, 3), embedding_dim=768, head="mlp"
        ),
        text=_text(768, 768, 16),
        image_size=320,
    ),
    "convnext_xxlarge": Variant(
        visual=ConvNeXtTower(
            dims=(384, 768, 1536, 3072), depths=(3, 4, 30, 3), embedding_dim=1024, eps=1e-5
        ),
        text=_text(1024, 1024, 24),
        image_size=256,
    ),
}

_QUICK = {"activation": "quick_gelu"}
_VIT = {
    "vit_b_32": _vit(224, 32, 768, 12, 512, (512, 12)),
    "vit_b_16": _vit(224, 16, 768, 12, 512, (512, 12)),
    "vit_l_14": _vit(224, 14, 1024, 24, 768, (768, 12)),
    "vit_l_14_336": _vit(336, 14, 1024, 24, 768, (768, 12)),
    "vit_h_14": _vit(224, 14, 1280, 32, 1024, (1024, 24), heads=16),
    # OpenAI's own weights, and others trained with QuickGELU.
    "vit_b_32_quickgelu": _vit(224, 32, 768, 12, 512, (512, 12), **_QUICK),
    "vit_b_16_quickgelu": _vit(224, 16, 768, 12, 512, (512, 12), **_QUICK),
    "vit_l_14_quickgelu": _vit(224, 14, 1024, 24, 768, (768, 12), **_QUICK),
    "vit_l_14_336_quickgelu": _vit(336, 14, 1024, 24, 768, (768, 12), **_QUICK),
    "vit_h_14_quickgelu": _vit(224, 14, 1280, 32, 1024, (1024, 24), heads=16, **_QUICK),
}


def _resnet(size: int, width: int, blocks: tuple[int, ...], dim: int, text_width: int) -> Variant:
    """A row of OpenAI's ResNets; all their text towers have 12 layers and QuickGELU."""
    visual = ResNetTower(
        image_size=size, blocks=blocks, width=width, heads=width // 2, embedding_dim=dim
    )
    return Variant(visual=visual, text=_text(dim, text_width, 12, quick=True), image_size=size)


_RESNET = {
    "rn50": _resnet(224, 64, (3, 4, 6, 3), 1024, 512),
    "rn101": _resnet(224, 64, (3, 4, 23, 3), 512, 512),
    "rn50x4": _resnet(288, 80, (4, 6, 10, 6), 640, 640),
    "rn50x16": _resnet(384, 96, (6, 8, 18, 8), 768, 768),
    "rn50x64": _resnet(448, 128, (3, 15, 36, 10), 1024, 1024),
}


def _eva(
    size: int, patch: int, width: int, layers: int, dim: int, text: tuple[int, int], **options
) -> Variant:
    """A row of EVA-CLIP; `text` is the text tower's width and layers."""
    visual = VisionTransformer(
        image_size=size,
        patch=patch,
        width=width,
        layers=layers,
        embedding_dim=dim,
        eps=1e-6,
        patch_bias=True,
        pre_norm=False,
        head_bias=True,
        key_bias=False,
        **options,
    )
    return Variant(visual=visual, text=_text(dim, *text), image_size=size)


# SwiGLU, inner norms and rotary positions over a grid of 16; the first generation has none of it.
_SECOND = {"gated": True, "rotary_grid": 16}
_B, _L = {"heads": 12, "mlp_width": 2048}, {"heads": 16, "mlp_width": 2730}
_G = {"heads": 16, "mlp_width": 6144}
_EVA = {
    "eva02_b_16": _eva(224, 16, 768, 12, 512, (512, 12), **_B, **_SECOND),
    "eva02_l_14": _eva(224, 14, 1024, 24, 768, (768, 12), **_L, **_SECOND),
    "eva02_l_14_336": _eva(336, 14, 1024, 24, 768, (768, 12), **_L, **_SECOND),
    "eva01_g_14": _eva(224, 14, 1408, 40, 1024, (768, 12), **_G),
    "eva01_g_14_plus": _eva(224, 14, 1408, 40, 1024, (1024, 24), **_G),
}

_SIGLIP = {
    name: Variant(
        visual=visual,
        text=text,
        image_size=visual.image_size,
        image_fit="squash",
        pixel_mean=(127.5, 127.5, 127.5),
        pixel_std=(127.5, 127.5, 127.5),
        tokenizer="siglip2" if name.startswith("siglip2_") else "siglip",
        sigmoid=True,
    )
    for name, (visual, text) in siglip_towers().items()
}

# Ours, of about a million parameters and dense maps at stride 8. Those of 128 pixels are trained on
# the toy world; the smaller ones serve tests and small experiments.
_TOY = {
    "convnext_toy_128": Variant(
        visual=ConvNeXtTower(
            dims=(48, 128), depths=(2, 4), kernels=(3, 3), embedding_dim=96, layer_scale_init=0.1
        ),
        text=_toy_text(96),
        image_size=128,
        tokenizer="hash",
    ),
    "vit_toy_64": Variant(
        visual=VisionTransformer(
            image_size=64, patch=8, width=128, layers=4, heads=4, embedding_dim=96
        ),
        text=_toy_text(96),
        image_size=64,
        tokenizer="hash",
    ),
    "convnext_toy": Variant(
        visual=ConvNeXtTower(
            dims=(32, 96), depths=(1, 2), kernels=(3, 3), embedding_dim=96, layer_scale_init=0.1
        ),
        text=_toy_text(96),
        image_size=96,
        tokenizer="hash",
    ),
    "vit_toy": Variant(
        visual=VisionTransformer(
            image_size=96, patch=8, width=96, layers=4, heads=4, embedding_dim=96
        ),
        text=_toy_text(96),
        image_size=96,
        tokenizer="hash",
    ),
}

ROWS: dict[str, Variant] = _CONVNEXT | _RESNET | _VIT | _EVA | _SIGLIP | _TOY
