"""Live parity with open_clip and timm, where they are installed (extra `parity`)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.convert.rules import apply
from ovseg_jax.convert.towers import clip_text, convnext
from ovseg_jax.models.clip.clip import Clip
from ovseg_jax.models.clip.convnext import ConvNeXtTower
from ovseg_jax.models.clip.text import TextTower
from ovseg_jax.models.clip.tokenizer import BpeTokenizer

torch = pytest.importorskip("torch")
pytest.importorskip("parity")
open_clip = pytest.importorskip("open_clip")

TEXTS = [
    "a photo of a cat.",
    "Mixed CASE,   double  spaces &amp; café naïve 日本 3.14!",
    "it's they'll we'd I've you're don't O'Neil's",
    "",
    "don’t “quote” — ellipsis… ½ № 😀😀 e\u0301 \u200b zero",
    "under_score #hash @at a+b=c http://x.y/z?q=1&amp;amp;r=2",
    "１２３ ＦＵＬＬ width ﬁ ligature ß Straße İstanbul Ⅷ ²",
    "word " * 100,
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "\ttabs\nand newlines\r\n",
    "हिन्दी العربية עברית ไทย 한국어 ру́сский",
]


def test_tokens_are_those_of_open_clip():
    expected = open_clip.tokenize(TEXTS).numpy()
    np.testing.assert_array_equal(BpeTokenizer()(TEXTS), expected)


@pytest.fixture(scope="module", params=["linear", "mlp"])
def pair(request):
    """An open_clip model with random weights, and ours with the same after conversion."""
    vision = {"timm_model_name": "convnext_tiny", "timm_pool": "", "timm_proj": request.param}
    text = {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
    torch.manual_seed(0)
    theirs = open_clip.model.CLIP(24, {**vision, "image_size": 64}, text).eval()
    with torch.no_grad():
        for name, value in theirs.named_parameters():
            value.add_(
                0.3 * torch.rand_like(value) if value.ndim < 2 and "scale" not in name else 0
            )
    ours = Clip(
        visual=ConvNeXtTower(
            dims=(96, 192, 384, 768), depths=(3, 3, 9, 3), embedding_dim=24, head=request.param
        ),
        text=TextTower(
            vocab_size=49408, context_length=77, width=32, heads=2, layers=2, embedding_dim=24
        ),
    )
    arguments = jnp.zeros((1, 64, 64, 3)), jnp.zeros((1, 77), jnp.int32)
    expected = jax.eval_shape(ours.init, jax.random.key(0), *arguments)["params"]
    tensors = {name: value.numpy() for name, value in theirs.state_dict().items()}
    table = (*convnext.TABLE, *clip_text.TABLE)
    params, _ = apply(table, tensors, expected, "open_clip")
    return theirs, ours, {"params": jax.tree.map(jnp.asarray, params)}


def test_image_embeddings_and_dense_maps_agree(pair):
    theirs, ours, variables = pair
    images = np.random.default_rng(0).standard_normal((2, 64, 96, 3)).astype(np.float32)
    pixels = torch.from_numpy(images.transpose(0, 3, 1, 2))
    with torch.no_grad():
        dense = theirs.visual.trunk.forward_features(pixels).permute(0, 2, 3, 1).numpy()
        embedding = theirs.encode_image(pixels).numpy()
    features = ours.apply(variables, jnp.asarray(images), method="features")
    np.testing.assert_allclose(features.dense, dense, atol=2e-4 * np.abs(dense).max())
    found = ours.apply(variables, jnp.asarray(images), method="encode_image")
    np.testing.assert_allclose(found, embedding, atol=2e-4 * np.abs(embedding).max())


def test_text_embeddings_agree(pair):
    theirs, ours, variables = pair
    tokens = BpeTokenizer()(TEXTS)
    with torch.no_grad():
        expected = theirs.encode_text(torch.from_numpy(tokens).long()).numpy()
    found = ours.apply(variables, jnp.asarray(tokens), method="encode_text")
    np.testing.assert_allclose(found, expected, atol=2e-4 * np.abs(expected).max())
