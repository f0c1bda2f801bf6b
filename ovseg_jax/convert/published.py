"""The kinds of published files by the name that `ovseg convert` takes; imports nothing heavy."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable
from typing import Any


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of published file.

    Attributes:
        description: What it holds, in a line.
        licence: What the publisher states for its files.
        converter: Module and function that turn tensors into a model.
        has_tokenizer: Whether its text tower needs a SentencePiece file from the user.
        needs_clip: Whether the CLIP file that was tuned has to be given as well.
        has_settings: Whether a `config.json` beside the file tells what the weights do not.
    """

    description: str
    licence: str
    converter: str
    has_tokenizer: bool = False
    needs_clip: bool = False
    has_settings: bool = False

    def load(self) -> Callable[..., Any]:
        """Imports the converter: (tensors, where, *, variant) to config, params and report."""
        module, _, function = self.converter.partition(":")
        return getattr(importlib.import_module(module), function)


KINDS: dict[str, Kind] = {
    "open_clip": Kind(
        "OpenCLIP: ConvNeXt, ViT, ResNet, EVA (.safetensors, .bin, .pt)",
        "MIT (LAION's weights)",
        "ovseg_jax.convert.towers.clip:convert_open_clip",
    ),
    "openai": Kind(
        "OpenAI's CLIP: ViT and ResNet with QuickGELU, TorchScript archives too (.pt)",
        "MIT",
        "ovseg_jax.convert.towers.clip:convert_openai",
    ),
    "clip_hf": Kind(
        "CLIP ViT in Hugging Face's layout, config.json beside it (.safetensors, .bin)",
        "MIT",
        "ovseg_jax.convert.towers.clip_hf:convert_clip_hf",
        has_settings=True,
    ),
    "eva_clip": Kind(
        "EVA-CLIP in BAAI's layout (.pt)",
        "MIT",
        "ovseg_jax.convert.towers.clip:convert_open_clip",
    ),
    "big_vision": Kind(
        "SigLIP and SigLIP 2 in big_vision's layout (.npz)",
        "Apache-2.0",
        "ovseg_jax.convert.towers.siglip:convert_big_vision",
        has_tokenizer=True,
    ),
    "siglip_hf": Kind(
        "SigLIP and SigLIP 2 in Hugging Face's layout (.safetensors)",
        "Apache-2.0",
        "ovseg_jax.convert.towers.siglip:convert_siglip_hf",
        has_tokenizer=True,
    ),
    "mask2former": Kind(
        "Mask2Former: Swin or ResNet, any published class list (.pkl, .pth)",
        "CC BY-NC 4.0",
        "ovseg_jax.convert.generators.whole:convert_closed_generator",
    ),
    "mask2former_hf": Kind(
        "Mask2Former with a Swin trunk in Hugging Face's layout (.safetensors)",
        "CC BY-NC 4.0",
        "ovseg_jax.convert.generators.mask2former_hf:convert_mask2former_hf",
    ),
    "maskformer": Kind(
        "MaskFormer: Swin or ResNet, any published class list (.pkl, .pth)",
        "CC BY-NC 4.0",
        "ovseg_jax.convert.generators.whole:convert_closed_generator",
    ),
    "ovseg": Kind(
        "OVSeg: generator, tuned CLIP and mask prompts (.pth); also tuned CLIP and prompts alone",
        "CC BY-NC 4.0",
        "ovseg_jax.convert.methods.ovseg:convert_ovseg",
    ),
    "ovseg_generator": Kind(
        "The mask generator of OVSeg alone, named by its CLIP (.pth)",
        "CC BY-NC 4.0",
        "ovseg_jax.convert.methods.ovseg:convert_ovseg_generator",
    ),
    "fcclip": Kind(
        "FC-CLIP: CLIP, generator and void row (.pth)",
        "Apache-2.0",
        "ovseg_jax.convert.generators.whole:convert_fcclip",
    ),
    "maft_plus": Kind(
        "MAFT+: tuned CLIP, generator and transfer (.pth)",
        "MIT",
        "ovseg_jax.convert.methods.maft_plus:convert_maft_plus",
    ),
    "sam": Kind(
        "Segment Anything ViT-B, L, H (.pth), also in Hugging Face's layout (.safetensors)",
        "Apache-2.0",
        "ovseg_jax.convert.generators.sam:convert_sam",
    ),
    "mask_adapter": Kind(
        "Mask-Adapter on FC-CLIP or MAFT+, after either training phase (.pth)",
        "Apache-2.0",
        "ovseg_jax.convert.methods.mask_adapter:convert_mask_adapter",
    ),
    "maskclippp": Kind(
        "MaskCLIP++: tuned image tower and PSM (.pth); give the CLIP that was tuned as --clip",
        "Apache-2.0",
        "ovseg_jax.convert.methods.maskclippp:convert_maskclippp",
        needs_clip=True,
    ),
}
