"""Names and shapes of files of MaskCLIP++ and OVSeg, made from those of their towers."""

from __future__ import annotations

import re

import open_clip_files as files
from test_convert_eva import giant_shapes

Shapes = dict[str, tuple[int, ...]]
IMAGE = "visual_encoder.proxy."


def rescaled(shapes: Shapes, block: str, count: int, **sizes: int) -> Shapes:
    """The same kind of transformer with other sizes.

    Args:
        shapes: Of one whose blocks are all alike.
        block: Start of the names of blocks, before their number.
        count: Blocks.
        **sizes: New sizes by old ones, as `_768=1024`.
    """
    new = {int(old[1:]): size for old, size in sizes.items()}
    found = {}
    for name, shape in shapes.items():
        shape = tuple(new.get(side, side) for side in shape)
        if (match := re.match(rf"({re.escape(block)})(\d+)(\..*)", name)) is None:
            found[name] = shape
        elif match[2] == "0":
            found |= {f"{match[1]}{index}{match[3]}": shape for index in range(count)}
    return found


def part(shapes: Shapes, prefix: str, new: str) -> Shapes:
    """The tensors below a prefix, below another."""
    return {new + n.removeprefix(prefix): s for n, s in shapes.items() if n.startswith(prefix)}


def convnext_xxlarge() -> Shapes:
    """Image tower of OpenCLIP's ConvNeXt-XXL; its head is linear and has no bias."""
    dims, depths = (384, 768, 1536, 3072), (3, 4, 30, 3)
    shapes = {"trunk.stem.0.weight": (dims[0], 3, 4, 4), "trunk.stem.0.bias": (dims[0],)}
    shapes |= {f"trunk.stem.1.{p}": (dims[0],) for p in ("weight", "bias")}
    shapes |= {f"trunk.head.norm.{p}": (dims[3],) for p in ("weight", "bias")}
    shapes["head.proj.weight"] = (1024, dims[3])
    for stage, (dim, depth) in enumerate(zip(dims, depths, strict=True)):
        name = f"trunk.stages.{stage}."
        if stage:
            before = dims[stage - 1]
            shapes |= {f"{name}downsample.0.{p}": (before,) for p in ("weight", "bias")}
            shapes[f"{name}downsample.1.weight"] = (dim, before, 2, 2)
            shapes[f"{name}downsample.1.bias"] = (dim,)
        for index in range(depth):
            block = f"{name}blocks.{index}."
            shapes |= {f"{block}{p}": (dim,) for p in ("gamma", "conv_dw.bias", "norm.weight")}
            shapes |= {f"{block}{p}": (dim,) for p in ("norm.bias", "mlp.fc2.bias")}
            shapes[f"{block}conv_dw.weight"] = (dim, 1, 7, 7)
            shapes |= {f"{block}mlp.fc1.weight": (4 * dim, dim), f"{block}mlp.fc1.bias": (4 * dim,)}
            shapes[f"{block}mlp.fc2.weight"] = (dim, 4 * dim)
    return shapes


def text_tower(prefix: str, layers: int = 12, width: int = 768, dim: int = 768) -> Shapes:
    """A text tower below a prefix, with CLIP's temperature beside it."""
    whole = part(files.golden_shapes("clip_towers/a7_eva02_l_14_336"), "text.", "")
    sizes = {"_768": width, "_2304": 3 * width, "_3072": 4 * width}
    shapes = rescaled(whole, "transformer.resblocks.", layers, **sizes)
    shapes["text_projection"] = (width, dim)
    return part(shapes, "", prefix) | {"logit_scale": ()}


def linear_psm(templates: int = 14) -> Shapes:
    return {
        "psm.corr_proj_in.0.weight": (768, templates),
        "psm.corr_proj_in.0.bias": (768,),
        "psm.corr_proj_out.0.weight": (1, 768),
        "psm.corr_proj_out.0.bias": (1,),
    }


def pseudo_text_psm(dim: int) -> Shapes:
    norms = {f"psm.{n}": (dim,) for n in ("img2text.out_proj.bias", "ln_1.weight", "ln_1.bias")}
    return norms | {
        "psm.img_proj.weight": (dim, dim),
        "psm.img2text.in_proj_weight": (3 * dim, dim),
        "psm.img2text.in_proj_bias": (3 * dim,),
        "psm.img2text.out_proj.weight": (dim, dim),
    }


def eva_large() -> Shapes:
    """Image tower of EVA02_CLIP_L_336_psz14_s6B.pt."""
    base = part(files.golden_shapes("maskclippp/a2_eva_b16"), IMAGE, "")
    sizes = {"_512": 768, "_768": 1024, "_2048": 2730, "_197": 577, "_16": 14}
    return rescaled(base, "blocks.", 24, **sizes)


def maskclippp(tower: Shapes, psm: Shapes, scales: tuple[int, ...] = ()) -> Shapes:
    """A released file: tower, PSM and, where masks act on attention, their strengths."""
    shapes = part(tower, "", IMAGE) | psm
    return shapes | ({"visual_encoder.mask_logit_scale": scales} if scales else {})


def large_convnext() -> Shapes:
    return part(files.golden_shapes("clip_towers/a2_convnext_large_d_320"), "visual.", "")


def without_image(case: str) -> Shapes:
    """Text tower and temperature of a CLIP file."""
    shapes = files.golden_shapes(f"clip_towers/{case}")
    return {name: shape for name, shape in shapes.items() if not name.startswith("visual.")}


MASKCLIPPP = {
    "convnext_large_d_320": (
        lambda: maskclippp(large_convnext(), pseudo_text_psm(768)),
        lambda: without_image("a2_convnext_large_d_320"),
    ),
    "convnext_xxlarge": (
        lambda: maskclippp(convnext_xxlarge(), pseudo_text_psm(1024)),
        lambda: text_tower("", 24, 1024, 1024),
    ),
    "eva02_l_14_336": (
        lambda: maskclippp(eva_large(), linear_psm(), (3, 16)),
        lambda: text_tower("text."),
    ),
    "eva01_g_14_plus": (
        lambda: maskclippp(giant_shapes(), linear_psm(), (3, 16)),
        lambda: text_tower("text.", 24, 1024, 1024),
    ),
}
"""The towers beside the three whose goldens hold a file, each with the text of its CLIP."""
