"""FISA's Distribution Adapter: a few convolutions that fit given masks to what follows.

The paper fixes two convolutions and nothing else; the rest is chosen as systems 4.3 says.
"""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.nn.initializers import lecun_normal, zeros
from jax.typing import DTypeLike
from jaxtyping import Array, Float


class DistributionAdapter(nn.Module):
    """Adds to each mask, on its own, what 3 x 3 convolutions make of its logits.

    The last convolution starts at zero, so an untrained adapter leaves masks as they are.

    Attributes:
        layers: Convolutions, 0 to 3; with none, masks pass as they are.
        hidden: Channels between them.
    """

    layers: int = 2
    hidden: int = 8
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, masks: Float[Array, "b q h w"]) -> Float[Array, "b q h w"]:
        """Refines mask logits.

        Args:
            masks: At the size of the tower's images.
        """
        if not self.layers:
            return masks
        x = masks.reshape(-1, *masks.shape[2:], 1).astype(self.dtype)
        for index in range(self.layers):
            last = index == self.layers - 1
            x = nn.Conv(
                1 if last else self.hidden,
                (3, 3),
                kernel_init=zeros if last else lecun_normal(),
                dtype=self.dtype,
                name=f"conv{index}",
            )(x)
            x = x if last else jax.nn.relu(x)
        return masks + x.reshape(masks.shape).astype(masks.dtype)
