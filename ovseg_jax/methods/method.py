"""The contract that every method satisfies, and what all of them share.

Masks and words enter at different depths in different papers, so the contract does not assume
"embed the mask, then compare with text". Two functions cover all of them:

* `encode(images, sizes) -> Features` sees neither masks nor words. It runs once per image.
* `score(features, proposals, text) -> Scores` does the rest. `Text` keeps its template axis and
  the validity of its padding.

`embed` is the common way to write `score`; a method that mixes text in earlier overrides `score`
itself (MaskCLIP++'s alignment, FISA's class tokens, MAFT+'s transferred text). Training uses the
same two functions and adds `loss`.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ovseg_jax.losses.classification import masked_cross_entropy
from ovseg_jax.ops.masks import masks_from_ids, sample_slots
from ovseg_jax.typing import Batch, Features, Proposals, Regions, Scores, Text

Metrics = dict[str, Array]


class Method(nn.Module):
    """Base class: a CLIP model, and pooling-independent scoring by text.

    Attributes:
        clip: The image and text towers (`ovseg_jax.models.clip.clip.Clip`).
        has_void: Whether the method learns a "none of these" text row (`void_embedding`,
            FC-CLIP 0.6); without it the void column is -inf.
        tune_text: Whether the vocabulary is embedded anew in each training step, because the
            text tower is being trained.
        num_truth: Ground-truth masks that enter the loss per image; more are sampled down.
    """

    clip: nn.Module
    has_void: bool = False
    tune_text: bool = False
    num_truth: int = 32

    def setup(self):
        if self.has_void:
            width = self.clip.embedding_dim
            self.void_embedding = self.param(
                "void_embedding", nn.initializers.normal(1.0), (1, width)
            )

    def encode(self, images: Float[Array, "b H W 3"], sizes: Int[Array, "b 2"]) -> Features:
        """Computes what depends on the image alone.

        Args:
            images: RGB, 0 to 255, padded right and below.
            sizes: Height and width of the picture inside the frame.
        """
        return self.clip.features(self.normalise(images, sizes), sizes)

    def embed(self, features: Features, proposals: Proposals) -> Regions:
        """Computes one embedding per mask. Subclasses implement this or override `score`."""
        raise NotImplementedError(f"{type(self).__name__} defines neither embed nor score")

    def score(self, features: Features, proposals: Proposals, text: Text) -> Scores:
        """Compares every mask with every class (FC-CLIP 0.6: cosine, temperature, synonym max)."""
        regions = self.embed(features, proposals)
        return Scores(logits=self.classify(regions.embeddings, text), regions=regions)

    def loss(
        self, batch: Batch, proposals: Proposals, text: Text, rng: Array
    ) -> tuple[Float[Array, ""], Metrics]:
        """Cross-entropy of ground-truth masks; methods with another objective override this.

        Args:
            batch: Images with `segment_ids` and `labels`.
            proposals: Masks of the configured source; unused here.
            text: The training vocabulary.
            rng: Key of this step.
        """
        truth, labels = self.sample_truth(batch, rng)
        features = self.encode(batch.images.astype(jnp.float32), batch.sizes)
        logits = self.score(features, truth, self.current_text(text)).logits
        loss = masked_cross_entropy(logits, labels)
        return loss, {"loss": loss, "mask_accuracy": mask_accuracy(logits, labels)}

    def __call__(
        self,
        batch: Batch,
        proposals: Proposals,
        text: Text,
        tokens: Int[Array, "r l"],
    ) -> Any:
        """Touches every parameter once; used to initialise and to evaluate shapes."""
        features = self.encode(batch.images.astype(jnp.float32), batch.sizes)
        return self.score(features, proposals, text), self.clip.encode_text(tokens)

    # ---- shared pieces -------------------------------------------------------------------

    def normalise(
        self, images: Float[Array, "b H W 3"], sizes: Int[Array, "b 2"]
    ) -> Float[Array, "b H W 3"]:
        """Normalises pixels, then sets the padding to zero, which is the mean colour."""
        mean, std = jnp.asarray(self.clip.pixel_mean), jnp.asarray(self.clip.pixel_std)
        rows = jnp.arange(images.shape[1])[None, :, None] < sizes[:, 0, None, None]
        columns = jnp.arange(images.shape[2])[None, None, :] < sizes[:, 1, None, None]
        inside = (rows & columns)[..., None]
        return jnp.where(inside, (images - mean) / std, 0.0)

    def classify(
        self, embeddings: Float[Array, "b q d"], text: Text
    ) -> Float[Array, "b q k1"]:
        """Returns logits per class, the maximum over its synonyms, with void last.

        Matches `get_classification_logits` of bytedance/fc-clip.
        """
        unit = embeddings / (jnp.linalg.norm(embeddings, axis=-1, keepdims=True) + 1e-12)
        rows = unit @ average_templates(text.embeddings).T * self.clip.temperature()
        return jnp.concatenate([synonym_max(rows, text), self.void_logits(unit)], axis=-1)

    def void_logits(self, unit: Float[Array, "b q d"]) -> Float[Array, "b q 1"]:
        """Returns the last column: similarity to the learned void row, or -inf without one."""
        if not self.has_void:
            return jnp.full((*unit.shape[:-1], 1), -jnp.inf, unit.dtype)
        void = self.void_embedding / jnp.linalg.norm(self.void_embedding, axis=-1, keepdims=True)
        return unit @ void.T * self.clip.temperature()

    def current_text(self, text: Text) -> Text:
        """Embeds the vocabulary with the present text tower if that tower is in training."""
        if not self.tune_text:
            return text
        if text.tokens is None:
            raise ValueError("tune_text needs Text.tokens: build the text bank with keep_tokens")
        rows, templates, length = text.tokens.shape
        embedded = self.clip.encode_text(text.tokens.reshape(-1, length))
        embedded = embedded / (jnp.linalg.norm(embedded, axis=-1, keepdims=True) + 1e-12)
        return text.replace(embeddings=embedded.reshape(rows, templates, -1))

    def sample_truth(self, batch: Batch, rng: Array) -> tuple[Proposals, Int[Array, "b n"]]:
        """Draws up to `num_truth` non-empty ground-truth masks per image, with their labels."""
        masks = masks_from_ids(batch.segment_ids, batch.labels.shape[1])
        present = masks.any((-2, -1)) & (batch.labels >= 0)
        slots, valid = sample_slots(rng, present, self.num_truth)
        labels = jnp.where(valid, jnp.take_along_axis(batch.labels, slots, axis=1), -1)
        picked = jnp.take_along_axis(masks, slots[..., None, None], axis=1)
        return Proposals(masks=picked & valid[..., None, None], valid=valid), labels


def average_templates(embeddings: Float[Array, "s t d"]) -> Float[Array, "s d"]:
    """Means unit template embeddings and normalises again; zero rows stay zero (systems 0.5)."""
    mean = embeddings.mean(axis=1)
    return mean / jnp.maximum(jnp.linalg.norm(mean, axis=-1, keepdims=True), 1e-12)


def synonym_max(rows: Float[Array, "b q s"], text: Text) -> Float[Array, "b q k"]:
    """Takes each class's best synonym; empty class slots get -inf."""
    slots = text.valid.shape[0]
    best = jax.ops.segment_max(jnp.moveaxis(rows, -1, 0), text.classes, num_segments=slots + 1)
    return jnp.where(text.valid, jnp.moveaxis(best[:slots], 0, -1), -jnp.inf)


def mask_accuracy(logits: Float[Array, "b q k1"], labels: Int[Array, "b q"]) -> Float[Array, ""]:
    """Returns the fraction of labelled masks (label >= 0) whose best class is their own."""
    labelled = labels >= 0
    right = (logits[..., :-1].argmax(-1) == labels) & labelled
    return right.sum() / jnp.maximum(labelled.sum(), 1)
