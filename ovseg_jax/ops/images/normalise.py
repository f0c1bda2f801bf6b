"""From grey levels to what a network was trained on."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

Colour = tuple[float, float, float]


def normalise(
    images: Float[Array, "b H W 3"], sizes: Int[Array, "b 2"], mean: Colour, std: Colour
) -> Float[Array, "b H W 3"]:
    """Normalises pixels and sets padding to zero, the mean colour (docs/reference 0.1).

    Args:
        images: RGB, 0 to 255, padded right and below.
        sizes: Height and width of the picture inside the frame.
        mean: Mean colour, 0 to 255.
        std: Standard deviation of each colour.
    """
    rows = jnp.arange(images.shape[1])[None, :, None] < sizes[:, 0, None, None]
    columns = jnp.arange(images.shape[2])[None, None, :] < sizes[:, 1, None, None]
    inside = (rows & columns)[..., None]
    return jnp.where(inside, (images - jnp.asarray(mean)) / jnp.asarray(std), 0.0)
