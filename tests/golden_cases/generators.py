"""Golden cases of mask generators with a fixed list of classes: Mask2Former and MaskFormer."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from ovseg_jax import build
from ovseg_jax.convert.generators import convert_closed_generator
from ovseg_jax.inference.frame import Frame
from ovseg_jax.inference.panoptic import PanopticRules
from ovseg_jax.inference.semantic import semantic_scores
from ovseg_jax.typing import Batch, Proposals

from . import Case, NotSupported, Outputs, runner
from .fcclip import three_tasks
from .thresholds import decisively

AUXILIARY = 2
"""Number of the auxiliary answer that the cases store."""


@runner("mask2former", "mask2former_full")
def run_mask2former(case: Case) -> Outputs:
    """The whole model; answers of Mask2Former count the untouched queries as the first."""
    return run_whole(case, overlap_inside=True)


@runner("maskformer", "maskformer_full")
def run_maskformer(case: Case) -> Outputs:
    """The whole model; its panoptic answer keeps pixels that the winner itself is not sure of."""
    return run_whole(case, overlap_inside=False)


def run_whole(case: Case, overlap_inside: bool) -> Outputs:
    """From an image to all tasks that the case stores."""
    config = case.config
    if config["pre_norm"]:
        raise NotSupported("norms before the sums")
    model, params, _ = convert_closed_generator(case.checkpoint(), case.name)
    method = build.method(model)
    image = case.inputs["image"]
    batch = padded_batch(image, config["size_divisibility"])
    pixels, layers, final, maps = decisively(method, every_stage, params, batch)
    auxiliary = layers[AUXILIARY]
    frame = Frame(batch.images.shape[1:3], image.shape[:2], tuple(config["output_size"]))
    outputs = {
        **{f"backbone_{name}": channels_first(x) for name, x in maps.items()},
        "mask_features": channels_first(pixels.masks),
        "pred_logits": np.asarray(final.class_logits),
        "pred_masks": np.asarray(final.masks),
        "aux2_logits": np.asarray(auxiliary.class_logits),
        "aux2_masks": np.asarray(auxiliary.masks),
    }
    return outputs | tasks(case, final, frame, overlap_inside)


def every_stage(method, batch: Batch):
    """Pixel features, the answers of all layers, the answer of inference, and trunk maps."""
    generator = method.generator
    maps = generator.trunk(batch.images.astype(float), batch.sizes)
    pixels = generator.pixel_decoder(maps)
    layers = generator.decoder(pixels, all_layers=True)
    return pixels, layers, generator.decoder(pixels)[-1], maps


def tasks(case: Case, final: Proposals, frame: Frame, overlap_inside: bool) -> Outputs:
    """Semantic, and panoptic and instances where the case has things."""
    config = case.config
    logits, masks = (jnp.asarray(x[0], jnp.float32) for x in (final.class_logits, final.masks))
    if "num_thing_classes" not in config:
        scores = semantic_scores(logits, masks, frame, order="scores_first")
        return {"sem_seg": np.asarray(scores)}
    things = {"thing_classes": list(range(config["num_thing_classes"]))}
    rules = PanopticRules(
        config["object_mask_threshold"], config["overlap_threshold"], certain=overlap_inside
    )
    return three_tasks(logits, masks, frame, config | things, rules)


def padded_batch(image: np.ndarray, multiple: int) -> Batch:
    """An image in a frame whose sides are multiples of a number; 0 for no padding."""
    height, width = image.shape[:2]
    sides = [-(-side // multiple) * multiple if multiple else side for side in (height, width)]
    frame = np.zeros((1, *sides, 3), np.uint8)
    frame[0, :height, :width] = image
    return Batch(images=jnp.asarray(frame), sizes=jnp.array([[height, width]]))


def channels_first(x) -> np.ndarray:
    """Maps as the reference lays them out."""
    return np.moveaxis(np.asarray(x), -1, 1)
