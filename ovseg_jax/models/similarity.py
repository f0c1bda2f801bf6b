"""Modules that prepare the comparison of masks and words: the PSMs of MaskCLIP++.

A PSM ("preserving similarity module") changes how masks and words are compared while training, so
that CLIP can be tuned on few classes without losing the others. Every variant of the paper's
Table 1 is a pair of maps, one of mask embeddings and one of rows of text; what is compared
afterwards is their product. Source: arXiv 2412.11464, section 3.3; docs/reference 2.5.
"""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp
from jax.nn.initializers import xavier_uniform, zeros
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from ovseg_jax.models.layers import LayerNorm, torch_uniform
from ovseg_jax.models.transformer import Attention
from ovseg_jax.ops.vectors import unit


class LinearSimilarity(nn.Module):
    """Takes the similarities to all templates through two linear maps to one score.

    Nothing stands between the maps, so together they are one weight per template and an offset, and
    the weighted average of the templates can be taken before they meet any mask
    (docs/reference 9.9). Matches `LinearPSM` of HVision-NKU/MaskCLIPpp.

    Attributes:
        templates: Prompt templates per name.
        hidden: Width between the maps.
    """

    templates: int
    hidden: int = 768

    def setup(self):
        """Declares both maps."""
        shape = (self.templates, self.hidden)
        self.expand_kernel = self.param("expand_kernel", torch_uniform(self.templates), shape)
        self.expand_bias = self.param("expand_bias", torch_uniform(self.templates), (self.hidden,))
        self.reduce_kernel = self.param(
            "reduce_kernel", torch_uniform(self.hidden), (self.hidden, 1)
        )
        self.reduce_bias = self.param("reduce_bias", torch_uniform(self.hidden), (1,))

    def collapsed(self) -> tuple[Float[Array, " t"], Float[Array, ""]]:
        """Returns the weight of each template and the offset that both maps amount to."""
        weights = self.expand_kernel @ self.reduce_kernel
        offset = self.expand_bias @ self.reduce_kernel + self.reduce_bias
        return weights[:, 0], offset[0]

    def rows(self, embeddings: Float[Array, "s t d"]) -> Float[Array, "s d"]:
        """Averages templates by their weights; scores are products with these, plus the offset."""
        return jnp.einsum("std,t->sd", embeddings, self.collapsed()[0])

    def __call__(self, similarities: Float[Array, "*b t"]) -> Float[Array, "*b"]:
        """The plain form: maps the similarities of every mask and name one by one."""
        hidden = similarities @ self.expand_kernel + self.expand_bias
        return (hidden @ self.reduce_kernel + self.reduce_bias)[..., 0]


class PseudoText(nn.Module):
    """Rows of text that have looked at the image: LN(text + attention(text, image)).

    Matches `PseudoTextPSM` of HVision-NKU/MaskCLIPpp; dropout is left out.

    Attributes:
        width: Channels of the joint space.
        heads: Attention heads.
        residual: Whether the text itself stays in the sum; Table 1 also tries without.
    """

    width: int
    heads: int = 8
    residual: bool = True
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, rows: Float[Array, "s d"], cells: Float[Array, "b n d"]
    ) -> Float[Array, "b s d"]:
        """Returns rows per image, not of unit length: the norm's gain is their temperature.

        Args:
            rows: One unit vector per name.
            cells: What the image shows, in the joint space, of any length.
        """
        image = nn.Dense(self.width, use_bias=False, dtype=self.dtype, name="image")(unit(cells))
        init = {"input_init": xavier_uniform(), "output_init": xavier_uniform()}
        attention = Attention(self.width, self.heads, dtype=self.dtype, name="attention", **init)
        texts = jnp.broadcast_to(rows, (len(cells), *rows.shape)).astype(image.dtype)
        queries, keys = attention.queries(texts), attention.keys(image)
        found = attention.mix(queries, keys, attention.values(image))
        norm = LayerNorm(1e-5, name="norm")
        return norm((texts if self.residual else 0) + found).astype(jnp.float32)


class LinearEmbedding(nn.Module):
    """A square linear map of one modality: the variants that break the order of similarities.

    Attributes:
        width: Channels of the joint space.
    """

    width: int

    @nn.compact
    def __call__(self, vectors: Float[Array, "*r d"]) -> Float[Array, "*r d"]:
        """Maps each vector; starts as the identity."""
        kernel = self.param("kernel", lambda *_: jnp.eye(self.width))
        return vectors @ kernel + self.param("bias", zeros, (self.width,))
