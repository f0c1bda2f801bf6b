"""Mask-Adapter (arXiv 2412.04533): learned activation maps in place of the mask."""

from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ovseg_jax.losses.classification import cosine_consistency, masked_cross_entropy
from ovseg_jax.methods.method import Method, Metrics, mask_accuracy
from ovseg_jax.methods.mixed_masks import (
    Pairs,
    Truth,
    gather_pairs,
    match_by_costs,
    pairwise_ious,
    predicted_coverage,
    truth_at,
)
from ovseg_jax.models.mask_adapter import MASK_SCALE, MaskAdapterHead
from ovseg_jax.ops.masks import binarise, coverage_of_ids, resize_via
from ovseg_jax.ops.matching import match_by_iou
from ovseg_jax.ops.pooling import average_under_maps
from ovseg_jax.typing import Batch, Features, Proposals, Regions, Text


class MaskAdapter(Method):
    """Pools CLIP's map under K learned maps per mask, then means the K embeddings.

    Matches the `fcclip` and `mask_adapter` packages of hustvl/MaskAdapter. Pooling takes the trunk
    map *before* CLIP's head, the adapter sees it *after*; the mean over K comes after norm and
    projection (the paper's equation 4 has neither).

    Attributes:
        phase: "warmup" trains on ground-truth masks, "mixed" adds matched predictions.
        num_maps: Activation maps per mask (K).
        width: Channels of the adapter's blocks.
        mask_width: Channels of the embedded mask.
        num_blocks: ConvNeXt blocks in the adapter.
        patchify: How masks are embedded and meet CLIP's map; see `MaskAdapterHead`.
        use_clip: Whether the adapter sees CLIP's map; it is pooled in any case.
        mask_threshold: Probability above which a predicted mask counts as inside.
        chunk: Masks of each image adapted at once; bounds the memory.
        layer_scale_init: Start value of the blocks' residual factors; 1e-6 is the paper's, 0.1
            learns faster in short runs.
        num_matched: Matched pairs of prediction and truth in mixed training.
        match_rule: One random prediction per truth (the code), every pair (the paper), one to one
            by the largest sum of IoUs, or one to one by Mask2Former's costs (the paper's ablation).
        match_iou: IoU above which a prediction matches.
        match_probability: Probability at which predictions are cut for the IoU.
        class_weight: Weight of the cross-entropy.
        cosine_weight: Weight of the cosine consistency between matched masks.
        detach_truth: Stop the cosine loss's gradient at the truth's side (FC-CLIP: yes).
        pad_empty: Padding predictions are empty masks rather than full ones.
    """

    phase: Literal["warmup", "mixed"] = "warmup"
    num_maps: int = 16
    width: int = 768
    mask_width: int = 16
    num_blocks: int = 3
    patchify: Literal["add", "concat", "add_4x4"] = "add"
    use_clip: bool = True
    mask_threshold: float = 0.5
    chunk: int = 32
    layer_scale_init: float = 1e-6
    num_matched: int = 8
    match_rule: Literal["one_per_truth", "every_pair", "hungarian", "mask2former"] = "one_per_truth"
    match_iou: float = 0.7
    match_probability: float = 0.4
    class_weight: float = 2.0
    cosine_weight: float = 5.0
    detach_truth: bool = True
    pad_empty: bool = True

    def setup(self):
        """Declares the adapter beside what every method has."""
        super().setup()
        self.adapter = MaskAdapterHead(
            feature_dim=self.clip.embedding_dim,
            width=self.width,
            mask_width=self.mask_width,
            num_blocks=self.num_blocks,
            num_maps=self.num_maps,
            patchify=self.patchify,
            use_clip=self.use_clip,
            chunk=self.chunk,
            layer_scale_init=self.layer_scale_init,
            dtype=self.clip.visual.dtype,
        )

    # ---- inference ------------------------------------------------------------------------

    def embed(self, features: Features, proposals: Proposals) -> Regions:
        """Makes the masks hard at their own resolution, then embeds them."""
        return self.embed_masks(features, binarise(proposals.masks, self.mask_threshold))

    def embed_masks(
        self, features: Features, masks: Float[Array, "b q H W"] | Bool[Array, "b q H W"]
    ) -> Regions:
        """Embeds hard masks, or coverage from 0 to 1, of any resolution."""
        maps = self.adapter(features.projected, masks)
        pooled = average_under_maps(features.dense, maps)
        embeddings = self.clip.project_mean(pooled).astype(jnp.float32)
        return Regions(embeddings=embeddings, maps=maps)

    def embed_masks_plainly(
        self, features: Features, masks: Float[Array, "b q H W"] | Bool[Array, "b q H W"]
    ) -> Regions:
        """Does what `embed_masks` does in the reference's own steps; slow, for tests."""
        maps = self.adapter.reference(features.projected, masks)
        pooled = average_under_maps(features.dense, maps, form="softmax")
        return Regions(embeddings=self.clip.project(pooled).mean(2), maps=maps)

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
        ids, labels = self.sample_truth_ids(batch, truth_key)
        masks = coverage_of_ids(batch.segment_ids, ids, self.mask_size(features))
        text = self.current_text(text)
        if self.phase == "warmup":
            return self.truth_loss(features, masks, labels, text)
        truth = truth_at(batch, proposals.masks.shape[-2:])
        if self.match_rule == "mask2former":
            matches = match_by_costs(batch, proposals, self.num_matched, match_key)
            pairs = gather_pairs(matches, proposals, truth)
        else:
            pairs = self.match(proposals, truth, match_key)
        mixed, labels = self.mix(features, masks, labels, pairs, batch.images.shape[1:3])
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
        loss = self.class_weight * masked_cross_entropy(logits, labels)
        return loss, {"loss": loss, "mask_accuracy": mask_accuracy(logits, labels)}

    def match(self, proposals: Proposals, truth: Truth, rng: Array) -> Pairs:
        """Pairs predictions with all ground truth by IoU, image by image."""
        ious = pairwise_ious(proposals, truth, self.match_probability)

        def match_image(ious: Array, truth_valid: Array, valid: Array, key: Array):
            return match_by_iou(
                ious,
                gt_valid=truth_valid,
                pred_valid=valid,
                rng=key,
                threshold=self.match_iou,
                capacity=self.num_matched,
                rule=self.match_rule,
            )

        keys = jax.random.split(rng, len(ious))
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
        size = self.mask_size(features)
        predicted = predicted_coverage(
            pairs, frame, size, threshold=self.mask_threshold, pad_empty=self.pad_empty
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
        embeddings, logits = self._classify(features, masks, text)
        predicted = embeddings[:, -2 * self.num_matched : -self.num_matched]
        matched = embeddings[:, -self.num_matched :]
        if self.detach_truth:
            matched = jax.lax.stop_gradient(matched)
        class_loss = self.class_weight * masked_cross_entropy(logits, labels)
        cosine_loss = self.cosine_weight * cosine_consistency(predicted, matched)
        loss = class_loss + cosine_loss
        return loss, {
            "loss": loss,
            "class_loss": class_loss,
            "cosine_loss": cosine_loss,
            "matched": (labels[:, -self.num_matched :] >= 0).sum(-1).mean(),
            "mask_accuracy": mask_accuracy(logits, labels),
        }

    def mask_size(self, features: Features) -> tuple[int, int]:
        """Height and width at which the adapter wants its masks."""
        height, width = features.dense.shape[1:3]
        return MASK_SCALE * height, MASK_SCALE * width

    def _classify(
        self, features: Features, masks: Float[Array, "b q h w"], text: Text
    ) -> tuple[Float[Array, "b q d"], Float[Array, "b q k1"]]:
        embeddings = self.embed_masks(features, masks).embeddings
        return embeddings, self.compare(embeddings, self.words(features, text), text)
