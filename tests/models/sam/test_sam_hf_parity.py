"""SAM against transformers' `SamModel` at random weights, through the rows of its own names."""

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
import jax
import jax.numpy as jnp
import parity  # noqa: F401
import torch
from transformers import SamConfig, SamModel, SamVisionConfig

from ovseg_jax.convert.generators.sam import HF_TABLE
from ovseg_jax.convert.rules import apply
from ovseg_jax.loading.parameters import sam_shapes
from ovseg_jax.models.sam.image_encoder import SamImageEncoder
from ovseg_jax.models.sam.mask_decoder import MaskDecoder
from ovseg_jax.models.sam.prompt_encoder import PromptEncoder
from ovseg_jax.models.sam.sam import Sam

SIDE = 128


@pytest.fixture(scope="module")
def theirs():
    torch.manual_seed(0)
    vision = SamVisionConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=SIDE,
        window_size=3,
        global_attn_indexes=[1],
        output_channels=256,
        mlp_dim=128,
    )
    prompts = {"image_size": SIDE, "patch_size": 16, "image_embedding_size": SIDE // 16}
    config = SamConfig(vision_config=vision.to_dict(), prompt_encoder_config=prompts)
    model = SamModel(config).eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=generator)
    return model


def test_embeddings_masks_and_expected_ious_agree(theirs):
    ours = Sam(
        encoder=SamImageEncoder(32, 2, 2, (1,), image_size=SIDE, window=3),
        prompts=PromptEncoder(image_size=SIDE),
        decoder=MaskDecoder(),
    )
    tensors = {name: x.detach().numpy() for name, x in theirs.state_dict().items()}
    params, report = apply(HF_TABLE, tensors, {"generator": sam_shapes(ours)}, "x")
    assert all("mask_embed" in name or "shared_embedding" in name for name in report.skipped)
    images = np.random.default_rng(0).standard_normal((1, SIDE, SIDE, 3)).astype(np.float32)
    points = np.array([[[30.0, 40.0]], [[100.0, 7.5]]], np.float32)
    with torch.inference_mode():
        pixels = torch.tensor(np.moveaxis(images, -1, 1))
        want = theirs.get_image_embeddings(pixels)
        answer = theirs(
            image_embeddings=want,
            input_points=torch.tensor(points)[None],
            input_labels=torch.ones(1, 2, 1, dtype=torch.long),
        )

    def encode(bound, images):
        return bound.encoder(images)

    variables = {"params": params["generator"]}
    got = jax.jit(lambda v, x: ours.apply(v, x, method=encode))(variables, jnp.asarray(images))
    np.testing.assert_allclose(np.moveaxis(np.asarray(got), -1, 1), want, atol=3e-4)
    masks, ious = jax.jit(lambda v, *x: ours.apply(v, *x, method="decode"))(
        variables, got, jnp.asarray(points), jnp.ones((2, 1), jnp.int32)
    )
    scale = float(answer.pred_masks.abs().max())
    np.testing.assert_allclose(masks, answer.pred_masks[0], atol=1e-3 * scale)
    np.testing.assert_allclose(ious, answer.iou_scores[0], atol=1e-3)
