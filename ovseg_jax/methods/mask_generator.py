"""The mask generator alone: its training, and its own names for its masks."""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ovseg_jax.config.methods.mask_generator import MaskGeneratorConfig
from ovseg_jax.foundation.errors import ModelError
from ovseg_jax.foundation.typing import Batch, Features, Proposals, Scores, Text
from ovseg_jax.losses.set_criterion import SetCriterion
from ovseg_jax.methods.method import Method, Metrics
from ovseg_jax.methods.needs import Need, generator_needs
from ovseg_jax.methods.set_loss import criterion_of


class MaskGenerator(Method):
    """Trains a generator by the set criterion; scores are what its class head says.

    Trained with a class head on words and CLIP frozen, this is FC-CLIP's training
    (docs/reference 5.5): the same parameters then serve mask pooling and the ensemble of both. With
    a linear head it is Mask2Former's or MaskFormer's, which know a fixed list of classes and need
    no CLIP.
    """

    config: MaskGeneratorConfig

    def needs(self, templates: int) -> Iterator[Need]:
        """Yields what must hold; CLIP is needed by what generators may read of it, not here."""
        yield Need("generator.kind", self.generator is not None, "'query': it is what is trained")
        yield from generator_needs(self.generator, self.clip.visual if self.clip else None)

    @property
    def adds_up(self) -> bool:
        """True: its means are those of `ops.batch_parts`."""
        return True

    @property
    def trains_unnamed(self) -> bool:
        """True: it learns to outline them, and that they are something."""
        return True

    @property
    def repeats_names(self) -> bool:
        """True: masks that have names keep them."""
        return True

    @property
    def reads_clip(self) -> bool:
        """Whether the generator stands on CLIP's trunk; if not, images never pass through CLIP."""
        generator = self.generator
        return self.clip is not None and generator is not None and generator.backbone is None

    @property
    def stride(self) -> int:
        """Pixels per cell of the coarsest map; sides of frames are multiples of it."""
        return self.towers.stride if self.reads_clip else 32

    def encode(self, images: Float[Array, "b H W 3"], sizes: Int[Array, "b 2"]) -> Features:
        """Computes CLIP's features where the generator reads them."""
        if self.reads_clip:
            return super().encode(images, sizes)
        return Features(dense=jnp.zeros((images.shape[0], 1, 1, 1)), sizes=sizes)

    def score(self, features: Features, proposals: Proposals, text: Text) -> Scores:
        """Returns the class head's own logits.

        Raises:
            ModelError: The masks do not come from the generator, so nothing names them.
        """
        if proposals.class_logits is None:
            raise ModelError(
                "masks without classes: this model names only its own generator's "
                "(masks.kind 'generator')"
            )
        return Scores(logits=proposals.class_logits)

    def loss(
        self,
        batch: Batch,
        proposals: Proposals,
        text: Text,
        rng: Array,
        features: Features | None = None,
    ) -> tuple[Float[Array, ""], Metrics]:
        """Matches the queries of every decoder layer with the truth and adds up the losses.

        Args:
            batch: Images with `segment_ids` and `labels`.
            proposals: Not used: the generator proposes here, layer by layer.
            text: The training vocabulary.
            rng: Key of this step.
            features: What `encode` gave for these images.
        """
        draw_key, loss_key = jax.random.split(rng)
        truth = self.draw_truth(batch, draw_key)
        features = self.encode_batch(batch, features)
        layers = self.propose_all(batch, features, self.current_text(text))
        loss, metrics = self.criterion()(layers, truth, loss_key)
        return loss, {"loss": loss, **metrics}

    def criterion(self) -> SetCriterion:
        """The loss with this method's weights."""
        return criterion_of(self.config)

    def __call__(self, batch: Batch, proposals: Proposals, text: Text, tokens: Array) -> Scores:
        """Touches every parameter once."""
        features = self.encode_batch(batch)
        own = self.propose(batch, features, text)
        if self.clip is not None:
            self.clip.encode_text(tokens)
            self.clip.encode_image(jnp.zeros((1, 64, 64, 3)))
        return self.score(features, own, text)
