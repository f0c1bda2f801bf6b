"""No masks at all: every cell is named by itself, and pixels take the name of what they lie in.

What is left of open-vocabulary segmentation without a mask generator. It needs towers only, tuned
or not, and shows how much of an answer is in them (Table 8 of arXiv 2412.11464).
"""

from __future__ import annotations

from collections.abc import Iterator

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ovseg_jax.config.methods.dense_pixels import DensePixelsConfig
from ovseg_jax.foundation.typing import (
    Batch,
    Features,
    Opinion,
    Proposals,
    Regions,
    Scores,
    Text,
    needed,
)
from ovseg_jax.methods.mask_pooling import pooling_weights
from ovseg_jax.methods.method import Method
from ovseg_jax.methods.needs import Need, transformer
from ovseg_jax.models.clip.readout import read_cells
from ovseg_jax.models.clip.vit import VisionTransformer
from ovseg_jax.ops.masks.pooling import average_under_masks
from ovseg_jax.ops.sizes import map_size
from ovseg_jax.ops.vectors import ABSENT


class DensePixels(Method):
    """Cosines of cells and words, as one map per class.

    Where masks are given, it answers for the mean of the cells under each. Where they are not, the
    maps of the classes are its proposals, each with its own name: a sum over masks, as semantic
    answers are made, then finds the best class of every pixel.
    """

    config: DensePixelsConfig

    @property
    def makes_masks(self) -> bool:
        """Maps of classes stand for masks."""
        return True

    @property
    def repeats_names(self) -> bool:
        """True: masks that have names keep them."""
        return True

    def needs(self, templates: int) -> Iterator[Need]:
        """Yields what must hold: only transformers have a last block to read in another way."""
        yield from super().needs(templates)
        tower = self.towers.visual
        fits = self.config.readout == "plain" or isinstance(tower, VisionTransformer)
        yield Need("method.readout", fits, f"'plain' with {type(tower).__name__}, no transformer")

    def encode(self, images: Float[Array, "b H W 3"], sizes: Int[Array, "b 2"]) -> Features:
        """Encodes images and projects every cell; the last block is the chosen one."""
        pixels = self.normalise(images, sizes)
        if self.config.readout == "plain":
            return self.towers.features(pixels, sizes)
        cells = read_cells(transformer(self.towers.visual), pixels, self.config.readout)
        return Features(dense=cells, projected=self.towers.project(cells), sizes=sizes)

    def class_maps(self, features: Features, text: Text) -> Float[Array, "b k h w"]:
        """Returns cosine times temperature of every cell and class; -inf in empty class slots."""
        projected = needed(features.projected, "Features.projected")
        batch, height, width, channels = projected.shape
        cells = projected.reshape(batch, height * width, channels)
        logits = self.compare(cells, self.words(features, text), text)[..., :-1]
        return jnp.moveaxis(logits, 1, 2).reshape(batch, -1, height, width)

    def propose(self, batch: Batch, features: Features, text: Text) -> Proposals:
        """Returns one mask per class, with its name.

        Its logits are log probabilities of the classes in each cell. Resized and passed through
        the sigmoid, they still rank the classes of a pixel as resized cosines do, since what they
        share does not change the order; as hard masks they mean nothing.
        """
        maps = self.class_maps(features, text)
        present = jnp.broadcast_to(text.valid, maps.shape[:2])
        masks = jax.nn.log_softmax(maps, axis=1)
        own = jnp.eye(len(text.valid), len(text.valid) + 1, dtype=bool)
        # Empty slots are nowhere; were they certain of a class that is not there, NaN would follow.
        names = jnp.where(own | ~text.valid[:, None], 0.0, -jnp.inf)
        return Proposals(
            masks=jnp.where(present[..., None, None], masks, ABSENT),
            valid=present,
            class_logits=jnp.broadcast_to(names, (*maps.shape[:2], names.shape[-1])),
            opinion=Opinion.NAMES,
            says_no_object=False,
        )

    def embed(self, features: Features, proposals: Proposals) -> Regions:
        """Averages the projected cells under masks."""
        projected = needed(features.projected, "Features.projected")
        weights = pooling_weights(proposals.masks, map_size(projected))
        embedded = average_under_masks(projected, weights)
        return Regions(embeddings=embedded.astype(jnp.float32))

    def score(self, features: Features, proposals: Proposals, text: Text) -> Scores:
        """Names masks that have no name of their own yet."""
        if proposals.class_logits is None:
            return super().score(features, proposals, text)
        return Scores(logits=proposals.class_logits)
