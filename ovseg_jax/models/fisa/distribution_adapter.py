"""FISA's Distribution Adapter: a few convolutions that fit given masks to what follows.

The paper fixes two convolutions and nothing else; the rest is chosen as systems 4.3 says.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

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
        if jax.default_backend() == "cpu" and not self.is_initializing():
            params = self.variables["params"]
            return refine_by_products(masks, [params[f"conv{i}"] for i in range(self.layers)])
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


def refine_by_products(
    masks: Float[Array, "b q h w"], layers: Sequence[Params]
) -> Float[Array, "b q h w"]:
    """Adds what the convolutions make of each mask, computed one mask at a time by products.

    A mask's planes stay in a CPU's cache; XLA's convolution of few channels takes eight times as
    long, PyTorch's nine times, and all masks' hidden channels at once in memory.

    Args:
        masks: Logits.
        layers: Kernel [3, 3, in, out] and bias of each convolution; ReLUs stand between them.
    """

    def refine(mask: Array) -> Array:
        x = mask[None].astype(jnp.float32)
        for index, layer in enumerate(layers):
            x = convolve_planes(jax.nn.relu(x) if index else x, layer["kernel"])
            x = x + layer["bias"][:, None, None]
        return mask + x[0].astype(mask.dtype)

    flat = masks.reshape(-1, *masks.shape[2:])
    return lax.map(refine, flat).reshape(masks.shape)


def convolve_planes(
    x: Float[Array, "i h w"], kernel: Float[Array, "3 3 i o"]
) -> Float[Array, "o h w"]:
    """Convolves planes, size kept, zeros outside: nine shifts before or after one product.

    Shifts are taken where there are fewer planes.
    """
    inputs, height, width = x.shape
    outputs = kernel.shape[-1]
    if inputs < outputs:
        flat = jnp.stack(_shifts(x), 1).reshape(inputs * 9, -1)  # [i 9, hw]
        weights = kernel.reshape(9, inputs, outputs).transpose(2, 1, 0).reshape(outputs, -1)
        return (weights @ flat).reshape(outputs, height, width)
    weights = kernel.reshape(9, inputs, outputs).transpose(0, 2, 1).reshape(-1, inputs)
    taps = (weights @ x.reshape(inputs, -1)).reshape(9, outputs, height, width)
    return sum(_shifts(tap)[index] for index, tap in enumerate(taps))


def _shifts(planes: Float[Array, "p h w"]) -> list[Float[Array, "p h w"]]:
    """Returns the nine neighbours of every pixel, row by row."""
    height, width = planes.shape[1:]
    padded = jnp.pad(planes, ((0, 0), (1, 1), (1, 1)))
    places = itertools.product(range(3), repeat=2)
    return [padded[:, row : row + height, column : column + width] for row, column in places]
