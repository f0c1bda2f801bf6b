"""The contract that every method satisfies, and what all of them share.

Masks and words enter at different depths in different papers, so the contract does not assume
"embed the mask, then compare with text". Two functions cover all of them:

* `encode(images, sizes) -> Features` sees neither masks nor words. It runs once per image.
* `score(features, proposals, text) -> Scores` does the rest. `Text` keeps its template axis and
  the validity of its padding.

Between the two stands `propose`, where the model has a mask generator of its own; it may read the
same features (FC-CLIP), and names its masks by the same words.

`embed`, `words` and `score_regions` are the common way to write `score`, each open to be replaced
alone. Where `score` itself is not replaced, masks are embedded before words are read, and inference
keeps the embeddings of a photo's masks for the next vocabulary:

| method | replaces |
|---|---|
| mask pooling, Mask-Adapter | `embed` |
| cropping | `encode` (keeps the pixels), `embed` |
| OVSeg | as cropping; `score_regions`: its temperature; `loss` |
| MAFT+ | `words`: the rows depend on the image |
| MaskCLIP++ | `embed`, and `score_regions`, where it aligns per template; `loss` |
| FISA | `embed`: refines masks; `score_regions`: words enter between the blocks; `loss` |

Training adds `loss`, and `needs` says which towers and generators a method can work with. Every
function reads its parameters only; stochastic layers act where the caller of `apply` hands them an
rng stream of their name.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ovseg_jax.config.methods.shared import LabelledConfig
from ovseg_jax.foundation.errors import ModelError
from ovseg_jax.foundation.typing import (
    UNNAMED,
    Batch,
    Features,
    Opinion,
    Proposals,
    Regions,
    Scores,
    Text,
    needed,
)
from ovseg_jax.losses.classification import masked_cross_entropy
from ovseg_jax.losses.set_criterion import TrueSegments
from ovseg_jax.methods.needs import Need, generator_needs
from ovseg_jax.models.clip.clip import Clip
from ovseg_jax.ops.batch_parts import over_batch
from ovseg_jax.ops.images.normalise import normalise
from ovseg_jax.ops.masks.of_ids import NO_ID, ids_present, masks_of_ids, sample_slots
from ovseg_jax.ops.text_rows import average_templates, synonym_max
from ovseg_jax.ops.vectors import unit

Metrics = dict[str, Array]


class Method(nn.Module):
    """Base class: a CLIP model, and scoring by text.

    Attributes:
        clip: The image and text towers; None in a generator that names a fixed list. Methods read
            it as `towers`.
        config: The method's settings; a subclass names its own dataclass here.
        generator: Mask generator of the model, such as
            `ovseg_jax.models.generators.generator.QueryGenerator`; None where masks are given.
    """

    clip: Clip | None
    config: LabelledConfig
    generator: nn.Module | None = None

    def setup(self):
        """Declares the void row; subclasses that declare more call this first."""
        if self.config.has_void and self.clip is not None:
            normal = nn.initializers.normal(1.0)  # torch's default for an embedding
            self.void_embedding = self.param("void_embedding", normal, (1, self.clip.embedding_dim))

    @property
    def towers(self) -> Clip:
        """The CLIP model of a method that cannot do without.

        Raises:
            ModelError: It has none.
        """
        return needed(self.clip, "Method.clip")

    @property
    def stride(self) -> int:
        """Pixels per cell; sides of frames are multiples of it."""
        return 32 if self.clip is None else self.clip.stride

    @property
    def copies(self) -> Mapping[str, str]:
        """Parameters that start as a copy of others, path for path: copy to original.

        A source of initial values need not hold them.
        """
        return {}

    @property
    def makes_masks(self) -> bool:
        """Whether `propose` works: masks need not be given."""
        return self.generator is not None

    @property
    def adds_up(self) -> bool:
        """Whether loss and metrics of a batch are the sums of those of its parts.

        They are where every mean is taken by `ops.batch_parts`, and no image is compared with
        another one. A method with a `loss` of its own says so itself.
        """
        return type(self).loss is Method.loss

    @property
    def shares_masks(self) -> bool:
        """Whether devices can share the masks of the same pictures out (`mesh.masks`)."""
        return False

    @property
    def trains_unnamed(self) -> bool:
        """Whether `loss` learns of segments without a name (`data.others`), as masks."""
        return False

    @property
    def repeats_names(self) -> bool:
        """Whether `score` repeats the names that masks came with, and has no opinion of its own."""
        return False

    @property
    def proposes_first(self) -> bool:
        """Whether `propose` is `make_masks` and `name_masks`: masks do not depend on words."""
        return type(self).propose is Method.propose

    @property
    def embeds_first(self) -> bool:
        """Whether `score` is `embed` and `score_regions`: masks are embedded before words count."""
        return type(self).score is Method.score

    def needs(self, templates: int) -> Iterator[Need]:
        """Yields what must hold for the parts to fit; `loading.build.method` stops at the first.

        A method with needs of its own yields these, then its own.

        Args:
            templates: Prompt templates per name in the model's vocabulary.
        """
        yield Need("clip.variant", self.clip is not None, "a CLIP model")
        yield from generator_needs(self.generator, self.towers.visual)

    # ---- the contract --------------------------------------------------------------------

    def encode(self, images: Float[Array, "b H W 3"], sizes: Int[Array, "b 2"]) -> Features:
        """Computes what depends on the image alone.

        Args:
            images: RGB, 0 to 255, padded right and below.
            sizes: Height and width of the picture inside the frame.
        """
        return self.towers.features(self.normalise(images, sizes), sizes)

    def propose(self, batch: Batch, features: Features, text: Text) -> Proposals:
        """Proposes masks by the model's own generator.

        Args:
            batch: Images, 0 to 255, and their sizes.
            features: What `encode` gave for them.
            text: The vocabulary, for generators that name their masks by words.

        Raises:
            ModelError: The model has no generator.
        """
        (last,) = self.name_masks(features, [self.make_masks(batch, features)], text)
        return last

    def propose_all(self, batch: Batch, features: Features, text: Text) -> list[Proposals]:
        """As `propose`, with the answers of the generator's earlier layers before the last."""
        return self.name_masks(features, self._generated(batch, features, all_layers=True), text)

    def make_masks(self, batch: Batch, features: Features) -> Proposals:
        """Runs the generator on a picture: all of `propose` that does not depend on words."""
        return self._generated(batch, features, all_layers=False)[-1]

    def name_masks(
        self, features: Features, layers: list[Proposals], text: Text
    ) -> list[Proposals]:
        """Gives masks of the generator its names for them, where it goes by words."""
        if layers[-1].class_embeddings is None:
            return layers
        rows = self.proposal_words(features, text)
        vectors = [needed(each.class_embeddings, "Proposals.class_embeddings") for each in layers]
        logits = [self.class_logits(each, rows, text) for each in vectors]
        said = {"opinion": Opinion.NAMES, "says_no_object": self.config.has_void}
        return [
            layer.replace(class_logits=names, **said)
            for layer, names in zip(layers, logits, strict=True)
        ]

    def _generated(self, batch: Batch, features: Features, *, all_layers: bool) -> list[Proposals]:
        if self.generator is None:
            raise ModelError("this model has no mask generator of its own; give masks")
        images = batch.images.astype(jnp.float32)
        return self.generator(images, batch.sizes, features.pyramid, all_layers=all_layers)

    def embed(self, features: Features, proposals: Proposals) -> Regions:
        """Computes one embedding per mask, from features and `proposals.masks` alone.

        Subclasses implement this or override `score`.
        """
        raise NotImplementedError(f"{type(self).__name__} defines neither embed nor score")

    def words(self, features: Features, text: Text) -> Float[Array, "*b s1 d"]:
        """Returns the rows that embeddings are compared with: synonyms, and void last if any.

        Here they are the vocabulary's and the same for all images. A method that lets the image
        change the words returns rows per image.
        """
        return self.text_rows(text)

    def proposal_words(self, features: Features, text: Text) -> Float[Array, "*b s1 d"]:
        """Returns the rows by which the generator names its masks: the same."""
        return self.words(features, text)

    def score(self, features: Features, proposals: Proposals, text: Text) -> Scores:
        """Embeds every mask and compares it with every class."""
        return self.score_regions(features, self.embed(features, proposals), text)

    def score_regions(self, features: Features, regions: Regions, text: Text) -> Scores:
        """Compares embedded masks with every class: cosine, temperature, best synonym."""
        embeddings = needed(regions.embeddings, "Regions.embeddings")
        logits = self.compare(embeddings, self.words(features, text), text)
        return Scores(logits=logits, regions=regions)

    def loss(
        self,
        batch: Batch,
        proposals: Proposals,
        text: Text,
        rng: Array,
        features: Features | None = None,
    ) -> tuple[Float[Array, ""], Metrics]:
        """Cross-entropy of ground-truth masks; methods with another objective override this.

        Args:
            batch: Images with `segment_ids` and `labels`.
            proposals: Masks of the configured source; unused here.
            text: The training vocabulary.
            rng: Key of this step.
            features: What `encode` gave for these images, if the mask source needed it already.

        Returns:
            The loss, and scalars to report.
        """
        truth, labels = self.sample_truth(batch, rng)
        features = self.encode_batch(batch, features)
        logits = self.score(features, truth, self.current_text(text)).logits
        loss = masked_cross_entropy(logits, labels)
        return loss, {"loss": loss, "mask_accuracy": mask_accuracy(logits, labels)}

    def __call__(
        self, batch: Batch, proposals: Proposals, text: Text, tokens: Int[Array, "r l"]
    ) -> Any:
        """Touches every parameter once; used to initialise and to evaluate shapes."""
        features = self.encode_batch(batch)
        if self.generator is not None:
            self.propose(batch, features, text)
        return self.score(features, proposals, text), self.towers.encode_text(tokens)

    # ---- shared pieces: images ------------------------------------------------------------

    def encode_batch(self, batch: Batch, features: Features | None = None) -> Features:
        """Encodes the images of a batch, unless that has been done."""
        if features is not None:
            return features
        return self.encode(batch.images.astype(jnp.float32), batch.sizes)

    def normalise(
        self, images: Float[Array, "b H W 3"], sizes: Int[Array, "b 2"]
    ) -> Float[Array, "b H W 3"]:
        """Normalises pixels as CLIP's towers were trained; padding becomes the mean colour."""
        return normalise(images, sizes, self.towers.pixel_mean, self.towers.pixel_std)

    # ---- shared pieces: words -------------------------------------------------------------

    def text_rows(self, text: Text) -> Float[Array, "s1 d"]:
        """Averages the templates of every synonym and appends the learned void row, if any."""
        rows = average_templates(text.embeddings)
        return jnp.concatenate([rows, unit(self.void_embedding)]) if self.config.has_void else rows

    def compare(
        self,
        embeddings: Float[Array, "b q d"],
        rows: Float[Array, "s1 d"] | Float[Array, "b s1 d"],
        text: Text,
    ) -> Float[Array, "b q k1"]:
        """Returns logits per class, the maximum over its synonyms, with void last.

        Matches `get_classification_logits` of bytedance/fc-clip. The rows are taken as they are:
        those of MAFT+ are not of unit length.

        Args:
            embeddings: One vector per mask, of any length.
            rows: What `words` returned.
            text: Says which row belongs to which class.
        """
        vectors = unit(embeddings).astype(jnp.float32) * self.towers.temperature()
        return self.class_logits(vectors, rows, text)

    def class_logits(
        self,
        vectors: Float[Array, "b q d"],
        rows: Float[Array, "s1 d"] | Float[Array, "b s1 d"],
        text: Text,
    ) -> Float[Array, "b q k1"]:
        """Returns products with the rows per class, as `compare` does, of vectors as they are."""
        axes = "bqd,bsd->bqs" if rows.ndim == 3 else "bqd,sd->bqs"
        similarity = jnp.einsum(axes, vectors, rows)
        synonyms = text.classes.shape[0]
        void = similarity[..., synonyms:]
        if not self.config.has_void:
            void = jnp.full((*similarity.shape[:-1], 1), -jnp.inf, similarity.dtype)
        return jnp.concatenate([synonym_max(similarity[..., :synonyms], text), void], axis=-1)

    def current_text(self, text: Text) -> Text:
        """Embeds the vocabulary with the present text tower if that tower is in training."""
        if not self.config.tune_text:
            return text
        if text.tokens is None:
            raise ModelError("tune_text needs Text.tokens: build the text bank with keep_tokens")
        rows, templates, length = text.tokens.shape
        embedded = unit(self.towers.encode_text(text.tokens.reshape(-1, length)))
        return text.replace(embeddings=embedded.reshape(rows, templates, -1))

    # ---- shared pieces: ground truth ------------------------------------------------------

    def draw_truth(self, batch: Batch, rng: Array) -> TrueSegments:
        """Draws up to `num_truth` segments per image that have pixels and a name, if it must."""
        segment_ids, labels = batch.truth
        usable = (labels >= 0) | ((labels == UNNAMED) & self.trains_unnamed)
        present = ids_present(segment_ids, labels.shape[1]) & usable
        slots, valid = sample_slots(rng, present, self.config.num_truth)
        drawn = jnp.take_along_axis(labels, slots, axis=1)
        return TrueSegments(
            segment_ids=segment_ids,
            ids=jnp.where(valid, slots + 1, NO_ID),
            labels=jnp.where(valid, drawn, -1),
        )

    def sample_truth(self, batch: Batch, rng: Array) -> tuple[Proposals, Int[Array, "b n"]]:
        """Draws segments as `draw_truth` does and expands them to hard masks."""
        truth = self.draw_truth(batch, rng)
        masks = masks_of_ids(truth.segment_ids, truth.ids)
        return Proposals(masks=masks, valid=truth.ids != NO_ID), truth.labels


def mask_accuracy(logits: Float[Array, "b q k1"], labels: Int[Array, "b q"]) -> Float[Array, ""]:
    """Returns the fraction of labelled masks (label >= 0) whose best class is their own."""
    labelled = labels >= 0
    right = (logits[..., :-1].argmax(-1) == labels) & labelled
    return right.sum() / jnp.maximum(over_batch(labelled.sum()), 1)
