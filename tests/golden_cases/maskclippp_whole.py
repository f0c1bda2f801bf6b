"""The golden case of the whole MaskCLIP++: FC-CLIP proposes, the tuned CLIP classifies."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from ovseg_jax.config import MaskPoolingConfig
from ovseg_jax.convert.generators.whole import generator_part
from ovseg_jax.convert.rules import Rule, apply, prefixed
from ovseg_jax.convert.towers.clip import identify_image
from ovseg_jax.foundation.typing import Batch
from ovseg_jax.methods.mask_pooling import MaskPooling
from ovseg_jax.models.clip.variants import build_clip
from ovseg_jax.models.generators.variants import build_generator
from ovseg_jax.ops.images.resize import resize, resize_masks

from . import Case, NotSupported, Outputs, runner
from .frames import common_frame, each_image, numbered
from .maskclippp import Classifier, answers, classify, joined, joint, normalised, padded, text_of
from .maskclippp_settings import short_side
from .thresholds import decisively

STRIDE = 32


@runner("maskclippp", "maskclippp_full")
def run_full(case: Case) -> Outputs:
    """From images to all tasks; they are resized apart for generator and classifier."""
    tensors, images = case.checkpoint(), numbered(case, "image")
    softs, segmentors = propose(case, tensors, images)
    model, text = Classifier(case, tensors["model"]), text_of(case)
    frame, results = model.frame(images), []
    for index, features in enumerate(model.features(images, [len(soft) for soft in softs])):
        masks = model.masks(softs[index], images[index], frame)
        result = classify(model, features, masks, text)
        segmentor = segmentors[index : index + 1]
        results.append(result | joined(case, segmentor, result["class_logits"], text))

    def answer(index: int) -> Outputs:
        own = answers(case, results[index]["final_log_probs"], softs[index])
        return own | {"seg_masks": softs[index], "seg_logits": np.asarray(segmentors[index])}

    return joint(results) | each_image(len(images), answer)


def propose(case: Case, tensors: dict, images: list) -> tuple[list[np.ndarray], jax.Array]:
    """FC-CLIP's soft masks at its input, without the padding, and its logits."""
    method, params = generator_of(case, tensors)
    sizes = [short_side(image, case.config["generator_short_side"]) for image in images]
    frame = common_frame(sizes, STRIDE)
    pixels = [
        padded(resize(normalised(image, method.clip), size), frame)
        for image, size in zip(images, sizes, strict=True)
    ]
    rows = case.inputs["t_embs_f"]
    text = text_of(case).replace(embeddings=jnp.asarray(rows)[:, None])

    def whole(bound, pixels, text):
        clip = bound.clip
        raw = pixels * jnp.asarray(clip.pixel_std) + jnp.asarray(clip.pixel_mean)
        batch = Batch(images=raw, sizes=jnp.asarray(sizes))
        features = bound.encode(raw, batch.sizes)
        pixels = bound.generator.pixel_decoder(
            bound.generator.trunk(raw, batch.sizes, features.pyramid)
        )
        layers = bound.generator.decoder(pixels, all_layers=True)
        return pixels, layers, bound.propose(batch, features, text)

    proposals = decisively(method, whole, params, jnp.concatenate(pixels), text)[2]
    soft = resize_masks(jax.nn.sigmoid(jnp.asarray(proposals.masks, jnp.float32)), frame)
    cropped = [
        np.asarray(masks[:, :height, :width])
        for masks, (height, width) in zip(soft, sizes, strict=True)
    ]
    return cropped, jnp.asarray(proposals.class_logits, jnp.float32)


def generator_of(case: Case, tensors: dict) -> tuple[MaskPooling, dict]:
    """The frozen generator on its own image tower; no text tower is there.

    Raises:
        NotSupported: It is none of FC-CLIP.
    """
    if not {"clip_f", "fcclip"} <= set(tensors):
        raise NotSupported(f"a generator from {', '.join(sorted(tensors))}")
    towers = {name: x for name, x in tensors["clip_f"].items() if name.startswith("visual.")}
    name, table = identify_image(towers, case.name)
    clip = build_clip(name)
    image = jnp.zeros((1, 64, 64, 3))
    visual = jax.eval_shape(clip.visual.init, jax.random.key(0), image)["params"]
    expected = {"clip": {"visual": visual}}
    params, _ = apply(prefixed(table, "", "clip/"), towers, expected, case.name)
    part = generator_part(tensors["fcclip"], case.name)
    width = clip.embedding_dim
    rest = part.expected | {"void_embedding": jax.ShapeDtypeStruct((1, width), jnp.float32)}
    rows = (*part.table, Rule(r"void_embedding\.weight", "void_embedding"))
    others, _ = apply(rows, tensors["fcclip"], rest, case.name)
    generator = build_generator(part.config, width)
    method = MaskPooling(clip=clip, config=MaskPoolingConfig(has_void=True), generator=generator)
    params["clip"]["logit_scale"] = np.float32(0)  # the generator has its own
    return method, params | others
