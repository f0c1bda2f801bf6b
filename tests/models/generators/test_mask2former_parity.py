"""Mask2Former against transformers at random weights, stage by stage, through the converter."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import parity  # noqa: E402, F401
from transformers import (  # noqa: E402
    Mask2FormerConfig,
    Mask2FormerForUniversalSegmentation,
    SwinConfig,
)

from ovseg_jax.convert.generators.mask2former_hf import convert_mask2former_hf  # noqa: E402
from ovseg_jax.foundation.typing import Batch  # noqa: E402
from ovseg_jax.inference.text_encoder import unembedded  # noqa: E402
from ovseg_jax.loading import build  # noqa: E402
from ovseg_jax.models.backbones.swin import SwinBackbone  # noqa: E402
from ovseg_jax.models.generators import variants  # noqa: E402

TINY = SwinBackbone(width=16, depths=(2, 2, 2, 2), heads=(1, 2, 2, 4), window=4)


@pytest.fixture(scope="module")
def theirs():
    torch.manual_seed(0)
    swin = SwinConfig(
        embed_dim=16,
        depths=[2, 2, 2, 2],
        num_heads=[1, 2, 2, 4],
        window_size=4,
        out_features=["stage1", "stage2", "stage3", "stage4"],
        image_size=64,
        drop_path_rate=0.0,
    )
    config = Mask2FormerConfig(
        backbone_config=swin,
        hidden_dim=32,
        feature_size=32,
        mask_feature_size=32,
        num_attention_heads=8,
        encoder_layers=2,
        decoder_layers=4,  # theirs counts the untouched queries as one
        dim_feedforward=64,
        encoder_feedforward_dim=48,
        num_queries=7,
        num_labels=5,
    )
    model = Mask2FormerForUniversalSegmentation(config).eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():  # no bias zero, no norm one
            parameter += 0.1 * torch.randn(parameter.shape, generator=generator)
    return model


@pytest.fixture(scope="module")
def ours(theirs, tmp_path_factory):
    from safetensors.numpy import load_file

    folder = tmp_path_factory.mktemp("hf")
    theirs.save_pretrained(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(variants.BACKBONES, "swin_test", TINY)
        tensors = load_file(folder / "model.safetensors")
        config, params, report = convert_mask2former_hf(tensors, "x")
        assert set(report.used) | set(report.skipped) == set(tensors)
        yield build.method(config), params


@pytest.mark.parametrize("size", [(64, 96), (70, 98)], ids=["whole windows", "odd size"])
def test_every_stage_agrees(theirs, ours, size):
    method, params = ours
    images = np.random.default_rng(0).standard_normal((1, *size, 3)).astype(np.float32)
    with torch.inference_mode():
        pixels = torch.tensor(np.moveaxis(images, -1, 1))
        maps = theirs.model.pixel_level_module.encoder(pixels).feature_maps
        level = theirs.model.pixel_level_module(pixels)
        answer = theirs(pixels, output_auxiliary_logits=True)

    def stages(bound, images):
        generator = bound.generator
        trunk = generator.backbone(images)
        decoded = generator.pixel_decoder(trunk)
        return trunk, decoded, generator.decoder(decoded, all_layers=True)

    trunk, decoded, layers = jax.jit(lambda p, x: method.apply({"params": p}, x, method=stages))(
        params, jnp.asarray(images)
    )
    for name, want in zip(sorted(trunk), maps, strict=True):
        close(np.moveaxis(np.asarray(trunk[name]), -1, 1), want, 1e-4)
    close(np.moveaxis(np.asarray(decoded.masks), -1, 1), level.decoder_last_hidden_state, 2e-4)
    for got, want in zip(decoded.levels, level.decoder_hidden_states, strict=True):
        close(np.moveaxis(np.asarray(got), -1, 1), want, 2e-4)
    close(np.asarray(layers[0].masks), answer.auxiliary_logits[0]["masks_queries_logits"], 1e-3)
    close(np.asarray(layers[-1].masks), answer.masks_queries_logits, 1e-2)
    close(np.asarray(layers[-1].class_logits), answer.class_queries_logits, 1e-2)


def test_the_quick_way_of_inference_gives_the_same_answer(ours):
    method, params = ours
    images = np.random.default_rng(1).integers(0, 255, (2, 64, 96, 3)).astype(np.uint8)
    batch = Batch(images=jnp.asarray(images), sizes=jnp.array([[64, 96], [60, 80]]))

    def both(bound, batch):
        features, text = bound.encode_batch(batch), unembedded(5)
        return (
            bound.propose_all(batch, features, text)[-1],
            bound.propose(batch, features, text),
        )

    plain, quick = jax.jit(lambda p, x: method.apply({"params": p}, x, method=both))(params, batch)
    close(np.asarray(quick.masks), plain.masks, 1e-3)
    close(np.asarray(quick.class_logits), plain.class_logits, 1e-3)


def close(got, want, tolerance):
    want = np.asarray(want)
    assert got.shape == want.shape
    scale = max(np.abs(want).max(), 1.0)
    assert np.abs(got - want).max() <= tolerance * scale
