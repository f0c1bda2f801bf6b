"""Image and text tower in one module, with the temperature of their similarity."""

import math

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ovseg_jax.foundation.errors import ModelError
from ovseg_jax.foundation.typing import Features
from ovseg_jax.ops.masks.pooling import average_under_masks
from ovseg_jax.ops.vectors import unit

PIXEL_MEAN = (122.7709383, 116.7460125, 104.09373615)
PIXEL_STD = (68.5005327, 66.6321579, 70.32316305)


class Clip(nn.Module):
    """CLIP as the methods need it: dense maps, the head on any vectors, texts.

    Attributes:
        visual: Image tower with `outputs`, `head_hidden`, `head_output`, `embedding_dim`, `stride`.
        text: Text tower, tokens to embeddings.
        pixel_mean: Mean colour in RGB, 0 to 255 (docs/reference 0.1).
        pixel_std: Standard deviation in RGB, 0 to 255.
        has_bias: Whether similarities carry a learned bias (SigLIP).
        max_temperature: Bound of the factor on cosines: 100 in every CLIP, none in SigLIP.
    """

    visual: nn.Module
    text: nn.Module
    pixel_mean: tuple[float, float, float] = PIXEL_MEAN
    pixel_std: tuple[float, float, float] = PIXEL_STD
    has_bias: bool = False
    max_temperature: float | None = 100.0

    def setup(self):
        """Declares temperature and bias; the towers come as fields."""
        start = nn.initializers.constant(math.log(1 / 0.07))
        self.logit_scale = self.param("logit_scale", start, ())
        if self.has_bias:
            self.logit_bias = self.param("logit_bias", nn.initializers.constant(-10.0), ())

    @property
    def embedding_dim(self) -> int:
        """Width of the joint space."""
        return self.visual.embedding_dim

    @property
    def stride(self) -> int:
        """Pixels per cell of the dense map; sides of frames are multiples of it."""
        return self.visual.stride

    def features(
        self, images: Float[Array, "b H W 3"], sizes: Int[Array, "b 2"] | None = None
    ) -> Features:
        """Computes the dense maps of normalised images.

        `projected` and `whole` cost nothing under `jit` where nobody reads them.

        Args:
            images: Normalised pixels, zero in the padding.
            sizes: Height and width of the picture inside the frame.

        Raises:
            ModelError: A side is no multiple of the stride, so that cells and masks would not lie
                over each other.
        """
        if images.shape[1] % self.stride or images.shape[2] % self.stride:
            raise ModelError(
                f"images of {images.shape[1]} x {images.shape[2]} pixels do not divide into cells "
                f"of {self.stride}; pad them to a multiple"
            )
        maps, whole = self.visual.outputs(images)
        dense = list(maps.values())[-1]
        return Features(
            dense=dense,
            projected=self.project(dense),
            whole=whole,
            pyramid={name: x for name, x in maps.items() if name.startswith("res")},
            sizes=sizes,
        )

    def project(self, vectors: Float[Array, "*r c"]) -> Float[Array, "*r d"]:
        """Takes trunk vectors of any leading shape through norm and projection.

        Matches `visual_prediction_forward` of bytedance/fc-clip.
        """
        return self.visual.head_output(self.visual.head_hidden(vectors))

    def project_mean(self, vectors: Float[Array, "*r m c"]) -> Float[Array, "*r d"]:
        """Returns the mean over m of `project(vectors)`.

        The head's last map is linear without bias, so the average moves in front of it: exact,
        and m times fewer products (docs/reference 9.3).
        """
        return self.visual.head_output(self.visual.head_hidden(vectors).mean(-2))

    def embed_masks(
        self, dense: Float[Array, "b h w c"], weights: Float[Array, "b q h w"]
    ) -> Float[Array, "b q d"]:
        """Embeds what lies under masks, without training, in the tower's own way.

        Most towers average the map before the head; towers that pool by attention, OpenAI's
        ResNets, attend under the mask. Matches `visual_prediction_forward` of bytedance/fc-clip.

        Args:
            dense: Last trunk map.
            weights: How much of each cell a mask covers, 0 to 1.
        """
        if hasattr(self.visual, "embed_masks"):
            return self.visual.embed_masks(dense, weights)
        return self.project(average_under_masks(dense, weights))

    def encode_image(self, images: Float[Array, "b H W 3"]) -> Float[Array, "b d"]:
        """Embeds whole normalised images; not of unit length."""
        return self.visual(images)

    def encode_text(self, tokens: Int[Array, "r l"]) -> Float[Array, "r d"]:
        """Embeds tokenised texts; not of unit length."""
        return self.text(tokens)

    def temperature(self) -> Float[Array, ""]:
        """Returns the factor on cosines."""
        factor = jnp.exp(self.logit_scale)
        return factor if self.max_temperature is None else jnp.minimum(factor, self.max_temperature)

    def similarity(
        self, images: Float[Array, "b d"], texts: Float[Array, "r d"]
    ) -> Float[Array, "b r"]:
        """Returns the logits of pairs in float32: cosine times temperature, plus bias if any."""
        cosines = unit(images.astype(jnp.float32)) @ unit(texts.astype(jnp.float32)).T
        logits = cosines * self.temperature()
        return logits + self.logit_bias if self.has_bias else logits

    def __call__(
        self, images: Float[Array, "b H W 3"], tokens: Int[Array, "r l"]
    ) -> tuple[Float[Array, "b d"], Float[Array, "r d"], Float[Array, ""]]:
        """Embeds images and texts and returns the temperature; touches every parameter."""
        return self.encode_image(images), self.encode_text(tokens), self.temperature()
