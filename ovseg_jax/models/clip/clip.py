"""Image and text tower in one module, with the temperature of their similarity."""

import math

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ovseg_jax.typing import Features

PIXEL_MEAN = (122.7709383, 116.7460125, 104.09373615)
PIXEL_STD = (68.5005327, 66.6321579, 70.32316305)


class Clip(nn.Module):
    """CLIP as the methods need it: dense maps, the head on any vectors, texts.

    Attributes:
        visual: Image tower with `trunk`, `head_hidden` and `head_output`.
        text: Text tower, tokens to embeddings.
        pixel_mean: Mean colour in RGB, 0 to 255 (systems 0.1).
        pixel_std: Standard deviation in RGB, 0 to 255.
    """

    visual: nn.Module
    text: nn.Module
    pixel_mean: tuple[float, float, float] = PIXEL_MEAN
    pixel_std: tuple[float, float, float] = PIXEL_STD

    def setup(self):
        """Declares the temperature; the towers come as fields."""
        start = nn.initializers.constant(math.log(1 / 0.07))
        self.logit_scale = self.param("logit_scale", start, ())

    @property
    def embedding_dim(self) -> int:
        """Width of the joint space."""
        return self.visual.embedding_dim

    def features(
        self, images: Float[Array, "b H W 3"], sizes: Int[Array, "b 2"] | None = None
    ) -> Features:
        """Computes the dense maps of normalised images.

        `projected` costs nothing under `jit` where nobody reads it.

        Args:
            images: Normalised pixels, zero in the padding.
            sizes: Height and width of the picture inside the frame.
        """
        maps = self.visual.trunk(images)
        pyramid = {name: x for name, x in maps.items() if name != "stem"}
        dense = pyramid[max(pyramid)]
        return Features(dense=dense, projected=self.project(dense), pyramid=pyramid, sizes=sizes)

    def project(self, vectors: Float[Array, "*r c"]) -> Float[Array, "*r d"]:
        """Takes trunk vectors of any leading shape through norm and projection.

        Matches `visual_prediction_forward` of bytedance/fc-clip.
        """
        return self.visual.head_output(self.visual.head_hidden(vectors))

    def project_mean(self, vectors: Float[Array, "*r m c"]) -> Float[Array, "*r d"]:
        """Returns the mean over m of `project(vectors)`.

        The head's last map is linear without bias, so the average moves in front of it: exact,
        and m times fewer products (systems 10.7).
        """
        return self.visual.head_output(self.visual.head_hidden(vectors).mean(-2))

    def encode_image(self, images: Float[Array, "b H W 3"]) -> Float[Array, "b d"]:
        """Embeds whole normalised images; not of unit length."""
        return self.visual(images)

    def encode_text(self, tokens: Int[Array, "r l"]) -> Float[Array, "r d"]:
        """Embeds tokenised texts; not of unit length."""
        return self.text(tokens)

    def temperature(self) -> Float[Array, ""]:
        """Returns the factor on cosines, at most 100 as in every reference system."""
        return jnp.minimum(jnp.exp(self.logit_scale), 100.0)

    def __call__(
        self, images: Float[Array, "b H W 3"], tokens: Int[Array, "r l"]
    ) -> tuple[Float[Array, "b d"], Float[Array, "r d"], Float[Array, ""]]:
        """Embeds images and texts and returns the temperature; touches every parameter."""
        return self.encode_image(images), self.encode_text(tokens), self.temperature()
