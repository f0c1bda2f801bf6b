"""Golden cases of mask generators with a fixed list of classes: Mask2Former and MaskFormer."""

from __future__ import annotations

import numpy as np

from ovseg_jax.convert.generators.whole import convert_closed_generator
from ovseg_jax.foundation.typing import Batch
from ovseg_jax.loading import build

from . import Case, NotSupported, Outputs, runner
from .frames import case_batch, channels_first, each_image
from .tasks import frame_in, tasks
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
    """From images to all tasks that the case stores."""
    if case.config["pre_norm"]:
        raise NotSupported("norms before the sums")
    model, params, _ = convert_closed_generator(case.checkpoint(), case.name)
    batch = case_batch(case)
    pixels, layers, final, maps = decisively(build.method(model), every_stage, params, batch)
    auxiliary = layers[AUXILIARY]
    things = case.config.get("num_thing_classes", 0)

    def answer(index: int) -> Outputs:
        return tasks(
            case,
            np.float32(final.class_logits[index]),
            final.masks[index],
            frame_in(case, batch, index),
            certain=overlap_inside,
            things=list(range(things)),
        )

    outputs = {
        **{f"backbone_{name}": channels_first(x) for name, x in maps.items()},
        "mask_features": channels_first(pixels.masks),
        "pred_logits": np.asarray(final.class_logits),
        "pred_masks": np.asarray(final.masks),
        "aux2_logits": np.asarray(auxiliary.class_logits),
        "aux2_masks": np.asarray(auxiliary.masks),
    }
    return outputs | each_image(len(batch.images), answer)


def every_stage(method, batch: Batch):
    """Pixel features, the answers of all layers, the answer of inference, and trunk maps."""
    generator = method.generator
    maps = generator.trunk(batch.images.astype(float), batch.sizes)
    pixels = generator.pixel_decoder(maps)
    layers = generator.decoder(pixels, all_layers=True)
    return pixels, layers, generator.decoder(pixels)[-1], maps
