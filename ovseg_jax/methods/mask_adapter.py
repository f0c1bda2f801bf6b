"""Mask-Adapter (arXiv 2412.04533): learned activation maps in place of the mask."""

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Bool, Float, Int

from ovseg_jax.config.methods.mask_adapter import MaskAdapterConfig
from ovseg_jax.foundation.typing import Batch, Features, Proposals, Regions, Text, needed
from ovseg_jax.losses.classification import cosine_consistency, masked_cross_entropy
from ovseg_jax.methods.method import Method, Metrics, mask_accuracy
from ovseg_jax.methods.mixed_masks import (
    Pairs,
    TrueMasks,
    gather_pairs,
    match_by_costs,
    pairwise_ious,
    predicted_coverage,
    truth_at,
)
from ovseg_jax.models.mask_adapter import MASK_SCALE, MaskAdapterHead
from ovseg_jax.models.touched_cells import adapter_maps
from ovseg_jax.ops.batch_parts import drawn, mean_over_batch
from ovseg_jax.ops.masks.of_ids import coverage_of_ids
from ovseg_jax.ops.masks.pooling import average_under_maps
from ovseg_jax.ops.masks.resizing import binarise, resize_via
from ovseg_jax.ops.matching.by_iou import match_by_iou
from ovseg_jax.ops.sizes import map_size, mask_size


