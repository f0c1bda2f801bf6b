"""MAFT+ (arXiv 2408.00744), and Mask-Adapter on top of it: words that depend on the image."""

from collections.abc import Iterator, Mapping

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ovseg_jax.config.methods.maft_plus import (
    MaftPlusConfig,
    MaskAdapterOnMaftConfig,
    TransferConfig,
)
from ovseg_jax.foundation.typing import Batch, Features, Proposals, Scores, Text, needed
from ovseg_jax.losses.maft import compensation_loss, mask_aware_loss
from ovseg_jax.losses.set_criterion import TrueSegments
from ovseg_jax.methods.mask_adapter import MaskAdapter
from ovseg_jax.methods.mask_pooling import MaskPooling
from ovseg_jax.methods.method import Method, Metrics
from ovseg_jax.methods.needs import Need
from ovseg_jax.methods.set_loss import criterion_of
from ovseg_jax.models.content_transfer import ContentTransfer, scrambled
from ovseg_jax.ops.masks.of_ids import masks_of_ids

TOWER_LOSSES = {"mask_aware_loss", "compensation_loss"}
"""Scalars that are added to the generator's loss."""


class TransferredWords(Method):
    """What MAFT+ adds to a method: rows of text pass through content-dependent transfer."""

    config: TransferConfig

    def setup(self):
        """Declares the transfer beside what the method has."""
        super().setup()
        self.transfer = ContentTransfer(
            self.towers.embedding_dim,
            heads=self.config.transfer_heads,
            panoptic=self.config.panoptic,
            dtype=self.towers.visual.dtype,
        )

    def needs(self, templates: int) -> Iterator[Need]:
        """Yields what must hold; the transfer's heads share the joint space."""
        yield from super().needs(templates)
        width, heads = self.towers.embedding_dim, self.config.transfer_heads
        divisor = f"a divisor of the joint space's width, {width}"
        yield Need("method.transfer_heads", heads > 0 and width % heads == 0, divisor)

    def encode(self, images: Float[Array, "b H W 3"], sizes: Int[Array, "b 2"]) -> Features:
        """Encodes as always; the projected map may be scrambled, the pooled one never is."""
        features = super().encode(images, sizes)
        if not self.config.scrambled:
            return features
        return features.replace(projected=self.towers.project(scrambled(features.dense)))

    def words(self, features: Features, text: Text) -> Float[Array, "b s1 d"]:
        """Returns the rows as the image changes them."""
        return self.transfer(self.text_rows(text), needed(features.projected, "Features.projected"))

    def proposal_words(self, features: Features, text: Text) -> Float[Array, "s1 d"]:
        """Returns the rows as they were: the generator does not see the transferred ones."""
        return self.text_rows(text)


class MaftPlus(TransferredWords, MaskPooling):
    """Mask pooling compared with transferred words (docs/reference 5.7).

    Matches `MAFT_Plus` of jiaosiyu1999/MAFT-Plus. Its answer takes classes from here alone and
    from the generator only how likely a mask is none: exponents of one in the ensemble.
    """

    config: MaftPlusConfig

    def setup(self):
        """Declares the teacher, where the tower is to stay close to it."""
        super().setup()
        if self.config.compensation_weight:
            self.teacher = self.towers.visual.clone(parent=None, name=None)

    @property
    def adds_up(self) -> bool:
        """True: its means are those of `ops.batch_parts`."""
        return True

    @property
    def copies(self) -> Mapping[str, str]:
        """The teacher is the image tower as it was before training."""
        return {"teacher": "clip/visual"} if self.config.compensation_weight else {}

    def loss(
        self,
        batch: Batch,
        proposals: Proposals,
        text: Text,
        rng: Array,
        features: Features | None = None,
    ) -> tuple[Float[Array, ""], Metrics]:
        """The generator's set loss, and on its masks the two losses that train the image tower.

        The generator reads the tower's maps without passing gradient on, and the two losses read
        the generator's masks likewise. A model without generator learns from true masks alone.

        Args:
            batch: Images with `segment_ids` and `labels`.
            proposals: Not used: the generator proposes here, layer by layer.
            text: The training vocabulary.
            rng: Key of this step.
            features: What `encode` gave for these images.
        """
        if self.generator is None:
            return super().loss(batch, proposals, text, rng, features)
        draw_key, loss_key = jax.random.split(rng)
        truth = self.draw_truth(batch, draw_key)
        features = self.encode_batch(batch, features)
        words = self.current_text(text)
        layers = self.propose_all(batch, jax.lax.stop_gradient(features), words)
        loss, metrics = criterion_of(self.config)(layers, truth, loss_key)
        masks = jax.lax.stop_gradient(layers[-1])
        metrics = metrics | self._tower_losses(batch, features, masks, words, truth)
        loss = loss + sum(metrics[name] for name in metrics.keys() & TOWER_LOSSES)
        return loss, {"loss": loss, **metrics}

    def _tower_losses(
        self, batch: Batch, features: Features, masks: Proposals, text: Text, truth: TrueSegments
    ) -> Metrics:
        """Weighted losses that train image tower and transfer, by name."""
        logits = self.score(features, masks, text).logits.astype(jnp.float32)
        true = masks_of_ids(truth.segment_ids, truth.ids).astype(jnp.float32)
        drawn = masks.masks.astype(jnp.float32)
        aware = mask_aware_loss(logits, drawn, true, truth.labels)
        losses = {"mask_aware_loss": self.config.mask_aware_weight * aware}
        if self.config.compensation_weight:
            now, before = (x.astype(jnp.float32) for x in (features.dense, self._taught(batch)))
            kept = compensation_loss(now, before)
            losses["compensation_loss"] = self.config.compensation_weight * kept
        return losses

    def _taught(self, batch: Batch) -> Float[Array, "b h w c"]:
        """The teacher's dense map."""
        images = self.normalise(batch.images.astype(jnp.float32), batch.sizes)
        maps, _ = self.teacher.outputs(images)
        return jax.lax.stop_gradient(list(maps.values())[-1])

    def __call__(
        self, batch: Batch, proposals: Proposals, text: Text, tokens: Int[Array, "r l"]
    ) -> tuple[Scores, Float[Array, "r d"]]:
        """Touches every parameter once, those of the teacher too."""
        if self.config.compensation_weight:
            self.teacher(jnp.zeros((1, 64, 64, 3)))
        return super().__call__(batch, proposals, text, tokens)


class MaskAdapterOnMaft(TransferredWords, MaskAdapter):
    """Mask-Adapter on MAFT+: the adapter reads the scrambled map (docs/reference 1.2, 1.6).

    Matches `MAFT_Plus` of hustvl/MaskAdapter.
    """

    config: MaskAdapterOnMaftConfig
