"""Training of CLIP itself."""

from __future__ import annotations

from typing import Literal

from ovseg_jax.config.methods.shared import AnyMethodConfig
from ovseg_jax.config.schema import schema


@schema
class ContrastiveConfig(AnyMethodConfig):
    """Contrastive image-caption training of CLIP itself; evaluated by mask pooling.

    Attributes:
        crop_probability: Chance that an image is cut to a random rectangle.
        crop_pixels: Smallest and largest side of the rectangle; cut to the picture's size.
        objectives: What is compared with the captions; the losses are averaged. "cells" is the
            mean over the cells inside, "image" the tower's own embedding of the picture, which
            towers with a class token need as well.
        consistency: Weight of a loss that pulls the cells of the uncut picture, averaged over
            the rectangle, towards the embedding of the cut one. Attention lets cells name what
            stands elsewhere; this teaches them not to (CLIPSelf, arXiv 2310.01403, with the cut
            picture's cells as the teacher).
        consistency_loss: How far the two are apart: "cosine" as in CLIPSelf, or "contrast", by
            which the window must be told from the other cut pictures of the batch. Embeddings lie
            in a narrow cone, so cosines are near one whatever is named; contrast sees the rest.
    """

    module = "ovseg_jax.methods.contrastive:ContrastiveClip"
    kind: Literal["contrastive"] = "contrastive"
    crop_probability: float = 0.6
    crop_pixels: tuple[int, int] = (24, 88)
    objectives: tuple[Literal["cells", "image"], ...] = ("cells",)
    consistency: float = 0.0
    consistency_loss: Literal["cosine", "contrast"] = "cosine"
