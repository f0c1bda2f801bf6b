"""The nouns that flow through the pipeline, and the dimension letters used everywhere.

    Batch ─► Features ─► Proposals ─► Regions ─► Scores ─► Prediction

Layout is always channels last. Dimension letters, one meaning each:

    b  images in the batch        q  masks of one image           k  class slots (padded)
    H W  image pixels             n  ground-truth masks (padded)  s  synonym rows (padded)
    h w  feature cells            m  activation maps per mask     t  prompt templates
    c  trunk channels             d  joint image-text embedding   l  tokens of a text

Every struct is frozen and registered as a JAX tree, so it passes through `jit`, `vmap` and
`eval_shape`. Annotations inform the reader; they are not checked here, because JAX rebuilds
structs with leaves that are not arrays.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import Any, Self, TypeVar, dataclass_transform

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt8

from ovseg_jax.foundation.errors import ModelError

Params = dict[str, Any]
"""A nested dict of arrays; paths such as `clip/visual/stem/conv/kernel` name its leaves."""

_T = TypeVar("_T")


class Struct:
    """What every struct can do."""

    def replace(self, **changes: Any) -> Self:
        """Returns a copy with some fields changed."""
        return dataclasses.replace(self, **changes)  # type: ignore[type-var]


def needed(value: _T | None, name: str) -> _T:
    """Returns a field of a struct that may be None in general, but not here.

    Args:
        value: Of the field.
        name: Of the field, such as "Batch.labels".

    Raises:
        ModelError: It is None; names it.
    """
    if value is None:
        raise ModelError(f"{name} is needed here, and nobody has filled it in")
    return value


@dataclass_transform(frozen_default=True, kw_only_default=True)
def struct(cls: type[_T]) -> type[_T]:
    """Makes `cls` a frozen keyword-only dataclass and a JAX tree of its fields."""
    return jax.tree_util.register_dataclass(dataclasses.dataclass(frozen=True, kw_only=True)(cls))


UNNAMED = -2
"""The label of a segment without a name: only what learns to find masks reads it."""


@struct
class Batch(Struct):
    """What the input pipeline hands to the device.

    Ids travel instead of masks: `ovseg_jax.ops.masks.of_ids` expands `segment_ids` on the device.

    Attributes:
        images: Pixels in RGB, 0 to 255, not normalised.
        sizes: Height and width of the part of each image that is picture, not padding, in pixels.
        segment_ids: 0 for void, i for the i-th segment of the image.
        labels: Class of each segment (entry i - 1 for id i); `UNNAMED` for a segment that is only
            outlined; -1 fills unused slots.
        crowds: Whether a segment is a crowd of uncounted objects; None for none.
        captions: Token ids of one caption per image.
        valid: False for images that only fill up a batch.
    """

    images: UInt8[Array, "b H W 3"]
    sizes: Int[Array, "b 2"]
    segment_ids: Int[Array, "b H W"] | None = None
    labels: Int[Array, "b n"] | None = None
    crowds: Bool[Array, "b n"] | None = None
    captions: Int[Array, "b l"] | None = None
    valid: Bool[Array, " b"] | None = None

    @property
    def truth(self) -> tuple[Int[Array, "b H W"], Int[Array, "b n"]]:
        """The `segment_ids` and `labels` that masks are taken from; crowds are void.

        Raises:
            ModelError: One of them is missing.
        """
        ids, labels = (
            needed(self.segment_ids, "Batch.segment_ids"),
            needed(self.labels, "Batch.labels"),
        )
        return ids, labels if self.crowds is None else jnp.where(self.crowds, -1, labels)


@struct
class Features(Struct):
    """What an image alone says, free of masks and of words: computed once, then cached.

    Attributes:
        dense: Last trunk map before the head; this is what is pooled.
        projected: The trunk map taken through norm and projection cell by cell, so that each
            cell lies in the joint space; None where a method does not need it.
        whole: Embedding of the whole image, not of unit length.
        pyramid: Trunk maps at strides 4 to 32 by name ("res2" to "res5"), for generators; empty
            for plain transformers.
        images: Normalised pixels, kept by methods that crop.
        cache: Whatever else one method needs, such as keys and values of blocks.
        sizes: Height and width in pixels of the picture inside the padded frame.
    """

    dense: Float[Array, "b h w c"]
    projected: Float[Array, "b h w d"] | None = None
    whole: Float[Array, "b d"] | None = None
    pyramid: dict[str, Float[Array, "b _h _w _c"]] | None = None
    images: Float[Array, "b H W 3"] | None = None
    cache: Any = None
    sizes: Int[Array, "b 2"] | None = None


@struct
class Memory(Struct):
    """What one transformer block knows about the tokens that passed through it.

    Tokens that the image does not see (masks, classes) can be run later from these alone.

    Attributes:
        tokens: As they entered the block.
        normed: After the block's first norm.
        keys: Per head, turned by position where the tower does so.
        values: Per head.
    """

    tokens: Float[Array, "b l c"]
    normed: Float[Array, "b l c"]
    keys: Float[Array, "b l h d"]
    values: Float[Array, "b l h d"]


@struct
class PixelFeatures(Struct):
    """What a pixel decoder makes of a pyramid, for the queries to look at.

    Attributes:
        masks: Map whose product with a query's mask embedding is its mask, at stride 4.
        levels: Maps that queries attend to, coarsest first.
    """

    masks: Float[Array, "b h w d"]
    levels: tuple[Float[Array, "b _h _w c"], ...]


class Opinion(enum.Enum):
    """What the source of some masks has to say about their classes."""

    NOTHING = "nothing"
    """It only draws: ground truth, files, SAM."""
    NO_OBJECT = "no object"
    """It names classes of a list of its own, or names that are not wanted: of all that, only how
    likely each mask is none counts."""
    NAMES = "names"
    """It names the words that were asked for, and that counts."""


@struct
class Proposals(Struct):
    """Candidate masks of one batch, before any open-vocabulary decision.

    Attributes:
        masks: In the frame of the padded image, at any resolution. Boolean arrays are hard
            masks; floating arrays are logits, positive inside.
        valid: False for slots that hold no mask.
        class_logits: Logits of the source's classifier, last column "no object"; None where it has
            none, or names masks by words and has not met them yet.
        class_embeddings: For generators that name masks by words: what is multiplied with rows of
            text, of unit length times the generator's own temperature; None otherwise.
        opinion: How much of `class_logits` counts.
        quality: How good the source believes each mask to be, 0 to 1; None where it does not say.
        says_no_object: Whether the last column of `class_logits` says anything; where words name
            masks without a void row it is -inf.
    """

    masks: Float[Array, "b q _H _W"] | Bool[Array, "b q _H _W"]
    valid: Bool[Array, "b q"]
    class_logits: Float[Array, "b q k1"] | None = None
    class_embeddings: Float[Array, "b q d"] | None = None
    quality: Float[Array, "b q"] | None = None
    opinion: Opinion = dataclasses.field(default=Opinion.NOTHING, metadata={"static": True})
    says_no_object: bool = dataclasses.field(default=True, metadata={"static": True})


@struct
class Text(Struct):
    """A vocabulary as embeddings, padded to a bucket so that another one compiles nothing.

    Attributes:
        embeddings: One row per synonym and template, each of unit length; zeros in padding.
        classes: Class slot of each synonym row; padding rows point at slot k and are dropped.
        valid: Class slots that hold a class.
        seen: Class slots that share a name with the training vocabulary.
        tokens: Token ids behind the embeddings, for methods that train the text tower.
    """

    embeddings: Float[Array, "s t d"]
    classes: Int[Array, " s"]
    valid: Bool[Array, " k"]
    seen: Bool[Array, " k"]
    tokens: Int[Array, "s t l"] | None = None


@struct
class Regions(Struct):
    """What is known about each mask before words count: the arrow in which the methods differ.

    Attributes:
        embeddings: In the joint space, not normalised; None where words have a part in them.
        maps: Activation map logits that weighted the features; None where a method has none.
        masks: As the method refined them without words; None where it leaves them alone.
        cache: Whatever else one method needs to go on.
    """

    embeddings: Float[Array, "b q d"] | None = None
    maps: Float[Array, "b q m h w"] | None = None
    masks: Float[Array, "b q _H _W"] | None = None
    cache: Any = None


@struct
class Scores(Struct):
    """How well each mask fits each class.

    Attributes:
        logits: Last column "void" (none of the classes); -inf in empty class slots.
        masks: Masks that the method refined; None where it leaves them alone.
        regions: The embeddings behind the logits; None for methods that never form them.
    """

    logits: Float[Array, "b q k1"]
    masks: Float[Array, "b q _H _W"] | None = None
    regions: Regions | None = None


@struct
class Prediction(Struct):
    """The answer for one image, at its original size and on the host.

    Attributes:
        labels: Class of every pixel; -1 where nothing is claimed.
        segment_ids: 0 where nothing is claimed, i for the i-th segment.
        classes: Class of each segment.
        scores: Probability of each segment's class, 0 to 1.
        masks: One hard mask per segment; instances may overlap.
    """

    labels: Int[np.ndarray, "H W"]
    segment_ids: Int[np.ndarray, "H W"]
    classes: Int[np.ndarray, " q"]
    scores: Float[np.ndarray, " q"]
    masks: Bool[np.ndarray, "q H W"]
