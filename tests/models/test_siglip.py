"""SigLIP's towers without the original at hand: pooling per mask, no causal mask, sizes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.foundation import trees
from ovseg_jax.models.clip.siglip import SiglipTextTower, SiglipTower
from ovseg_jax.models.clip.variants import VARIANTS, build_clip, build_tokenizer

VISUAL = SiglipTower(
    image_size=32, patch=8, width=16, layers=1, heads=2, embedding_dim=16, mlp_width=24
)
TEXT = SiglipTextTower(
    vocab_size=20, context_length=6, width=8, heads=2, layers=1, mlp_width=12, embedding_dim=5
)
IMAGES = jax.random.normal(jax.random.key(0), (2, 32, 40, 3))


@pytest.fixture(scope="module")
def tower():
    return jax.jit(VISUAL.init)(jax.random.key(1), IMAGES)


def test_a_mask_of_everything_gives_the_whole_image(tower):
    maps, whole = VISUAL.apply(tower, IMAGES, method="outputs")
    pooled = VISUAL.apply(tower, maps["dense"], jnp.zeros((1, 1, 1, 20)), method="pool")
    np.testing.assert_allclose(pooled[:, 0], whole, atol=1e-5)


def test_a_mask_of_one_cell_gives_that_cell_alone(tower):
    dense = VISUAL.apply(tower, IMAGES, method="outputs")[0]["dense"]
    bias = jnp.where(jnp.arange(20) == 7, 0.0, -1e9)[None, None, None]
    pooled = VISUAL.apply(tower, dense, bias, method="pool")[:, 0]
    alone = VISUAL.apply(tower, dense[:, 1, 2], method="head_hidden")
    np.testing.assert_allclose(pooled, alone, atol=1e-5)
    assert jnp.abs(alone - VISUAL.apply(tower, dense[:, 1, 3], method="head_hidden")).max() > 1e-2


def test_texts_see_later_tokens_and_padding():
    tokens = jnp.array([[3, 4, 5, 1, 1, 1]])
    variables = TEXT.init(jax.random.key(0), tokens)
    plain = TEXT.apply(variables, tokens)
    assert plain.shape == (1, 5)
    for place in range(6):
        other = TEXT.apply(variables, tokens.at[0, place].set(9))
        assert jnp.abs(other - plain).max() > 1e-5
    with pytest.raises(ValueError, match="exactly 6"):
        TEXT.apply(variables, tokens[:, :4])


@pytest.mark.parametrize(
    ("name", "millions"),
    [("siglip_b_16_256", 203.2), ("siglip_so400m_14_384", 878.0), ("siglip2_b_16_256", 375.2)],
)
def test_variants_have_their_published_size(name, millions):
    clip, size = build_clip(name), VARIANTS[name].image_size
    arguments = jnp.zeros((1, size, size, 3)), jnp.zeros((1, 64), jnp.int32)
    shapes = jax.eval_shape(clip.init, jax.random.key(0), *arguments)["params"]
    assert trees.count(shapes) / 1e6 == pytest.approx(millions, abs=0.1)


def test_the_tokenizer_is_the_users():
    with pytest.raises(ValueError, match="siglip_b_16_256 .* --tokenizer FILE"):
        build_tokenizer("siglip_b_16_256")
