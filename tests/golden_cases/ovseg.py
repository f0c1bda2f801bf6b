"""Golden cases of OVSeg: crops, prompted CLIP, ensemble, the whole system."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from ovseg_jax.config import EnsembleConfig, MaskCroppingConfig
from ovseg_jax.convert.methods.ovseg import convert_ovseg
from ovseg_jax.foundation.typing import Batch, Proposals, Text
from ovseg_jax.inference.ensemble import ovseg_probabilities
from ovseg_jax.inference.postprocess.geometry import Frame
from ovseg_jax.loading import build
from ovseg_jax.loading.embedding import embed_vocabulary
from ovseg_jax.methods.mask_cropping import MaskCropping
from ovseg_jax.models.clip.variants import build_clip
from ovseg_jax.ops.images.resize import resize_masks
from ovseg_jax.ops.masks.crops import mask_boxes
from ovseg_jax.ops.masks.resizing import hard_masks
from ovseg_jax.ops.vectors import unit
from ovseg_jax.vocabulary.classes import ClassEntry, ClassList

from . import Case, NotSupported, Outputs, runner
from .frames import case_batch, channels_first, each_image, numbered
from .given import given_proposals
from .tasks import frame_in
from .thresholds import Guides, decisively, single

FILLS = {"mean": "mean", "zero": "black"}


@runner("ovseg", "ovseg_crop")
def run_crop(case: Case) -> Outputs:
    """Crops of soft masks and where they show their object."""
    image = case.inputs["image"]
    method = MaskCropping(clip=build_clip("vit_b_16"), config=MaskCroppingConfig(**cropping(case)))
    sizes = jnp.asarray([image.shape[:2]])
    logits = jnp.asarray(case.inputs["mask_logits"])[None]

    @jax.jit
    def crops(image):
        pixels = method.normalise(image, sizes)
        hard = hard_masks(logits, image.shape[1:3], method.config.mask_threshold)
        return hard[0], *method._crop((pixels[0], sizes[0], hard[0]))

    hard, regions, inside = map(np.asarray, crops(jnp.asarray(image[None], float)))
    valid = hard.any((1, 2))
    top, left, bottom, right = np.moveaxis(np.asarray(mask_boxes(jnp.asarray(hard))), -1, 0)
    return {
        "valid": valid,
        "boxes": np.stack([left, top, right, bottom], -1)[valid],
        "regions": channels_first(regions[valid]),
        "region_masks": inside[valid][:, None].astype(np.float32),
    }


@runner("ovseg", "ovseg_vit")
def run_tower(case: Case) -> Outputs:
    """The tower with and without prompts, on given crops."""
    _, method, params = converted(case)
    crops = jnp.asarray(np.moveaxis(case.inputs["regions"], 1, -1))
    inside = jnp.asarray(case.inputs["region_masks"]) > 0

    def embed(bound, crops, inside):
        return bound.embed_crops(crops, inside), bound.clip.encode_image(crops)

    prompted, plain = apply(method, params, embed, crops, inside)
    return {
        "prompted": np.asarray(prompted),
        "unprompted": np.asarray(plain),
        "normalized": np.asarray(unit(prompted)),
    }


@runner("ovseg", "ovseg_inference")
def run_inference(case: Case) -> Outputs:
    """From given masks and their embeddings to the semantic map."""
    model, method, params = converted(case)
    embeddings = jnp.asarray(np.concatenate(numbered(case, "pred_embeddings")))
    proposals = given_proposals(case).replace(class_embeddings=100 * unit(embeddings))
    return answers(case, model, method, params, case_batch(case), proposals)


@runner("ovseg", "ovseg_full")
def run_full(case: Case) -> Outputs:
    """From images and names to the semantic map."""
    model, method, params = converted(case)
    batch = case_batch(case)
    trunk, proposals, embeddings = propose(method, params, batch)
    outputs = {f"backbone_{name}": channels_first(x) for name, x in trunk.items()}
    outputs["pred_masks"] = np.asarray(proposals.masks)
    outputs["pred_embeddings"] = np.asarray(embeddings)
    return outputs | answers(case, model, method, params, batch, proposals)


def propose(method, params, batch: Batch) -> tuple:
    """Trunk maps, proposals, and what the class head says before it becomes unit vectors.

    Crops cut masks where their probability crosses the method's threshold; a mask whose logits
    come close to that is computed in double precision.
    """
    cut = np.log(method.config.mask_threshold / (1 - method.config.mask_threshold))

    def whole(bound, batch):
        images, sizes = batch.images.astype(float), batch.sizes
        return bound.generator.trunk(images, sizes), bound.generator(images, sizes)[-1]

    def guides(result: tuple) -> Guides:
        (_, proposals), _ = result
        yield resize_masks(proposals.masks, batch.images.shape[1:3]) - cut

    def is_head(module, _):
        return module.name == "class_layer"

    options = {"capture_intermediates": is_head, "mutable": ["intermediates"], "guides": guides}
    own = {"generator": params["generator"]}
    (trunk, proposals), seen = decisively(method, whole, own, batch, **options)
    head = seen["intermediates"]["generator"]["decoder"]["class_layer"]
    return jax.tree.map(single, (trunk, proposals, head["__call__"][-1]))


def cropping(case: Case) -> dict:
    """The case's settings of crops, as fields of the method.

    Raises:
        NotSupported: Soft edges, or crops of their own sizes.
    """
    adapter = case.config["clip_adapter"]
    if adapter["MASK_MATTING"] or not adapter["REGION_RESIZED"]:
        raise NotSupported("crops with soft edges, or not resized")
    return {
        "mask_threshold": adapter["MASK_THR"],
        "expand": adapter["MASK_EXPAND_RATIO"],
        "fill": FILLS[adapter["MASK_FILL"]],
    }


def converted(case: Case):
    """The converted checkpoint as a model with the case's settings, its method, its parameters."""
    model, params, _ = convert_ovseg(case.checkpoint(), case.name)
    fields = cropping(case)
    if not case.config["clip_adapter"]["MASK_PROMPT_FWD"]:
        fields["prompts"] = "none"
    model = dataclasses.replace(model, method=dataclasses.replace(model.method, **fields))
    return model, build.method(model), jax.tree.map(jnp.asarray, params)


