"""Contrastive training of CLIP itself on images and captions, with crops that hide the rest."""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ovseg_jax.config.methods.contrastive import ContrastiveConfig
from ovseg_jax.foundation.errors import ModelError
from ovseg_jax.foundation.typing import Batch, Features, Proposals, Text, needed
from ovseg_jax.losses.classification import contrastive_loss
from ovseg_jax.methods.mask_pooling import MaskPooling
from ovseg_jax.methods.method import Metrics
from ovseg_jax.methods.needs import Need
from ovseg_jax.ops.images.resize import resize_masks
from ovseg_jax.ops.masks.pooling import average_under_masks
from ovseg_jax.ops.sizes import map_size
from ovseg_jax.ops.vectors import unit


class ContrastiveClip(MaskPooling):
    """Pairs each image with its caption among the others of the batch; scores by mask pooling.

    Now and then an image is cut to a random rectangle: the rest becomes padding, and only cells
    inside are pooled. That is a random crop that keeps the scale. The pixels have to go: when a
    rectangle was merely pooled while the tower saw the whole picture, cells learned to name what
    stands elsewhere in the caption, and pooled masks of background were named after objects.
    """

    config: ContrastiveConfig

    def needs(self, templates: int) -> Iterator[Need]:
        """Yields what must hold; something must be compared with the captions."""
        yield from super().needs(templates)
        yield Need("method.objectives", bool(self.config.objectives), "'cells', 'image', or both")

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
        softmax. Small vocabularies repeat captions often. Given features are not used, since
        they are of uncut images.
        """
        if batch.captions is None:
            raise ModelError("contrastive training needs Batch.captions: set data.captions")
        captions = self.towers.encode_text(batch.captions)
        same = (batch.captions[:, None] == batch.captions[None]).all(-1)
        pixels = self.normalise(batch.images.astype(jnp.float32), batch.sizes)
        window = self.draw_windows(rng, batch.sizes, map_size(batch.images))
        losses, metrics = {}, {"temperature": self.towers.temperature()}
        for name, images in self.encode_cut(pixels, window).items():
            logits = self.towers.similarity(images, captions)
            losses[name] = contrastive_loss(logits, same) / len(self.config.objectives)
            best = jnp.take_along_axis(same, logits.argmax(-1)[:, None], axis=1)
            metrics[f"{name}_accuracy"] = best.mean()
        if self.config.consistency:
            losses["consistency"] = self.config.consistency * self.inconsistency(pixels, window)
            metrics["consistency_loss"] = losses["consistency"]
        loss = sum(losses.values(), jnp.zeros(()))
        return loss, {"loss": loss} | metrics

    def encode_cut(
        self, pixels: Float[Array, "b H W 3"], window: Bool[Array, "b H W"]
    ) -> dict[str, Float[Array, "b d"]]:
        """Embeds normalised pictures cut to a window, in each way that is to be trained."""
        features = self.towers.features(pixels * window[..., None])
        embeddings = {"image": needed(features.whole, "Features.whole")}
        if "cells" in self.config.objectives:
            embeddings["cells"] = self.pool_window(features, window)
        return {name: embeddings[name] for name in self.config.objectives}

    def pool_window(self, features: Features, window: Bool[Array, "b H W"]) -> Float[Array, "b d"]:
        """Embeds the mean of the cells inside a window."""
        dense = features.dense
        coverage = resize_masks(window.astype(jnp.float32)[:, None], map_size(dense))
        return self.towers.project(average_under_masks(dense, coverage)[:, 0])

    def inconsistency(
        self, pixels: Float[Array, "b H W 3"], window: Bool[Array, "b H W"]
    ) -> Float[Array, ""]:
        """Returns how far a window's cells in the whole picture are from those in the cut one.

        One minus the cosine, or the cross-entropy of being told from the cut pictures of the batch.
        The cut pictures get no gradient.
        """
        whole = self.pool_window(self.towers.features(pixels), window)
        cut = self.pool_window(self.towers.features(pixels * window[..., None]), window)
        cut = jax.lax.stop_gradient(cut)
        if self.config.consistency_loss == "cosine":
            return 1 - (unit(whole) * unit(cut)).sum(-1).mean()
        temperature = jax.lax.stop_gradient(self.towers.temperature())
        return contrastive_loss(temperature * unit(whole) @ unit(cut).T)

    def draw_windows(
        self, rng: Array, sizes: Int[Array, "b 2"], frame: tuple[int, int]
    ) -> Bool[Array, "b H W"]:
        """Marks the pixels of each image that are seen: its picture, or a rectangle in it.

        Args:
            rng: Key.
            sizes: Height and width of the pictures.
            frame: Height and width of the padded images.
        """
        choose, draw = jax.random.split(rng)
        whole = jax.random.uniform(choose, (len(sizes), 1)) >= self.config.crop_probability
        start, stop = random_rectangles(draw, sizes, self.config.crop_pixels)
        start, stop = jnp.where(whole, 0, start), jnp.where(whole, sizes, stop)
        rows = _between(frame[0], start[:, 0], stop[:, 0])
        columns = _between(frame[1], start[:, 1], stop[:, 1])
        return rows[:, :, None] & columns[:, None, :]


def random_rectangles(
    rng: Array, limits: Int[Array, "b 2"], sides: tuple[int, int]
) -> tuple[Int[Array, "b 2"], Int[Array, "b 2"]]:
    """Draws rectangles inside pictures of `limits` pixels, sides uniform from `sides`.

    Returns:
        First pixel, and the pixel after the last, per axis.
    """
    side_key, start_key = jax.random.split(rng)
    side = jax.random.randint(side_key, limits.shape, sides[0], sides[1] + 1)
    side = jnp.minimum(side, limits)
    start = jax.random.randint(start_key, limits.shape, 0, limits - side + 1)
    return start, start + side


def _between(count: int, start: Array, stop: Array) -> Bool[Array, "b n"]:
    places = jnp.arange(count)[None]
    return (places >= start[:, None]) & (places < stop[:, None])
