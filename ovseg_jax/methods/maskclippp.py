"""MaskCLIP++ (arXiv 2412.11464): CLIP tuned on ground-truth masks, in whatever way its tower pools.

Convolutional towers average under the soft mask, OpenAI's ResNets attend under a biased attention
pool, transformers read mask tokens through their last blocks. See `models.psm` for how
masks and words are compared. Every function matches HVision-NKU/MaskCLIPpp (docs/reference 2).
"""

from __future__ import annotations

from collections.abc import Iterator

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ovseg_jax.config.methods.maskclippp import MaskClipPlusPlusConfig
from ovseg_jax.foundation.typing import Batch, Features, Proposals, Regions, Scores, Text, needed
from ovseg_jax.losses.reweighted import reweighted_loss
from ovseg_jax.methods.method import Method, Metrics, mask_accuracy
from ovseg_jax.methods.needs import CLASS_TOKEN, Need, has_class_token, transformer
from ovseg_jax.methods.region_priors import cell_labels, filled_boxes, matched_proposals
from ovseg_jax.models.clip.vit import VisionTransformer
from ovseg_jax.models.mask_class_tokens import read_mask_tokens
from ovseg_jax.models.psm import Similarity, build_similarity
from ovseg_jax.models.unbound import call
from ovseg_jax.ops.attention.mask_bias import soft_mask_bias
from ovseg_jax.ops.chunks import map_chunks
from ovseg_jax.ops.images.resize import resize_masks
from ovseg_jax.ops.masks.pooling import average_under_masks
from ovseg_jax.ops.sizes import map_size
from ovseg_jax.ops.vectors import unit

EPS = 1e-6
"""Added to the area of a mask where the tower averages."""


