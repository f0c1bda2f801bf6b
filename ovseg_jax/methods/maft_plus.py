"""MAFT+ (arXiv 2408.00744), and Mask-Adapter on top of it: words that depend on the image."""

from collections.abc import Iterator

from jaxtyping import Array, Float, Int

from ovseg_jax.config.methods.maft_plus import (
    MaftPlusConfig,
    MaskAdapterOnMaftConfig,
    TransferConfig,
)
from ovseg_jax.methods.mask_adapter import MaskAdapter
from ovseg_jax.methods.mask_pooling import MaskPooling
from ovseg_jax.methods.method import Method
from ovseg_jax.methods.needs import Need
from ovseg_jax.models.content_transfer import ContentTransfer, scrambled
from ovseg_jax.typing import Features, Text, needed


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


class MaskAdapterOnMaft(TransferredWords, MaskAdapter):
    """Mask-Adapter on MAFT+: the adapter reads the scrambled map (docs/reference 1.2, 1.6).

    Matches `MAFT_Plus` of hustvl/MaskAdapter.
    """

    config: MaskAdapterOnMaftConfig
