"""OVSeg (arXiv 2210.04150): crops of masks through a CLIP that was taught to read them.

CLIP is adapted to masked crops by mask prompts, by tuning its image tower, or by both, on pairs of
a mask and a noun. Answers join the generator's opinion and CLIP's; see `inference.ensemble`.
Follows facebookresearch/ov-seg (docs/reference 3).
"""

from __future__ import annotations

from collections.abc import Iterator

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ovseg_jax.config.methods.ovseg import OVSegConfig
from ovseg_jax.foundation.errors import ModelError
from ovseg_jax.foundation.typing import Batch, Features, Proposals, Regions, Scores, Text, needed
from ovseg_jax.losses.classification import masked_cross_entropy
from ovseg_jax.methods.mask_cropping import MaskCropping
from ovseg_jax.methods.maskclippp import one_name_per_class
from ovseg_jax.methods.method import Metrics
from ovseg_jax.methods.needs import CLASS_TOKEN, Need, has_class_token
from ovseg_jax.models.clip.vit import VisionTransformer
from ovseg_jax.models.mask_prompts import DeepPrompts, MaskPrompts, kept_patches
from ovseg_jax.ops.text_rows import average_templates
from ovseg_jax.ops.vectors import unit

TEMPERATURE = 100.0
"""Factor on cosines when answering, whatever was learned."""


class OVSeg(MaskCropping):
    """Mask cropping with prompts in the patches that show nothing."""

    config: OVSegConfig

    def setup(self):
        """Declares the prompts.

        Raises:
            ModelError: Prompts are wanted in a tower that has no patches to put them in.
        """
        super().setup()
        config = self.config
        if config.prompts == "none":
            return
        tower = self.towers.visual
        if not isinstance(tower, VisionTransformer) or not tower.class_token:
            raise ModelError(
                f"prompts {config.prompts!r} need a transformer with a class token, not "
                f"{type(tower).__name__}; set method.prompts to 'none'"
            )
        if config.prompts == "vpt":
            self.prompt = DeepPrompts(config.prompt_depth, config.prompt_tokens, tower.width)
        else:
            cells = (config.crop_size // tower.patch) ** 2
            self.prompt = MaskPrompts(config.prompt_depth, cells, tower.width, tower.dtype)

    def needs(self, templates: int) -> Iterator[Need]:
        """Yields what must hold; prompts need a transformer, and patches to stand in."""
        config = self.config
        yield from super().needs(templates)
        if config.prompts == "none":
            return
        tower, mask = self.towers.visual, config.prompts == "mask"
        kind = f"'none' with {type(tower).__name__}; prompts go into {CLASS_TOKEN}"
        yield Need("method.prompts", has_class_token(tower), kind)
        turned = "'mask' or 'none': positions that turn tokens have no place for further ones"
        yield Need("method.prompts", mask or not tower.rotary_grid, turned)
        most = tower.layers + mask
        depths = f"1 to {most}: the tower has {tower.layers} blocks"
        yield Need("method.prompt_depth", 0 < config.prompt_depth <= most, depths)
        whole = not mask or config.crop_size % tower.patch == 0
        yield Need("method.crop_size", whole, f"whole patches: a multiple of {tower.patch}")

    @property
    def stride(self) -> int:
        """Sides of frames are multiples of this; crops have a size of their own."""
        return 32

    def embed_crops(
        self, crops: Float[Array, "n size size 3"], regions: Bool[Array, "n size size"]
    ) -> Float[Array, "n d"]:
        """Embeds crops, with prompts where they show nothing of their object."""
        if self.config.prompts == "none":
            return self.towers.encode_image(crops)
        tower, prompt = self.towers.visual, self.prompt
        if isinstance(prompt, DeepPrompts):
            tokens, _ = tower.run(crops, prompts=prompt(), class_only=True)
        else:
            edits = prompt(kept_patches(regions, tower.patch))
            tokens, _ = tower.run(crops, edits=edits, class_only=True)
        return tower.embed_whole(tokens)

    def score_regions(self, features: Features, regions: Regions, text: Text) -> Scores:
        """Compares crops with classes at a fixed temperature; void takes no part here.

        An empty mask has logits of zero throughout, by which the ensemble knows it.
        """
        vectors = unit(needed(regions.embeddings, "Regions.embeddings")) * TEMPERATURE
        logits = self.class_logits(vectors, self.words(features, text), text)
        return Scores(logits=logits.at[..., -1].set(-jnp.inf), regions=regions)

    def loss(
        self,
        batch: Batch,
        proposals: Proposals,
        text: Text,
        rng: Array,
        features: Features | None = None,
    ) -> tuple[Float[Array, ""], Metrics]:
        """CLIP's contrastive loss over the batch's masks and nouns (docs/reference 3.4)."""
        mask_rng, name_rng = jax.random.split(rng)
        truth, labels = self.sample_truth(batch, mask_rng)
        features = self.encode_batch(batch, features)
        embeddings = needed(self.embed(features, truth).embeddings, "Regions.embeddings")
        labels = jnp.where((embeddings != 0).any(-1), labels, -1).reshape(-1)
        nouns = noun_rows(one_name_per_class(self.current_text(text), name_rng), labels)
        images = unit(embeddings.reshape(len(labels), -1))
        logits = self.towers.temperature() * images @ nouns.T
        loss = paired_loss(logits, labels, ignore_duplicates=self.config.duplicates == "ignored")
        return loss, {"loss": loss, "mask_accuracy": pair_accuracy(logits, labels)}


def noun_rows(text: Text, labels: Int[Array, " n"]) -> Float[Array, "n d"]:
    """Returns the embedding of each label's name; of the first, where it has several."""
    rows = (text.classes == labels[:, None]).argmax(-1)
    return average_templates(text.embeddings)[rows]


def paired_loss(
    logits: Float[Array, "n n"], labels: Int[Array, " n"], *, ignore_duplicates: bool = False
) -> Float[Array, ""]:
    """Symmetric cross-entropy: image i belongs to noun i, and the other way round.

    Args:
        logits: Similarity times temperature of every image (rows) and noun (columns).
        labels: Class of each pair; pairs below zero take no part.
        ignore_duplicates: Whether equal nouns of other pairs leave the softmax; otherwise they
            are wrong answers, as in CLIP.
    """
    valid, own = labels >= 0, jnp.eye(len(labels), dtype=bool)
    blocked = ~valid[None]
    if ignore_duplicates:
        blocked = blocked | (labels[:, None] == labels) & ~own
    targets = jnp.where(valid, jnp.arange(len(labels)), -1)
    sides = (jnp.where(blocked & ~own, -jnp.inf, side) for side in (logits, logits.T))
    of_images, of_nouns = (masked_cross_entropy(side, targets) for side in sides)
    return (of_images + of_nouns) / 2


def pair_accuracy(logits: Float[Array, "n n"], labels: Int[Array, " n"]) -> Float[Array, ""]:
    """Returns the share of images whose best noun is their own class's."""
    valid = labels >= 0
    best = jnp.where(valid, logits, -jnp.inf).argmax(-1)
    return ((labels[best] == labels) & valid).sum() / jnp.maximum(valid.sum(), 1)
