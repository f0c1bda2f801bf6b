"""The golden case of the whole MaskCLIP++: FC-CLIP proposes, the tuned CLIP classifies."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from ovseg_jax.convert.clip import identify_image
from ovseg_jax.convert.generators import generator_part
from ovseg_jax.convert.rules import Rule, apply, prefixed
from ovseg_jax.methods.mask_pooling import MaskPooling
from ovseg_jax.models.clip.variants import build_clip
from ovseg_jax.models.generators.variants import build_generator
from ovseg_jax.ops.resize import resize, resize_masks
from ovseg_jax.typing import Batch

from . import Case, Outputs, runner
from .maskclippp import Classifier, classify, joined, normalised, sizes_of, tasks, text_of
from .thresholds import decisively

STRIDE = 32


@runner("maskclippp", "maskclippp_full")
def run_full(case: Case) -> Outputs:
    """From an image to all tasks; the image is resized apart for generator and classifier."""
    tensors, image = case.checkpoint(), case.inputs["image"]
    soft, segmentor = propose(case, tensors, image)
    model, text = Classifier(case, tensors["model"]), text_of(case)
    features = model.features(model.pixels(image))
    result = classify(model, features, model.masks(soft, image), text)
    result |= joined(case, segmentor, result["class_logits"], text)
    outputs = {"seg_masks": soft, "seg_logits": np.asarray(segmentor)[0]}
    return outputs | result | tasks(case, result["final_log_probs"], soft)


def propose(case: Case, tensors: dict, image: np.ndarray) -> tuple[np.ndarray, jax.Array]:
    """FC-CLIP's soft masks at its input, without the padding, and its logits."""
    method, params = generator_of(case, tensors)
    size = sizes_of(image, case.config["generator_short_side"])
    frame = [-(-side // STRIDE) * STRIDE for side in size]
    pixels = resize(normalised(image, method.clip), size)
    margins = [(0, frame[0] - size[0]), (0, frame[1] - size[1])]
    padded = jnp.pad(pixels, ((0, 0), *margins, (0, 0)))
    rows = case.inputs["t_embs_f"]
    text = text_of(case).replace(embeddings=jnp.asarray(rows)[:, None])

    def whole(bound, padded, text):
        clip = bound.clip
        raw = padded * jnp.asarray(clip.pixel_std) + jnp.asarray(clip.pixel_mean)
        batch = Batch(images=raw, sizes=jnp.asarray([frame]))
        features = bound.encode(raw, batch.sizes)
        pixels = bound.generator.pixel_decoder(
            bound.generator.trunk(raw, batch.sizes, features.pyramid)
        )
        layers = bound.generator.decoder(pixels, all_layers=True)
        return pixels, layers, bound.propose(batch, features, text)

    proposals = decisively(method, whole, params, padded, text)[2]
    soft = resize_masks(jax.nn.sigmoid(jnp.asarray(proposals.masks[0], jnp.float32)), tuple(frame))
    return np.asarray(soft[:, : size[0], : size[1]]), jnp.asarray(proposals.class_logits)


def generator_of(case: Case, tensors: dict) -> tuple[MaskPooling, dict]:
    """The frozen generator on its own image tower; no text tower is there."""
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
    method = MaskPooling(clip=clip, generator=generator, has_void=True)
    params["clip"]["logit_scale"] = np.float32(0)  # the generator has its own
    return method, params | others
