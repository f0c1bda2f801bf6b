"""SAM's prompts: points and the corners of boxes."""

from __future__ import annotations

import math

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jax.nn.initializers import normal
from jaxtyping import Array, Float, Int


class PromptEncoder(nn.Module):
    """Points as sums of a code of their place and a learned vector of their kind.

    Matches `PromptEncoder` of facebookresearch/segment-anything (docs/reference 7.3); mask prompts
    are not offered.

    Attributes:
        width: Channels.
        image_size: Side of the square input in pixels.
    """

    width: int = 256
    image_size: int = 1024

    def setup(self):
        """Declares frequencies and kinds."""
        self.frequencies = self.param("frequencies", normal(1.0), (2, self.width // 2))
        shape = (1, self.width)
        # Background point, foreground point, upper left and lower right corner of a box.
        self.point_types = [self.param(f"kind{index}", normal(1.0), shape) for index in range(4)]
        self.no_point = self.param("no_point", normal(1.0), shape)
        self.no_mask = self.param("no_mask", normal(1.0), shape)

    def places(self, places: Float[Array, "*p 2"]) -> Float[Array, "*p c"]:
        """Codes x and y, 0 to 1 over the input."""
        angles = 2 * math.pi * ((2 * places - 1) @ self.frequencies)
        return jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], axis=-1)

    def grid(self, side: int) -> Float[Array, "s s c"]:
        """Codes the centres of the encoder's cells."""
        y, x = np.mgrid[:side, :side]
        return self.places(jnp.asarray((np.stack([x, y], -1) + 0.5) / side, jnp.float32))

    def __call__(
        self, points: Float[Array, "b p 2"], labels: Int[Array, "b p"]
    ) -> Float[Array, "b p1 c"]:
        """Embeds points in pixels of the input, and an empty point after them.

        Args:
            points: x and y.
            labels: 0 background, 1 foreground, 2 and 3 corners of a box, -1 no point.
        """
        codes = self.places((points + 0.5) / self.image_size)
        types = jnp.concatenate(self.point_types)[jnp.maximum(labels, 0)]
        embedded = jnp.where((labels < 0)[..., None], self.no_point, codes + types)
        last = jnp.broadcast_to(self.no_point, (len(points), 1, self.width))
        return jnp.concatenate([embedded, last], axis=1)