def apply(method, params, function, *inputs):
    """Applies a function of the bound method, compiled."""
    return jax.jit(
        lambda params, *inputs: method.apply({"params": params}, *inputs, method=function)
    )(params, *inputs)


def answers(case: Case, model, method, params, batch: Batch, proposals: Proposals) -> Outputs:
    """Everything from the proposals on."""
    config = case.config
    if (templates := config["clip_adapter"]["TEXT_TEMPLATES"]) != "vild":
        raise NotSupported(f"templates {templates!r}")
    text = text_of(case, model, method, params)

    def score(bound, batch, proposals, text):
        features = bound.encode_batch(batch)
        rows = bound.proposal_words(features, text)
        named = bound.class_logits(proposals.class_embeddings, rows, text)
        return rows, named, bound.score(features, proposals, text)

    rows, named, scores = apply(method, params, score, batch, proposals, text)
    features = np.asarray(unit(scores.regions.embeddings))
    valid = (features != 0).any(-1)
    weight = clip_exponent(config)
    weights = EnsembleConfig(kind="ovseg", alpha=weight, beta=weight)
    count = len(case.inputs["class_names"])
    inside = ovseg_probabilities(named, scores.logits, text.seen, text.valid, weights)
    if weight == 1:  # without the generator's opinion, only masks that CLIP saw have a say
        inside = inside * valid[..., None]
    cosines = 100 * features @ np.asarray(rows).T

    def answer(index: int) -> Outputs:
        seen = valid[index]
        frame, probabilities = frame_in(case, batch, index), np.asarray(inside)[index, :, :count]
        return {
            "region_features": features[index, seen],
            "clip_logits": cosines[index, seen][:, [*range(count), -1]],
            "valid": seen,
            "sem_seg": semantic(probabilities, proposals.masks[index], frame),
        }

    return {"text_features": np.asarray(rows), **each_image(len(features), answer)}


def clip_exponent(config: dict) -> float:
    """CLIP's exponent; the original reads zero as CLIP alone (docs/reference 3.2)."""
    adapter = config["clip_adapter"]
    if not adapter["CLIP_ENSEMBLE"]:
        return 0.0
    return config.get("ensemble_weight_used", adapter["CLIP_ENSEMBLE_WEIGHT"]) or 1.0


def semantic(probabilities: np.ndarray, masks: jax.Array, frame: Frame) -> np.ndarray:
    """Sums masks by their probabilities at the size of the picture, then resizes."""
    height, width = frame.picture
    masks = jax.nn.sigmoid(resize_masks(masks, frame.padded))
    scores = jnp.einsum("qk,qhw->khw", probabilities, masks[:, :height, :width])
    return np.asarray(resize_masks(scores, frame.output))


def text_of(case: Case, model, method, params) -> Text:
    """The case's names, each as a whole, embedded by the text tower."""
    names = [str(name) for name in case.inputs["class_names"]]
    classes = ClassList("case", tuple(ClassEntry((name,), True, (0, 0, 0)) for name in names))
    text = embed_vocabulary(model, method, params, classes)
    slots = len(names)
    return text.replace(
        embeddings=text.embeddings[:slots],
        classes=text.classes[:slots],
        valid=text.valid[:slots],
        seen=text.seen[:slots],
    )
