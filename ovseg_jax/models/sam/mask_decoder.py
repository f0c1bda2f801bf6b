"""SAM's mask decoder: embedded points in, three masks per point out."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.nn.initializers import lecun_normal, normal
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from ovseg_jax.models.layers import LayerNorm, gelu
from ovseg_jax.models.post_norm import DeepMLP
from ovseg_jax.ops.attention.dot_product import attention

EPS = 1e-5
NUM_MASKS = 4
"""One for a prompt without doubt, and three for one that may mean whole, part or detail."""


class NarrowAttention(nn.Module):
    """Attention that may work in fewer channels than it is given.

    Attributes:
        inner: Channels of queries, keys and values.
        heads: Attention heads.
    """

    inner: int
    heads: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, query: Float[Array, "_a q c"], key: Float[Array, "_b l c"], value: Array
    ) -> Float[Array, "b q c"]:
        """Attends; what there is one of, such as the image, serves all prompts of a batch."""
        parts = [
            nn.Dense(self.inner, dtype=self.dtype, name=name)(x)
            for name, x in (("query", query), ("key", key), ("value", value))
        ]
        batch = max(len(x) for x in parts)
        shapes = [(batch, x.shape[1], self.heads, self.inner // self.heads) for x in parts]
        by_head = [
            jnp.broadcast_to(x.reshape(len(x), *shape[1:]), shape)
            for x, shape in zip(parts, shapes, strict=True)
        ]
        joined = attention(*by_head).reshape(batch, -1, self.inner)
        return nn.Dense(query.shape[-1], dtype=self.dtype, name="output")(joined)


class TwoWayBlock(nn.Module):
    """Tokens see each other and the image, then the image sees the tokens.

    Attributes:
        heads: Attention heads.
        hidden: Width inside the MLP.
        first: The first block's self-attention has no positions and no sum.
    """

    heads: int
    hidden: int
    first: bool
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, tokens: Array, image: Array, token_codes: Array, image_codes: Array
    ) -> tuple[Float[Array, "b q c"], Float[Array, "b l c"]]:
        """Returns the new tokens and the new image."""
        width = tokens.shape[-1]
        whole = NarrowAttention(width, self.heads, self.dtype, name="self")
        if self.first:
            tokens = whole(tokens, tokens, tokens)
        else:
            asking = tokens + token_codes
            tokens = tokens + whole(asking, asking, tokens)
        tokens = LayerNorm(EPS, name="norm1")(tokens)
        half = {"inner": width // 2, "heads": self.heads, "dtype": self.dtype}
        seen = NarrowAttention(name="to_image", **half)(
            tokens + token_codes, image + image_codes, image
        )
        tokens = LayerNorm(EPS, name="norm2")(tokens + seen)
        hidden = jax.nn.relu(nn.Dense(self.hidden, dtype=self.dtype, name="expand")(tokens))
        reduced = nn.Dense(width, dtype=self.dtype, name="reduce")(hidden)
        tokens = LayerNorm(EPS, name="norm3")(tokens + reduced)
        seen = NarrowAttention(name="to_tokens", **half)(
            image + image_codes, tokens + token_codes, tokens
        )
        return tokens, LayerNorm(EPS, name="norm4")(image + seen)


class Doubling(nn.Module):
    """Transposed convolution of kernel and stride two: each cell becomes four.

    Attributes:
        out: Channels of the result.
    """

    out: int
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b _h _w _c"]:
        """Doubles both sides."""
        kernel = self.param("kernel", lecun_normal(), (x.shape[-1], 2, 2, self.out))
        bias = self.param("bias", nn.initializers.zeros, (self.out,))
        cells = jnp.einsum("bhwc,cijo->bhiwjo", x, kernel.astype(x.dtype))
        batch, height, _, width, _, _ = cells.shape
        return cells.reshape(batch, 2 * height, 2 * width, self.out) + bias.astype(x.dtype)


class MaskDecoder(nn.Module):
    """A two-way transformer over prompts and image, and a mask per output token.

    Matches `MaskDecoder` of facebookresearch/segment-anything (docs/reference 7.3). Before the
    first block has run, the image is the same for all prompts, and is projected once.

    Attributes:
        heads: Attention heads.
        hidden: Width inside the MLPs of the transformer.
        layers: Two-way blocks.
    """

    heads: int = 8
    hidden: int = 2048
    layers: int = 2
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self,
        image: Float[Array, "1 s s c"],
        image_codes: Float[Array, "s s c"],
        prompts: Float[Array, "b p c"],
    ) -> tuple[Float[Array, "b m _s _s"], Float[Array, "b m"]]:
        """Decodes the three masks of each prompt.

        Args:
            image: What the encoder gave, with the vector for "no mask given" added.
            image_codes: Codes of its cells.
            prompts: Embedded points.

        Returns:
            Mask logits at four times the encoder's resolution, and the IoU that the decoder
            expects of each mask.
        """
        width, side = image.shape[-1], image.shape[1]
        iou_token = self.param("iou_token", normal(1.0), (1, width))
        mask_tokens = self.param("mask_tokens", normal(1.0), (NUM_MASKS, width))
        own = jnp.concatenate([iou_token, mask_tokens])
        own = jnp.broadcast_to(own, (len(prompts), *own.shape))
        codes = jnp.concatenate([own, prompts], axis=1)
        tokens, cells = codes, image.reshape(1, -1, width)
        cell_codes = image_codes.reshape(1, -1, width)
        for index in range(self.layers):
            block = TwoWayBlock(
                self.heads, self.hidden, index == 0, self.dtype, name=f"block{index}"
            )
            tokens, cells = block(tokens, cells, codes, cell_codes)
        final = NarrowAttention(width // 2, self.heads, self.dtype, name="final")
        seen = final(tokens + codes, cells + cell_codes, cells)
        tokens = LayerNorm(EPS, name="final_norm")(tokens + seen)
        large = self._enlarged(cells.reshape(-1, side, side, width))
        kernels = jnp.stack(
            [
                DeepMLP(width, width // 8, dtype=self.dtype, name=f"kernel{index}")(
                    tokens[:, 1 + index]
                )
                for index in range(NUM_MASKS)
            ],
            axis=1,
        )
        masks = jnp.einsum("bmc,bhwc->bmhw", kernels[:, 1:], large)
        quality = DeepMLP(256, NUM_MASKS, dtype=self.dtype, name="quality")(tokens[:, 0])
        return masks, quality[:, 1:]

    def _enlarged(self, x: Float[Array, "b s s c"]) -> Float[Array, "b _s _s _c"]:
        width = x.shape[-1]
        x = Doubling(width // 4, self.dtype, name="double1")(x)
        x = gelu(LayerNorm(1e-6, name="double_norm")(x))
        return gelu(Doubling(width // 8, self.dtype, name="double2")(x))