class MaskAdapter(Method):
    """Pools CLIP's map under K learned maps per mask, then means the K embeddings.

    Matches the `fcclip` and `mask_adapter` packages of hustvl/MaskAdapter. Pooling takes the trunk
    map *before* CLIP's head, the adapter sees it *after*; the mean over K comes after norm and
    projection (the paper's equation 4 has neither).
    """

    config: MaskAdapterConfig

    def setup(self):
        """Declares the adapter beside what every method has."""
        super().setup()
        width, dtype = self.towers.embedding_dim, self.towers.visual.dtype
        self.adapter = adapter_head(self.config, width, dtype)

    @property
    def adds_up(self) -> bool:
        """True: its means are those of `ops.batch_parts`."""
        return True

    # ---- inference ------------------------------------------------------------------------

    def embed(self, features: Features, proposals: Proposals) -> Regions:
        """Makes the masks hard at their own resolution, then embeds them; not for training."""
        masks = binarise(proposals.masks, self.config.mask_threshold)
        projected = needed(features.projected, "Features.projected")
        return self._pool(features, adapter_maps(self.adapter, projected, masks))

    def embed_masks(
        self, features: Features, masks: Float[Array, "b q H W"] | Bool[Array, "b q H W"]
    ) -> Regions:
        """Embeds hard masks, or coverage from 0 to 1, of any resolution; can be differentiated."""
        projected = needed(features.projected, "Features.projected")
        return self._pool(features, self.adapter(projected, masks))

    def _pool(self, features: Features, maps: Float[Array, "b q m h w"]) -> Regions:
        pooled = average_under_maps(features.dense, maps)
        embeddings = self.towers.project_mean(pooled).astype(jnp.float32)
        return Regions(embeddings=embeddings, maps=maps)

    def embed_masks_plainly(
        self, features: Features, masks: Float[Array, "b q H W"] | Bool[Array, "b q H W"]
    ) -> Regions:
        """Does what `embed_masks` does in the reference's own steps; slow, for tests."""
        projected = needed(features.projected, "Features.projected")
        maps = self.adapter.reference(projected, masks)
        pooled = average_under_maps(features.dense, maps, form="softmax")
        return Regions(embeddings=self.towers.project(pooled).mean(2), maps=maps)

    # ---- training -------------------------------------------------------------------------

    def loss(
        self,
        batch: Batch,
        proposals: Proposals,
        text: Text,
        rng: Array,
        features: Features | None = None,
    ) -> tuple[Float[Array, ""], Metrics]:
        """Classifies ground-truth masks; in the mixed phase matched predictions as well.

        Args:
            batch: Images with `segment_ids` and `labels`.
            proposals: Imperfect masks, read in the mixed phase only.
            text: The training vocabulary.
            rng: Key of this step.
            features: What `encode` gave for these images, if the mask source needed it already.
        """
        truth_key, match_key = jax.random.split(rng)
        features = self.encode_batch(batch, features)
        drawn = self.draw_truth(batch, truth_key)
        labels = drawn.labels
        masks = coverage_of_ids(drawn.segment_ids, drawn.ids, self.mask_size(features))
        text = self.current_text(text)
        if self.config.phase == "warmup":
            return self.truth_loss(features, masks, labels, text)
        truth = truth_at(batch, mask_size(proposals.masks))
        if self.config.match_rule == "mask2former":
            matches = match_by_costs(batch, proposals, self.config.num_matched, match_key)
            pairs = gather_pairs(matches, proposals, truth)
        else:
            pairs = self.match(proposals, truth, match_key)
        mixed, labels = self.mix(features, masks, labels, pairs, map_size(batch.images))
        return self.mixed_loss(features, mixed, labels, text)

    def truth_loss(
        self,
        features: Features,
        masks: Float[Array, "b n h w"],
        labels: Int[Array, "b n"],
        text: Text,
    ) -> tuple[Float[Array, ""], Metrics]:
        """Weighted cross-entropy of ground-truth masks (the warm-up)."""
        _, logits = self._classify(features, masks, text)
        loss = self.config.class_weight * masked_cross_entropy(logits, labels)
        return loss, {"loss": loss, "mask_accuracy": mask_accuracy(logits, labels)}

    def match(self, proposals: Proposals, truth: TrueMasks, rng: Array) -> Pairs:
        """Pairs predictions with all ground truth by IoU, image by image."""
        ious = pairwise_ious(proposals, truth, self.config.match_probability)

        def match_image(ious: Array, truth_valid: Array, valid: Array, key: Array):
            return match_by_iou(
                ious,
                gt_valid=truth_valid,
                pred_valid=valid,
                rng=key,
                threshold=self.config.match_iou,
                capacity=self.config.num_matched,
                rule=self.config.match_rule,
            )

        keys = drawn(lambda b: jax.random.split(rng, b), len(ious))
        matches = jax.vmap(match_image)(ious, truth.labels >= 0, proposals.valid, keys)
        return gather_pairs(matches, proposals, truth)

    def mix(
        self,
        features: Features,
        masks: Float[Array, "b n h w"],
        labels: Int[Array, "b n"],
        pairs: Pairs,
        frame: tuple[int, int],
    ) -> tuple[Float[Array, "b q h w"], Int[Array, "b q"]]:
        """Joins the slots [ground truth | predictions | their ground truth] of `mixed_loss`."""
        config = self.config
        size = self.mask_size(features)
        predicted = predicted_coverage(
            pairs, frame, size, threshold=config.mask_threshold, pad_empty=config.pad_empty
        )
        matched = resize_via(pairs.truth, frame, size)
        mixed = jnp.concatenate([masks, predicted, matched], axis=1)
        return mixed, jnp.concatenate([labels, pairs.labels, pairs.labels], axis=1)

    def mixed_loss(
        self,
        features: Features,
        masks: Float[Array, "b q h w"],
        labels: Int[Array, "b q"],
        text: Text,
    ) -> tuple[Float[Array, ""], Metrics]:
        """Weighted cross-entropy of all slots, and cosine consistency of the matched ones."""
        config = self.config
        embeddings, logits = self._classify(features, masks, text)
        predicted = embeddings[:, -2 * config.num_matched : -config.num_matched]
        matched = embeddings[:, -config.num_matched :]
        if config.detach_truth:
            matched = jax.lax.stop_gradient(matched)
        class_loss = config.class_weight * masked_cross_entropy(logits, labels)
        cosine_loss = config.cosine_weight * cosine_consistency(predicted, matched)
        loss = class_loss + cosine_loss
        return loss, {
            "loss": loss,
            "class_loss": class_loss,
            "cosine_loss": cosine_loss,
            "matched": mean_over_batch((labels[:, -config.num_matched :] >= 0).sum(-1)),
            "mask_accuracy": mask_accuracy(logits, labels),
        }

    def mask_size(self, features: Features) -> tuple[int, int]:
        """Height and width at which the adapter wants its masks."""
        height, width = features.dense.shape[1:3]
        return MASK_SCALE * height, MASK_SCALE * width

    def _classify(
        self, features: Features, masks: Float[Array, "b q h w"], text: Text
    ) -> tuple[Float[Array, "b q d"], Float[Array, "b q k1"]]:
        embeddings = needed(self.embed_masks(features, masks).embeddings, "Regions.embeddings")
        return embeddings, self.compare(embeddings, self.words(features, text), text)


def adapter_head(
    config: MaskAdapterConfig, feature_dim: int, dtype: DTypeLike = jnp.float32
) -> MaskAdapterHead:
    """Returns the adapter for projected maps of `feature_dim` channels."""
    return MaskAdapterHead(
        feature_dim=feature_dim,
        width=config.width,
        mask_width=config.mask_width,
        num_blocks=config.num_blocks,
        num_maps=config.num_maps,
        patchify=config.patchify,
        use_clip=config.use_clip,
        chunk=config.chunk,
        layer_scale_init=config.layer_scale_init,
        dtype=dtype,
    )
