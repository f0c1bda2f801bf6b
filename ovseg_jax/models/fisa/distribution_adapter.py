"""FISA's Distribution Adapter: a few convolutions that fit given masks to what follows.

The paper fixes two convolutions and nothing else; the rest is chosen as systems 4.3 says.
"""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jax.nn.initializers import lecun_normal, zeros
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from ovseg_jax.typing import Params


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
        pair = self.layers == 2 and not self.is_initializing()
        if pair and jax.default_backend() == "cpu":
            convolutions = (self.variables["params"][name] for name in ("conv0", "conv1"))
            return masks + by_hidden_channel(masks, *convolutions, self.dtype).astype(masks.dtype)
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


def by_hidden_channel(
    masks: Float[Array, "b q h w"], first: Params, last: Params, dtype: DTypeLike
) -> Float[Array, "b q h w"]:
    """Runs the two convolutions one hidden channel at a time, as sums of shifted products.

    XLA's convolution of one channel to few is three times slower on CPU, and needs all of them in
    memory at once.

    Args:
        masks: Logits.
        first: Kernel [3, 3, 1, hidden] and bias of the convolution before the ReLU.
        last: Kernel [3, 3, hidden, 1] and bias of the one behind it.
        dtype: Compute type.
    """
    padded, bias = _pad(masks.astype(dtype)), last["bias"].astype(dtype)
    kernels = (jnp.moveaxis(first["kernel"][:, :, 0], -1, 0), last["kernel"][..., 0])
    kernels = (kernels[0], jnp.moveaxis(kernels[1], -1, 0), first["bias"])

    def add_channel(total: Array, channel: tuple[Array, Array, Array]) -> tuple[Array, None]:
        before, behind, offset = (part.astype(dtype) for part in channel)
        hidden = jax.nn.relu(_shifted(padded, before) + offset)
        return total + _shifted(_pad(hidden), behind), None

    return lax.scan(add_channel, jnp.full(masks.shape, bias), kernels)[0]


def _pad(planes: Array) -> Array:
    return jnp.pad(planes, ((0, 0), (0, 0), (1, 1), (1, 1)))


def _shifted(padded: Array, kernel: Float[Array, "3 3"]) -> Array:
    """Correlates padded planes with one kernel of 3 x 3."""
    height, width = padded.shape[2] - 2, padded.shape[3] - 2
    return sum(
        padded[:, :, row : row + height, column : column + width] * kernel[row, column]
        for row in range(3)
        for column in range(3)
    )
