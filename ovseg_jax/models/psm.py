"""Modules that prepare the comparison of masks and words: the PSMs of MaskCLIP++.

A PSM ("preserving similarity module") changes how masks and words are compared while training, so
that CLIP can be tuned on few classes without losing the others. Every variant of the paper's
Table 1 is a pair of maps, one of mask embeddings and one of rows of text; what is compared
afterwards is their product. Source: arXiv 2412.11464, section 3.3; docs/reference 2.5.

To add one: subclass `Similarity`, and name it in `build_similarity` and in the config's `psm`.
"""

from __future__ import annotations

from collections.abc import Callable

import flax.linen as nn
import jax.numpy as jnp
from jax.nn.initializers import xavier_uniform, zeros
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from ovseg_jax.foundation.errors import ModelError
from ovseg_jax.models.layers import LayerNorm, torch_uniform
from ovseg_jax.models.transformer import Attention
from ovseg_jax.ops.text_rows import average_templates
from ovseg_jax.ops.vectors import unit

See = Callable[[], Float[Array, "b n d"]]


class Similarity(nn.Module):
    """Cosines as they are, times CLIP's temperature; what every PSM departs from.

    Attributes:
        warm: Whether CLIP's temperature multiplies what is compared.
    """

    warm: bool = True

    @property
    def templates(self) -> int:
        """How many templates per name it was made for; 0 for any number."""
        return 0

    def masks(self, vectors: Float[Array, "*b q d"]) -> Float[Array, "*b q d"]:
        """Maps embeddings of masks, which are unit vectors."""
        return vectors

    def words(self, embeddings: Float[Array, "s t d"], see: See) -> Float[Array, "*b s d"]:
        """Maps words to one row each.

        Args:
            embeddings: Unit vectors of every name in every template.
            see: Returns what the image shows, for those that look at it.
        """
        return average_templates(embeddings)

    def offset(self) -> Float[Array, ""] | float:
        """Returns what is added to every logit."""
        return 0.0


class LinearSimilarity(Similarity):
    """Takes the similarities to all templates through two linear maps to one score.

    Nothing stands between the maps, so together they are one weight per template and an offset, and
    the weighted average of the templates can be taken before they meet any mask
    (docs/reference 9.9). Matches `LinearPSM` of HVision-NKU/MaskCLIPpp.

    Attributes:
        num_templates: Prompt templates per name.
        hidden: Width between the maps.
    """

    num_templates: int = 14
    hidden: int = 768

    def setup(self):
        """Declares both maps."""
        count = self.num_templates
        self.expand_kernel = self.param("expand_kernel", torch_uniform(count), (count, self.hidden))
        self.expand_bias = self.param("expand_bias", torch_uniform(count), (self.hidden,))
        self.reduce_kernel = self.param(
            "reduce_kernel", torch_uniform(self.hidden), (self.hidden, 1)
        )
        self.reduce_bias = self.param("reduce_bias", torch_uniform(self.hidden), (1,))

    def collapsed(self) -> tuple[Float[Array, " t"], Float[Array, ""]]:
        """Returns the weight of each template and the offset that both maps amount to."""
        weights = self.expand_kernel @ self.reduce_kernel
        offset = self.expand_bias @ self.reduce_kernel + self.reduce_bias
        return weights[:, 0], offset[0]

    @property
    def templates(self) -> int:
        """How many templates per name it was made for."""
        return self.num_templates

    def words(self, embeddings: Float[Array, "s t d"], see: See) -> Float[Array, "s d"]:
        """Averages templates by their weights; scores are products with these, plus the offset.

        Raises:
            ModelError: There is another number of templates.
        """
        if (found := embeddings.shape[1]) != self.num_templates:
            raise ModelError(
                f"the vocabulary has {found} templates per name, but method.num_templates is "
                f"{self.num_templates}: use the prompt set that the model was tuned with"
            )
        return jnp.einsum("std,t->sd", embeddings, self.collapsed()[0])

    def offset(self) -> Float[Array, ""]:
        """Returns what both maps add to every product."""
        return self.collapsed()[1]

    def __call__(self, similarities: Float[Array, "*b t"]) -> Float[Array, "*b"]:
        """The plain form: maps the similarities of every mask and name one by one."""
        hidden = similarities @ self.expand_kernel + self.expand_bias
        return (hidden @ self.reduce_kernel + self.reduce_bias)[..., 0]


