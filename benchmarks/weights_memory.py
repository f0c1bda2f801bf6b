"""Parameters of every published model that converts, and the memory they take in float32.

python benchmarks/weights_memory.py              # the table of docs/weights.md

Nothing is computed or downloaded: shapes come from `expected_parameters` under
`jax.eval_shape`. Activations come on top and depend on the size of the photo.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from ovseg_jax.cli.experiment import load_config
from ovseg_jax.config import (
    ClipConfig,
    MaftPlusConfig,
    MaskGeneratorConfig,
    MaskPoolingConfig,
    ModelConfig,
    QueryGeneratorConfig,
    SamConfig,
)
from ovseg_jax.foundation import trees
from ovseg_jax.loading.parameters import expected_parameters

CONFIGS = Path(__file__).parents[1] / "configs"
TOWERS = (
    *("convnext_base", "convnext_base_w_320", "convnext_large_d_320", "convnext_xxlarge"),
    *("vit_b_32", "vit_b_16", "vit_l_14", "vit_l_14_336", "vit_h_14"),
    *("rn50", "rn101", "rn50x4", "rn50x16", "rn50x64"),
    *("eva02_b_16", "eva02_l_14", "eva02_l_14_336", "eva01_g_14", "eva01_g_14_plus"),
    *("siglip_b_16_256", "siglip2_so400m_14_384"),
)
FILES = {
    "Mask-Adapter on FC-CLIP, L": "mask_adapter/convnext_large_coco_mixed",
    "Mask-Adapter on MAFT+, B": "mask_adapter/maft_plus_base_coco_stuff_mixed",
    "Mask-Adapter on MAFT+, L": "mask_adapter/maft_plus_large_coco_stuff_mixed",
    "MaskCLIP++ RN50x16": "maskclippp/rn50x16_coco",
    "MaskCLIP++ ConvNeXt-B": "maskclippp/convnext_base_coco",
    "MaskCLIP++ ConvNeXt-L": "maskclippp/convnext_large_coco",
    "MaskCLIP++ ConvNeXt-XXL": "maskclippp/convnext_xxlarge_coco",
    "MaskCLIP++ EVA02 B/16": "maskclippp/eva02_b_16_coco",
    "MaskCLIP++ EVA02 L/14-336": "maskclippp/eva02_l_14_336_coco",
    "MaskCLIP++ EVA01 g/14+": "maskclippp/eva01_g_14_plus_coco",
    "OVSeg Swin-B + L/14": "ovseg/swin_base_vit_l_14",
    "OVSeg R101c + B/16": "ovseg/resnet101c_vit_b_16",
}
MAFT = {"MAFT+ B": FILES["Mask-Adapter on MAFT+, B"], "MAFT+ L": FILES["Mask-Adapter on MAFT+, L"]}
FCCLIP = (
    *("convnext_base_w_320", "convnext_large_d_320"),
    *("rn50", "rn101", "rn50x4", "rn50x16", "rn50x64"),
)
TRUNKS = ("resnet50", "resnet101", "swin_tiny", "swin_small", "swin_base", "swin_large")
"""Of the COCO panoptic files of Mask2Former and MaskFormer: 133 classes."""


def models() -> dict[str, ModelConfig]:
    """Returns the models by the names of the table."""
    found = {f"CLIP {name}": _clip(name) for name in TOWERS}
    found |= {f"FC-CLIP {name}": _fcclip(name) for name in FCCLIP}
    method = MaftPlusConfig()
    found |= {name: dataclasses.replace(_model(f), method=method) for name, f in MAFT.items()}
    found |= {name: _model(file) for name, file in FILES.items()}
    found |= {f"Mask2Former {name}": _closed(name) for name in TRUNKS}
    fpn = {"pixel_decoder": "fpn", "decoder": "detr", "encoder_layers": 6, "decoder_layers": 6}
    fpn["encoder_hidden"] = 2048
    found |= {f"MaskFormer {name}": _closed(name, **fpn) for name in TRUNKS}
    return found | {f"SAM {size}": _sam(f"sam_{size}") for size in ("vit_b", "vit_l", "vit_h")}


def parameters(model: ModelConfig) -> int:
    """Counts the parameters of a model."""
    return trees.count(expected_parameters(model))


def row(name: str, count: int) -> str:
    """Returns a line of the table: millions of parameters, and gigabytes (10^9) in float32."""
    return f"| {name} | {count / 1e6:.1f} | {4 * count / 1e9:.2f} |"


def _model(file: str) -> ModelConfig:
    return load_config(CONFIGS / f"{file}.py").model


def _clip(name: str, **fields: object) -> ModelConfig:
    return ModelConfig(clip=ClipConfig(variant=name), **{"method": MaskPoolingConfig()} | fields)


def _fcclip(name: str) -> ModelConfig:
    return _clip(name, method=MaskPoolingConfig(has_void=True), generator=QueryGeneratorConfig())


def _closed(trunk: str, **fields: object) -> ModelConfig:
    queries = 200 if trunk == "swin_large" and not fields else 100
    options = {"backbone": trunk, "class_head": "linear", "num_queries": queries} | fields
    generator = QueryGeneratorConfig(**options)
    return _clip("", method=MaskGeneratorConfig(has_void=False), generator=generator)


def _sam(variant: str) -> ModelConfig:
    return _clip("", generator=SamConfig(variant=variant))


if __name__ == "__main__":
    print("| model | million parameters | GB in float32 |\n|---|---|---|")
    for title, config in models().items():
        print(row(title, parameters(config)), flush=True)
