"""Settings that several methods have, each said once."""

from __future__ import annotations

from typing import Literal, Self

from ovseg_jax.config.schema import schema


@schema
class AnyMethodConfig:
    """Every method's settings; beside them stands `module`, its class as "package.module:Class".

    Attributes:
        kind: The method's name in files and messages.
        has_void: Whether the method learns a "none of these" text row (`void_embedding`,
            docs/reference 0.8); without it nothing is ever void.
    """

    kind: str
    has_void: bool = False

    @property
    def answering(self) -> Self:
        """The settings without what only training needs."""
        return self


@schema
class LabelledConfig(AnyMethodConfig):
    """Those of a method that learns from masks with labels.

    Attributes:
        tune_text: Whether the vocabulary is embedded anew in each training step, because the text
            tower is being trained.
        num_truth: Ground-truth masks that enter the loss per image; more are sampled down.
    """

    tune_text: bool = False
    num_truth: int = 32


@schema
class PairLossConfig:
    """Matching of answers and truth, and the losses of the pairs; the defaults are Mask2Former's.

    Attributes:
        class_weight: Weight of the cross-entropy, in the matching and in the loss.
        mask_weight: Likewise of the loss per point or pixel of a mask.
        dice_weight: Likewise of the dice loss.
        num_points: Points at which masks are compared; 0 for every pixel (MaskFormer).
    """

    class_weight: float = 2.0
    mask_weight: float = 5.0
    dice_weight: float = 5.0
    num_points: int = 12544


@schema
class SetLossConfig(PairLossConfig):
    """The whole of `ovseg_jax.losses.set_criterion.SetCriterion`.

    Attributes:
        no_object_weight: Weight of unmatched queries in the cross-entropy.
        mask_loss: Binary cross-entropy (Mask2Former) or focal loss (MaskFormer, OVSeg).
        oversample: Candidates per point, of which the least certain are taken.
        importance: Share of the points that are taken so.
    """

    no_object_weight: float = 0.1
    mask_loss: Literal["bce", "focal"] = "bce"
    oversample: float = 3.0
    importance: float = 0.75