class MaskClipPlusPlus(Method):
    """Mask embeddings of a tuned tower, compared through a PSM."""

    config: MaskClipPlusPlusConfig

    def setup(self):
        """Declares the PSM and, where the tower attends under masks, the strength of masks."""
        super().setup()
        config = self.config
        width, dtype = self.towers.embedding_dim, self.towers.visual.dtype
        self.align = build_similarity(
            config.psm, width, config.num_templates, scaled=config.scaled, dtype=dtype
        )
        self.plain = Similarity()
        if not config.strength and self.attends:
            shape = (config.depth if self.reads else 1, self.towers.visual.heads)
            start = nn.initializers.constant(-5.0)
            self.log_strength = self.param("log_strength", start, shape)

    def needs(self, templates: int) -> Iterator[Need]:
        """Yields what must hold: mask tokens need a class token, the linear PSM its templates."""
        config = self.config
        yield from super().needs(templates)
        tower = self.towers.visual
        kinds = f"{CLASS_TOKEN}, or a convolutional tower"
        yield Need("clip.variant", not self.reads or has_class_token(tower), kinds)
        if self.reads:
            blocks = f"1 to {tower.layers}: the tower has {tower.layers} blocks"
            yield Need("method.depth", 0 < config.depth <= tower.layers, blocks)
        psm = build_similarity(config.psm, self.towers.embedding_dim, config.num_templates)
        fits = psm.templates in (0, templates)
        yield Need("method.num_templates", fits, f"{templates}, as many as the model's templates")
        yield Need("method.has_void", not config.has_void, "False: its words have no row for void")

    @property
    def adds_up(self) -> bool:
        """True: its means are those of `ops.batch_parts`."""
        return True

    @property
    def reads(self) -> bool:
        """Whether the tower is a transformer, whose mask tokens read its last blocks."""
        return isinstance(self.towers.visual, VisionTransformer)

    @property
    def attends(self) -> bool:
        """Whether masks act as a bias of attention."""
        return self.reads or hasattr(self.towers.visual, "embed_masks")

    def encode(self, images: Float[Array, "b H W 3"], sizes: Int[Array, "b 2"]) -> Features:
        """Encodes images; of a transformer, the memories of the last blocks are kept."""
        pixels = self.normalise(images, sizes)
        if not self.reads:
            return self.towers.features(pixels, sizes)
        tower = self.towers.visual
        blocks = range(tower.layers - self.config.depth, tower.layers)
        tokens, memories = tower.run(pixels, remember=blocks)
        grid = (images.shape[1] // tower.patch, images.shape[2] // tower.patch)
        dense = tower.cells(tokens, grid)
        return Features(
            dense=dense,
            projected=self.towers.project(dense),
            whole=tower.embed_whole(tokens),
            cache=tuple(memories[index] for index in blocks),
            sizes=sizes,
        )

    # ---- masks -----------------------------------------------------------------------------

    def embed(self, features: Features, proposals: Proposals) -> Regions:
        """Embeds masks, some of each image at a time."""
        if self.is_initializing():
            return Regions(embeddings=self._embed_part(features, proposals.masks))
        method, variables = self.clone(parent=None), self.variables

        def embed(part: Array) -> Array:
            return call(method, variables, features, part, method="_embed_part")

        return Regions(embeddings=map_chunks(embed, proposals.masks, self.config.chunk, axis=1))

    def _embed_part(self, features: Features, masks: Array) -> Float[Array, "b q d"]:
        return self.embed_soft(features, self.soft_masks(features, masks))

    def soft_masks(
        self, features: Features, masks: Float[Array, "b q H W"] | Bool[Array, "b q H W"]
    ) -> Float[Array, "b q h w"]:
        """Brings masks to the grid as the original does: to the frame first, zero in the padding.

        Args:
            features: Say the grid and how much of the frame is picture.
            masks: Hard masks, or logits, of which the sigmoid is taken.
        """
        grid = map_size(features.dense)
        frame = (grid[0] * self.stride, grid[1] * self.stride)
        soft = masks.astype(jnp.float32) if masks.dtype == jnp.bool_ else jax.nn.sigmoid(masks)
        sizes = needed(features.sizes, "Features.sizes")
        height, width = jnp.moveaxis(sizes, -1, 0)[..., None, None, None]
        rows, columns = jnp.arange(frame[0])[:, None], jnp.arange(frame[1])
        picture = (rows < height) & (columns < width)
        return resize_masks(jnp.where(picture, resize_masks(soft, frame), 0.0), grid)

    def embed_soft(
        self, features: Features, masks: Float[Array, "b q h w"]
    ) -> Float[Array, "b q d"]:
        """Embeds soft masks given at the grid, 0 to 1; not of unit length."""
        tower, strengths = self.towers.visual, self.strengths()
        if self.reads:
            biases = [soft_mask_bias(masks, each) for each in strengths]
            embedded = read_mask_tokens(transformer(tower), features.cache, biases)
        elif self.attends:
            embedded = tower.pool(features.dense, soft_mask_bias(masks, strengths[0]))
        else:
            embedded = self.towers.project(average_under_masks(features.dense, masks, EPS))
        return embedded.astype(jnp.float32)

    def strengths(self) -> Float[Array, "blocks heads"]:
        """Returns the factors of masks in the logits of attention; none where masks average."""
        if not self.attends:
            return jnp.zeros((0, 0))
        if not self.config.strength:
            return jnp.exp(self.log_strength)
        shape = (self.config.depth if self.reads else 1, self.towers.visual.heads)
        return jnp.full(shape, self.config.strength)

    # ---- words -----------------------------------------------------------------------------

    def words(self, features: Features, text: Text) -> Float[Array, "*b s d"]:
        """Returns the rows as the PSM changes them; pseudo text differs from image to image."""
        return self.similarity.words(text.embeddings, lambda: self.seen_by_words(features))

    def seen_by_words(self, features: Features) -> Float[Array, "b n d"]:
        """Returns what pseudo text looks at."""
        if self.config.condition == "whole":
            return needed(features.whole, "Features.whole")[:, None]
        projected = needed(features.projected, "Features.projected")
        return projected.reshape(len(projected), -1, self.towers.embedding_dim)

    def score_regions(self, features: Features, regions: Regions, text: Text) -> Scores:
        """Compares every mask with every class through the PSM."""
        embeddings = needed(regions.embeddings, "Regions.embeddings")
        logits = self.aligned_logits(features, embeddings, text)
        return Scores(logits=logits, regions=regions)

    def aligned_logits(
        self, features: Features, embeddings: Float[Array, "b q d"], text: Text
    ) -> Float[Array, "b q k1"]:
        """Returns logits per class, the maximum over its synonyms; void is -inf."""
        vectors = self.similarity.masks(unit(embeddings))
        if self.similarity.warm:
            vectors = vectors * self.towers.temperature()
        logits = self.class_logits(vectors, self.words(features, text), text)
        return logits + self.similarity.offset()

    @property
    def similarity(self) -> Similarity:
        """The PSM, or the plain similarity where it serves training only.

        Parameters are made in any case.
        """
        return self.align if self.config.keep_psm or self.is_initializing() else self.plain

    # ---- training --------------------------------------------------------------------------

    def loss(
        self,
        batch: Batch,
        proposals: Proposals,
        text: Text,
        rng: Array,
        features: Features | None = None,
    ) -> tuple[Float[Array, ""], Metrics]:
        """The re-weighted loss of the configured prior's regions (docs/reference 2.6)."""
        region_rng, name_rng = jax.random.split(rng)
        features = self.encode_batch(batch, features)
        embeddings, labels = self.training_regions(batch, proposals, features, region_rng)
        text = self.current_text(text)
        if self.config.one_synonym:
            text = one_name_per_class(text, name_rng)
        logits = self.aligned_logits(features, embeddings, text)
        loss = reweighted_loss(
            logits,
            labels,
            kind=self.config.class_loss,
            reweight=self.config.reweight,
            temperature=self.config.loss_temperature,
        )
        return loss, {"loss": loss, "mask_accuracy": mask_accuracy(logits, labels)}

    def training_regions(
        self, batch: Batch, proposals: Proposals, features: Features, rng: Array
    ) -> tuple[Float[Array, "b p d"], Int[Array, "b p"]]:
        """Returns the embeddings and labels of what the prior shows."""
        config = self.config
        if config.prior == "pixels":
            projected = needed(features.projected, "Features.projected")
            labels = cell_labels(batch, map_size(projected))
            return projected.reshape(*labels.shape, -1), labels
        if config.prior == "generated":
            regions, labels = matched_proposals(batch, proposals, rng, config.num_truth)
        else:
            regions, labels = self.sample_truth(batch, rng)
            regions = filled_boxes(regions) if config.prior == "boxes" else regions
        soft = self.soft_masks(features, regions.masks)
        if config.ignore_empty:
            labels = jnp.where(soft.sum((2, 3)) > 0, labels, -1)
        return self.embed_soft(features, soft), labels


def one_name_per_class(text: Text, rng: Array) -> Text:
    """Keeps one synonym of every class, drawn uniformly; the others belong to no class."""
    slots = len(text.valid)
    draws = jax.random.uniform(rng, text.classes.shape)
    best = jax.ops.segment_max(draws, text.classes, num_segments=slots + 1)
    return text.replace(classes=jnp.where(draws == best[text.classes], text.classes, slots))
