"""Mask cropping: every mask's surroundings become an image of their own for CLIP."""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ovseg_jax.config.methods.mask_cropping import MaskCroppingConfig
from ovseg_jax.foundation.typing import Features, Proposals, Regions, needed
from ovseg_jax.methods.method import Method
from ovseg_jax.methods.needs import Need, generator_needs
from ovseg_jax.models.unbound import call
from ovseg_jax.ops.chunks import map_chunks, map_rows
from ovseg_jax.ops.masks.crops import crop_masks, crop_regions, expand_boxes, mask_boxes
from ovseg_jax.ops.masks.resizing import hard_masks
from ovseg_jax.ops.placement import join_shares, share_masks
from ovseg_jax.ops.sizes import map_size


class MaskCropping(Method):
    """Encodes a square crop around each mask, as the two-stage methods before FC-CLIP did.

    Crops as OVSeg does (docs/reference 3.2): tight box, optionally grown; mean colour outside the
    mask; bicubic to a square without keeping the aspect ratio.
    """

    config: MaskCroppingConfig

    def needs(self, templates: int) -> Iterator[Need]:
        """Yields what must hold; no map of the whole image is made that a generator could read."""
        yield Need("clip.variant", self.clip is not None, "a CLIP model")
        yield from generator_needs(self.generator, None)
        size, least = self.config.crop_size, self.towers.stride
        yield Need("method.crop_size", size >= least, f"a cell or more: {least} pixels")

    @property
    def shares_masks(self) -> bool:
        """Crops do not know of each other."""
        return True

    def encode(self, images: Float[Array, "b H W 3"], sizes: Int[Array, "b 2"]) -> Features:
        """Keeps the normalised pixels; no tower runs before the masks are known."""
        pixels = self.normalise(images, sizes)
        return Features(dense=pixels[:, :0, :0], images=pixels, sizes=sizes)

    def embed(self, features: Features, proposals: Proposals) -> Regions:
        """Encodes the crops; an empty mask gets the zero vector, which favours no class."""
        if self.is_initializing():
            return Regions(embeddings=self._embed_crops(features, proposals.masks))
        method, variables = self.clone(parent=None), self.variables

        @jax.checkpoint
        def embed(part: Array) -> Array:
            return call(method, variables, features, part, method="_embed_crops")

        return Regions(embeddings=map_chunks(embed, proposals.masks, self.config.chunk, axis=1))

    def _embed_crops(self, features: Features, masks: Array) -> Float[Array, "b q d"]:
        batch, count = masks.shape[:2]
        masks, images, sizes = share_masks(
            masks,
            needed(features.images, "Features.images"),
            needed(features.sizes, "Features.sizes"),
        )
        hard = hard_masks(masks, map_size(images), self.config.mask_threshold)
        hard = hard & _inside_picture(images, sizes)
        # One image after the other: side by side they would multiply the memory of a chunk.
        crops, regions = map_rows(self._crop, (images, sizes, hard))
        embedded = self.embed_crops(
            crops.reshape(-1, *crops.shape[2:]), regions.reshape(-1, *regions.shape[2:])
        )
        embedded = embedded.reshape(*crops.shape[:2], -1).astype(jnp.float32)
        embedded = jnp.where(hard.any((-2, -1))[..., None], embedded, 0.0)
        return join_shares(embedded, batch, count)

    def embed_crops(
        self, crops: Float[Array, "n size size 3"], regions: Bool[Array, "n size size"]
    ) -> Float[Array, "n d"]:
        """Embeds crops as images.

        Args:
            crops: Normalised pixels.
            regions: Where they show their object; unused here.
        """
        return self.towers.encode_image(crops)

    def _crop(
        self, inputs: tuple[Array, Array, Array]
    ) -> tuple[Float[Array, "q size size 3"], Bool[Array, "q size size"]]:
        image, picture, masks = inputs
        boxes = expand_boxes(mask_boxes(masks), self.config.expand, picture)
        size = self.config.crop_size
        crops = crop_masks(image, masks, boxes, size, outside=self._outside())
        return crops, crop_regions(masks, boxes, size)

    def _outside(self) -> Float[Array, " 3"] | float | None:
        """The normalised colour around masks; None for the picture itself."""
        if self.config.fill == "black":
            return -jnp.asarray(self.towers.pixel_mean) / jnp.asarray(self.towers.pixel_std)
        return 0.0 if self.config.fill == "mean" else None


def _inside_picture(
    images: Float[Array, "b H W 3"], sizes: Int[Array, "b 2"]
) -> Bool[Array, "b 1 H W"]:
    """Where the frame shows the picture: masks do not count in the padding."""
    height, width = jnp.moveaxis(sizes, -1, 0)[..., None, None, None]
    rows, columns = (jnp.arange(side) for side in map_size(images))
    return (rows[:, None] < height) & (columns < width)
