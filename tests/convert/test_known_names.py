"""Tensors of any shape under the names that sizes are read from: an error of the file, always."""

import importlib

import numpy as np
import open_clip_files as files
import pytest
from test_clip_hf import hugging_face, openai_tensors

from ovseg_jax.convert import family
from ovseg_jax.convert.rules import ConversionError

SHAPES = ((), (3,), (2, 3, 1, 1, 1, 1), (0, 0, 0, 0), (7, 7, 7, 7))
MODULES = (
    *("generators.backbones", "generators.query_heads", "generators.sam", "generators.whole"),
    *("methods.mask_adapter", "methods.maskclippp", "methods.ovseg", "towers.clip_hf"),
    *("towers.clip_text", "towers.convnext", "towers.eva", "towers.resnet", "towers.siglip"),
    "towers.vit",
)
QUICK = {
    "convnext": ("towers.clip:convert_open_clip", files.toy_clip),
    "vit": ("towers.clip:convert_open_clip", lambda: shapes_of(openai_tensors())),
    "clip_hf": (
        "towers.clip_hf:convert_clip_hf",
        lambda: shapes_of(hugging_face(openai_tensors())),
    ),
    "mask_adapter": ("methods.mask_adapter:convert_mask_adapter", files.toy_adapter),
}
SLOW = {
    "resnet": ("towers.clip:convert_openai", "clip_towers/a3_rn50x16"),
    "eva": ("towers.clip:convert_open_clip", "clip_towers/a6_eva02_b_16"),
    "fcclip": ("generators.whole:convert_fcclip", "fcclip/a2_full_large"),
    "maft_plus": ("methods.maft_plus:convert_maft_plus", "maft_plus/a3_full_base"),
    "mask2former": ("generators.whole:convert_closed_generator", "mask2former/a1_swin_tiny"),
    "maskformer": ("generators.whole:convert_closed_generator", "maskformer/a1_r101c_semantic"),
    "ovseg": ("methods.ovseg:convert_ovseg", "ovseg/a4_full_swinb_vitl"),
}


def shapes_of(tensors):
    return {name: array.shape for name, array in tensors.items()}


def converter(place):
    module, _, function = place.partition(":")
    return getattr(importlib.import_module(f"ovseg_jax.convert.{module}"), function)


@pytest.fixture
def names_read(monkeypatch):
    """Remembers the names of tensors whose sizes a converter asks for."""
    names = set()

    def remember(shapes, name, index):
        names.add(name)
        return family.axis(shapes, name, index)

    for module in MODULES:
        monkeypatch.setattr(f"ovseg_jax.convert.{module}.axis", remember)
    return names


def check(place, shapes, names, changes):
    convert, tensors = converter(place), files.hollow(shapes)
    _, _, report = convert(tensors, "x")
    ends = [name for name in report.used if any(name.endswith(read) for read in names)]
    assert len(ends) >= 3
    for name in ends:
        for shape in changes:
            changed = tensors | {name: np.broadcast_to(np.float32(0), shape)}
            with pytest.raises(ConversionError):
                convert(changed, "x")


@pytest.mark.parametrize("kind", QUICK)
def test_sizes_of_any_rank_are_an_error_of_the_file(kind, names_read):
    place, shapes = QUICK[kind]
    check(place, shapes(), names_read, SHAPES)


@pytest.mark.slow
@pytest.mark.parametrize("kind", SLOW)
def test_sizes_of_any_rank_in_whole_models(kind, names_read):
    place, case = SLOW[kind]
    check(place, files.golden_shapes(case), names_read, SHAPES[:2])


@pytest.mark.parametrize("prefix", ["image_encoder.", "vision_encoder."])
def test_a_sam_of_any_rank_is_an_error_of_the_file(prefix):
    for shape in SHAPES:
        tensors = {f"{prefix}pos_embed": np.zeros(shape, np.float32)}
        with pytest.raises(ConversionError, match="SAM"):
            converter("generators.sam:convert_sam")(tensors, "x")


@pytest.mark.parametrize(
    "place", ["towers.siglip:convert_big_vision", "towers.siglip:convert_siglip_hf"]
)
def test_a_siglip_of_any_rank_is_an_error_of_the_file(place):
    names = ["img/embedding/kernel", "img/pos_embedding", "txt/Embed_0/embedding"]
    names += ["img/Transformer/encoderblock/MlpBlock_0/Dense_0/kernel"]
    names += ["vision_model.embeddings.patch_embedding.weight"]
    names += ["text_model.embeddings.token_embedding.weight"]
    for shape in (*SHAPES, (10**7,)):
        tensors = {name: np.broadcast_to(np.float32(0), shape) for name in names}
        with pytest.raises(ConversionError, match="sizes"):
            converter(place)(tensors, "x")
