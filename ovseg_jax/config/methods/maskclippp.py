"""MaskCLIP++."""

from __future__ import annotations

from typing import Literal

from ovseg_jax.config.methods.shared import LabelledConfig
from ovseg_jax.config.schema import schema


@schema
class MaskClipPlusPlusConfig(LabelledConfig):
    """MaskCLIP++ (arXiv 2412.11464): a tuned tower, compared through a PSM.

    Attributes:
        depth: Transformers: how many of the last blocks mask tokens pass through.
        strength: Factor of the mask in the attention's logits; 0 learns one per head (and block),
            starting at exp(-5).
        psm: How masks and words are compared; see `ovseg_jax.models.psm`.
        keep_psm: Whether the PSM is used when answering; without it cosines times temperature.
        condition: What pseudo text looks at: every cell, or the embedding of the whole image.
        num_templates: Prompt templates per name; the linear PSM needs those of the model.
        scaled: Whether the linear PSM reads cosines times temperature.
        prior: What is shown as a region while training.
        class_loss: Softmax or sigmoid.
        reweight: Whether every class of every image weighs the same in the loss.
        loss_temperature: Divides the logits in the loss.
        ignore_empty: Whether masks that vanish on the grid leave the loss.
        one_synonym: Whether each step compares with one name per class, drawn anew.
        chunk: Masks of each image read at once; bounds the memory.
    """

    module = "ovseg_jax.methods.maskclippp:MaskClipPlusPlus"
    kind: Literal["maskclippp"] = "maskclippp"
    num_truth: int = 64
    depth: int = 3
    strength: float = 0.0
    psm: Literal["none", "linear", "pseudo_text", "pseudo_only", "linear_mask", "linear_text"] = (
        "linear"
    )
    keep_psm: bool = True
    condition: Literal["cells", "whole"] = "cells"
    num_templates: int = 14
    scaled: bool = True
    prior: Literal["masks", "boxes", "generated", "pixels"] = "masks"
    class_loss: Literal["ce", "bce"] = "ce"
    reweight: bool = True
    loss_temperature: float = 1.0
    ignore_empty: bool = False
    one_synonym: bool = True
    chunk: int = 128
