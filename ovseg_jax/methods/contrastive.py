"""Contrastive training of CLIP itself on images and captions, with region pooling."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ovseg_jax.losses.classification import contrastive_loss
from ovseg_jax.methods.mask_pooling import MaskPooling
from ovseg_jax.methods.method import Metrics
from ovseg_jax.ops.pooling import average_under_masks
from ovseg_jax.ops.vectors import unit
from ovseg_jax.typing import Batch, Features, Proposals, Text


class ContrastiveClip(MaskPooling):
    """Pairs each image with its caption among the others of the batch; scores by mask pooling.

    An image's vector is the mean of its cells, or, now and then, of a random rectangle of them:
    what a random resized crop does, at no cost, and what makes single cells speak for themselves.

    Attributes:
        region_probability: Chance that an image is pooled over a rectangle.
        region_cells: Smallest and largest side of the rectangle; cut to the picture's size.
    """

    region_probability: float = 0.6
    region_cells: tuple[int, int] = (4, 11)

    def loss(
        self,
        batch: Batch,
        proposals: Proposals,
        text: Text,
        rng: Array,
        features: Features | None = None,
    ) -> tuple[Float[Array, ""], Metrics]:
        """CLIP's symmetric loss over the whole batch; of the arguments only captions are read.

        Captions of exactly the same tokens are not each other's negatives: those pairs leave the
        softmax. Small vocabularies repeat captions often.
        """
        if batch.captions is None:
            raise ValueError("contrastive training needs Batch.captions: set data.captions")
        features = self.encode_batch(batch, features)
        cells = self.draw_cells(rng, features, batch.images.shape[1:3])
        pooled = average_under_masks(features.dense, cells[:, None])
        images = unit(self.clip.project(pooled[:, 0]).astype(jnp.float32))
        captions = unit(self.clip.encode_text(batch.captions).astype(jnp.float32))
        logits = images @ captions.T * self.clip.temperature()
        same = (batch.captions[:, None] == batch.captions[None]).all(-1)
        loss = contrastive_loss(logits, same)
        best = jnp.take_along_axis(same, logits.argmax(-1)[:, None], axis=1)
        metrics = {"contrastive_accuracy": best.mean(), "temperature": self.clip.temperature()}
        return loss, {"loss": loss} | metrics

    def draw_cells(
        self, rng: Array, features: Features, frame: tuple[int, int]
    ) -> Bool[Array, "b h w"]:
        """Marks the cells of each image that are pooled: its picture, or a rectangle in it.

        Args:
            rng: Key.
            features: Gives the grid and the pictures' sizes.
            frame: Height and width in pixels that the grid covers.
        """
        grid = jnp.asarray(features.dense.shape[1:3])
        limits = jnp.ceil(features.sizes * grid / jnp.asarray(frame)).astype(jnp.int32)
        choose, draw = jax.random.split(rng)
        whole = jax.random.uniform(choose, (len(limits),)) >= self.region_probability
        start, stop = random_rectangles(draw, limits, self.region_cells)
        start, stop = jnp.where(whole[:, None], 0, start), jnp.where(whole[:, None], limits, stop)
        rows = _between(features.dense.shape[1], start[:, 0], stop[:, 0])
        columns = _between(features.dense.shape[2], start[:, 1], stop[:, 1])
        return rows[:, :, None] & columns[:, None, :]


def random_rectangles(
    rng: Array, limits: Int[Array, "b 2"], sides: tuple[int, int]
) -> tuple[Int[Array, "b 2"], Int[Array, "b 2"]]:
    """Draws rectangles inside grids of `limits` cells, sides uniform from `sides`, both included.

    Returns:
        First cell, and the cell after the last, per axis.
    """
    side_key, start_key = jax.random.split(rng)
    side = jax.random.randint(side_key, limits.shape, sides[0], sides[1] + 1)
    side = jnp.minimum(side, limits)
    start = jax.random.randint(start_key, limits.shape, 0, limits - side + 1)
    return start, start + side


def _between(count: int, start: Array, stop: Array) -> Bool[Array, "b n"]:
    cells = jnp.arange(count)[None]
    return (cells >= start[:, None]) & (cells < stop[:, None])
