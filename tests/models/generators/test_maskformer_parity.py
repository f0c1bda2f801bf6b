"""MaskFormer's decoders against transformers at random weights, from the same trunk maps."""

import re

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
import jax
import jax.numpy as jnp
import parity  # noqa: F401
import torch
from transformers import (
    DetrConfig,
    MaskFormerConfig,
    MaskFormerForInstanceSegmentation,
    SwinConfig,
)

from ovseg_jax.config import QueryGeneratorConfig
from ovseg_jax.convert.generators.query_heads import identify_heads
from ovseg_jax.convert.rules import apply
from ovseg_jax.models.generators.variants import build_generator

PIXELS, QUERIES = "sem_seg_head.pixel_decoder.", "sem_seg_head.predictor."
_LAYER = r"model\.transformer_module\.decoder\.layers\.(\d+)\."
_THEIRS = QUERIES + r"transformer.decoder.layers.\1."
NAMES = (
    (r"model\.pixel_level_module\.decoder\.fpn\.stem\.0", PIXELS + "layer_4"),
    (r"model\.pixel_level_module\.decoder\.fpn\.stem\.1", PIXELS + "layer_4.norm"),
    (r"model\.pixel_level_module\.decoder\.mask_projection", PIXELS + "mask_features"),
    (r"model\.transformer_module\.queries_embedder", QUERIES + "query_embed"),
    (r"model\.transformer_module\.input_projection", QUERIES + "input_proj"),
    (_LAYER + r"self_attn\.o_proj", _THEIRS + "self_attn.out_proj"),
    (_LAYER + r"encoder_attn\.o_proj", _THEIRS + "multihead_attn.out_proj"),
    (_LAYER + "self_attn_layer_norm", _THEIRS + "norm1"),
    (_LAYER + "encoder_attn_layer_norm", _THEIRS + "norm2"),
    (_LAYER + "final_layer_norm", _THEIRS + "norm3"),
    (_LAYER + r"mlp\.fc(\d)", _THEIRS + r"linear\2"),
    (r"model\.transformer_module\.decoder\.layernorm", QUERIES + "transformer.decoder.norm"),
    ("class_predictor", QUERIES + "class_embed"),
    (r"mask_embedder\.(\d)\.0", QUERIES + r"mask_embed.layers.\1"),
)


@pytest.fixture(scope="module")
def theirs():
    torch.manual_seed(0)
    swin = SwinConfig(
        embed_dim=16,
        depths=[1, 1, 1, 1],
        num_heads=[1, 1, 2, 2],
        window_size=4,
        out_features=["stage1", "stage2", "stage3", "stage4"],
        drop_path_rate=0.0,
    )
    detr = DetrConfig(
        d_model=32,
        decoder_layers=3,
        decoder_attention_heads=8,
        decoder_ffn_dim=48,
        num_queries=5,
        encoder_layers=1,
        encoder_ffn_dim=16,
        encoder_attention_heads=4,
    )
    config = MaskFormerConfig(
        fpn_feature_size=32,
        mask_feature_size=32,
        backbone_config=swin,
        decoder_config=detr,
        num_labels=4,
        use_auxiliary_loss=True,
    )
    model = MaskFormerForInstanceSegmentation(config).eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=generator)
    return model


def published(theirs) -> dict[str, np.ndarray]:
    """The decoders' tensors under the names of MaskFormer's own files."""
    state = {name: x.detach().numpy() for name, x in theirs.state_dict().items()}
    renamed = {}
    for name, array in state.items():
        for old, new in NAMES:
            if match := re.match(rf"{old}(?=\.)", name):
                renamed[match.expand(new) + name[match.end() :]] = array
        if match := re.match(r".*fpn\.layers\.(\d)\.(proj|block)\.([01])\.(.*)", name):
            kind = {"proj": "adapter", "block": "layer"}[match[2]]
            middle = "norm." if match[3] == "1" else ""
            renamed[f"{PIXELS}{kind}_{3 - int(match[1])}.{middle}{match[4]}"] = array
    for name in [name for name in state if re.match(rf"{_LAYER}\w+\.q_proj\.", name)]:
        parts = [state[name.replace("q_proj", part)] for part in ("q_proj", "k_proj", "v_proj")]
        layer, kind, ending = re.match(rf"{_LAYER}(\w+)\.q_proj\.(\w+)", name).groups()
        ours = {"self_attn": "self_attn", "encoder_attn": "multihead_attn"}[kind]
        whole = f"{QUERIES}transformer.decoder.layers.{layer}.{ours}.in_proj_{ending}"
        renamed[whole] = np.concatenate(parts)
    return renamed


def test_pixel_decoder_and_every_layer_agree(theirs):
    tensors = published(theirs)
    fields, table = identify_heads({name: x.shape for name, x in tensors.items()}, "x")
    assert fields["decoder_layers"] == 3 and fields["num_classes"] == 4
    module = build_generator(QueryGeneratorConfig(backbone="clip", **fields))
    rng = np.random.default_rng(0)
    sizes = ((22, 29), (11, 15), (6, 8), (3, 4))
    maps = [
        rng.standard_normal((1, *size, 16 * 2**index)).astype(np.float32)
        for index, size in enumerate(sizes)
    ]
    pyramid = {f"res{index + 2}": jnp.asarray(x) for index, x in enumerate(maps)}
    arguments = jnp.zeros((1, 88, 116, 3)), jnp.array([[88, 116]]), pyramid
    shapes = jax.eval_shape(module.init, jax.random.key(0), *arguments)["params"]
    params, _ = apply(table, tensors, shapes, "x")
    planar = [torch.tensor(np.moveaxis(x, -1, 1)) for x in maps]
    with torch.inference_mode():
        pixels = theirs.model.pixel_level_module.decoder(planar)
        decoded = theirs.model.transformer_module(planar[-1], output_hidden_states=True)
    features = pixels.last_hidden_state

    def stages(bound, pyramid):
        ours = bound.pixel_decoder(pyramid)
        return ours, bound.decoder(ours, all_layers=True)

    ours, layers = jax.jit(lambda p, x: module.apply({"params": p}, x, method=stages))(
        params, pyramid
    )
    close(np.moveaxis(np.asarray(ours.masks), -1, 1), features, 2e-4)
    with torch.inference_mode():
        classes = theirs.class_predictor(decoded.last_hidden_state)
        embedded = theirs.mask_embedder(decoded.last_hidden_state)
        masks = torch.einsum("bqc,bchw->bqhw", embedded, features)
    close(np.asarray(layers[-1].class_logits), classes, 1e-4)
    close(np.asarray(layers[-1].masks), masks, 1e-3)


def close(got, want, tolerance):
    want = np.asarray(want)
    assert got.shape == want.shape
    assert np.abs(got - want).max() <= tolerance * max(np.abs(want).max(), 1.0)