class PseudoText(Similarity):
    """Rows of text that have looked at the image: LN(text + attention(text, image)).

    Rows are not of unit length: the norm's gain is their temperature.

    Matches `PseudoTextPSM` of HVision-NKU/MaskCLIPpp; dropout is left out.

    Attributes:
        width: Channels of the joint space.
        heads: Attention heads.
        residual: Whether the text itself stays in the sum; Table 1 also tries without.
    """

    width: int = 512
    heads: int = 8
    residual: bool = True
    dtype: DTypeLike = jnp.float32
    warm: bool = False

    @nn.compact
    def words(self, embeddings: Float[Array, "s t d"], see: See) -> Float[Array, "b s d"]:
        """Returns rows per image.

        Args:
            embeddings: As for `Similarity.words`.
            see: Returns [b, n, d], what the image shows in the joint space, of any length.
        """
        rows, cells = average_templates(embeddings), see()
        image = nn.Dense(self.width, use_bias=False, dtype=self.dtype, name="image")(unit(cells))
        attention = Attention(
            self.width,
            self.heads,
            input_init=xavier_uniform(),
            output_init=xavier_uniform(),
            dtype=self.dtype,
            name="attention",
        )
        texts = jnp.broadcast_to(rows, (len(cells), *rows.shape)).astype(image.dtype)
        queries, keys = attention.queries(texts), attention.keys(image)
        found = attention.mix(queries, keys, attention.values(image))
        norm = LayerNorm(1e-5, name="norm")
        return norm((texts if self.residual else 0) + found).astype(jnp.float32)


class LinearEmbedding(Similarity):
    """A square linear map of one modality: the variants that break the order of similarities.

    Attributes:
        width: Channels of the joint space.
        of_masks: Whether masks are mapped, or else words.
    """

    width: int = 512
    of_masks: bool = True

    def setup(self):
        """Declares the map; it starts as the identity."""
        self.kernel = self.param("kernel", lambda *_: jnp.eye(self.width))
        self.bias = self.param("bias", zeros, (self.width,))

    def masks(self, vectors: Float[Array, "*b q d"]) -> Float[Array, "*b q d"]:
        """Maps embeddings of masks, if it is theirs."""
        return unit(vectors @ self.kernel + self.bias) if self.of_masks else vectors

    def words(self, embeddings: Float[Array, "s t d"], see: See) -> Float[Array, "s d"]:
        """Maps rows of text, if it is theirs."""
        rows = average_templates(embeddings)
        return rows if self.of_masks else unit(rows @ self.kernel + self.bias)


def build_similarity(
    psm: str, width: int, templates: int, *, scaled: bool = True, dtype: DTypeLike = jnp.float32
) -> Similarity:
    """Builds a PSM by its name in the config; "none" is the plain similarity.

    Args:
        psm: Its name.
        width: Channels of the joint space.
        templates: Prompt templates per name, for those that weigh them.
        scaled: Whether the linear PSM reads cosines times temperature.
        dtype: Compute type.
    """
    psms = {
        "none": lambda: Similarity(),
        "linear": lambda: LinearSimilarity(num_templates=templates, warm=scaled),
        "pseudo_text": lambda: PseudoText(width=width, dtype=dtype),
        "pseudo_only": lambda: PseudoText(width=width, residual=False, dtype=dtype),
        "linear_mask": lambda: LinearEmbedding(width=width),
        "linear_text": lambda: LinearEmbedding(width=width, of_masks=False),
    }
    return psms[psm]()
