"""Golden cases of MaskCLIP++: the classifier, and inference from given masks."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from ovseg_jax.convert.methods.maskclippp import classifier_part
from ovseg_jax.convert.rules import apply
from ovseg_jax.foundation.typing import Features, Text
from ovseg_jax.inference.ensemble import carried_logits, geometric_ensemble, with_void_of
from ovseg_jax.inference.postprocess.geometry import Frame
from ovseg_jax.loading import build
from ovseg_jax.ops.images.normalise import normalise
from ovseg_jax.ops.images.resize import resize, resize_masks
from ovseg_jax.ops.text_rows import synonym_max
from ovseg_jax.vocabulary.classes import ClassEntry, ClassList, carry_table

from . import Case, Outputs, runner
from .frames import Size, channels_first, common_frame, each_image, numbered
from .maskclippp_batches import with_slips
from .maskclippp_settings import check_supported, mask_settings, picture_size
from .tasks import tasks

FLOOR = 1e-8


class Classifier:
    """A converted checkpoint as the real method; the text tower is replaced by given rows."""

    def __init__(self, case: Case, tensors: dict | None = None):
        check_supported(case.config)
        tensors = case.checkpoint() if tensors is None else tensors
        part = classifier_part(tensors, case.name)
        params, _ = apply(part.table, tensors, part.expected, case.name)
        fields = {"scaled": case.config.get("use_logit_scale", True), "one_synonym": False}
        fields |= mask_settings(case.config, build.method(part.config), part.expected)
        method = dataclasses.replace(part.config.method, **fields)
        self.method = build.method(dataclasses.replace(part.config, method=method))
        scale = case.inputs.get("logit_scale", 0.0)
        params["clip"]["logit_scale"] = np.float32(scale).reshape(())
        self.params = jax.tree.map(jnp.asarray, params)
        self.config = case.config

    def __call__(self, function, *inputs):
        """Applies a function of the bound method, compiled."""
        return jax.jit(
            lambda params, *inputs: self.method.apply({"params": params}, *inputs, method=function)
        )(self.params, *inputs)

    def frame(self, images: list[np.ndarray]) -> Size:
        """Height and width that hold all images as CLIP sees them."""
        tower = self.config.get("visual_encoder", {})
        multiple = self.config.get("size_divisibility", tower.get("SIZE_DIVISIBILITY"))
        return common_frame([picture_size(self.config, image) for image in images], multiple)

    def pixels(self, images: list[np.ndarray]) -> jax.Array:
        """Normalised images in their common frame; they are resized after their colours."""
        frame, clip = self.frame(images), self.method.clip
        sizes = [picture_size(self.config, image) for image in images]
        pixels = [resize(normalised(x, clip), size) for x, size in zip(images, sizes, strict=True)]
        return jnp.concatenate([padded(x, frame) for x in pixels])

    def masks(self, soft: np.ndarray, image: np.ndarray, frame: Size) -> jax.Array:
        """Soft masks [1, q, h, w] at the grid, by way of the picture and its frame."""
        given = jnp.asarray(soft, jnp.float32)[..., None]
        framed = padded(resize(given, picture_size(self.config, image)), frame)[..., 0]
        return resize_masks(framed, tuple(side // self.method.stride for side in frame))[None]

    def features(self, images: list[np.ndarray], counts: list[int]) -> list[Features]:
        """Encodes a batch and takes it apart; the slips of the original are in it.

        Args:
            images: Of any sizes.
            counts: Masks of each, on which the slips depend.
        """
        pixels = self.pixels(images)
        sizes = [picture_size(self.config, image) for image in images]
        features = self(encode_normalised, pixels, jnp.asarray(sizes))
        each = [jax.tree.map(lambda x, i=i: x[i : i + 1], features) for i in range(len(images))]
        if not self.config.get("visual_encoder", {}).get("NAME", "").startswith("EVA"):
            return each
        return with_slips(self, pixels, each, counts)


def padded(maps: jax.Array, frame: Size) -> jax.Array:
    """Pads maps [n, h, w, c] with zeros, right and below."""
    rest = [(0, full - side) for full, side in zip(frame, maps.shape[1:3], strict=True)]
    return jnp.pad(maps, ((0, 0), *rest, (0, 0)))


def normalised(image: np.ndarray, clip) -> jax.Array:
    """The normalised image as a batch of one."""
    whole = jnp.asarray([image.shape[:2]])
    return normalise(jnp.asarray(image[None], float), whole, clip.pixel_mean, clip.pixel_std)


def encode_normalised(method, pixels: jax.Array, sizes: jax.Array) -> Features:
    """`encode` without its normalisation: the case resizes after it."""
    clip = method.clip
    raw = pixels * jnp.asarray(clip.pixel_std) + jnp.asarray(clip.pixel_mean)
    return method.encode(raw, sizes)


def text_of(case: Case) -> Text:
    """The given rows of text; without counts every row is a class."""
    rows = case.inputs["t_embs"]
    counts = case.inputs.get("num_synonyms", np.ones(len(rows), int))
    seen = case.inputs.get("category_overlapping_mask", np.zeros(len(counts)))
    return Text(
        embeddings=jnp.asarray(rows),
        classes=jnp.asarray(np.repeat(np.arange(len(counts)), counts), jnp.int32),
        valid=jnp.ones(len(counts), bool),
        seen=jnp.asarray(seen, bool),
    )


def row_by_row(text: Text) -> Text:
    """The same rows, each a class of its own."""
    count = len(text.embeddings)
    return text.replace(
        classes=jnp.arange(count), valid=jnp.ones(count, bool), seen=jnp.zeros(count, bool)
    )


def similarities(method, embeddings, text: Text):
    """What the PSM of the original starts from: [q, s, t]."""
    unit = embeddings / jnp.linalg.norm(embeddings, axis=-1, keepdims=True)
    scale = method.clip.temperature() if method.config.scaled else 1.0
    return jnp.einsum("bqd,std->bqst", unit, text.embeddings)[0] * scale


def classify(model: Classifier, features: Features, soft: jax.Array, text: Text) -> Outputs:
    """From masks of one image at the grid to logits of classes."""
    embeddings = model(lambda m, f, s: m.embed_soft(f, s), features, soft)
    logits = model(lambda m, *x: m.aligned_logits(*x), features, embeddings, row_by_row(text))
    rows = logits[..., :-1]
    outputs = {
        "m_embs": embeddings[0],
        "psm_in_corrs": model(similarities, embeddings, text),
        "psm_logits": rows[0],
        "class_logits": synonym_max(rows, text)[0],
        "areas": soft[0].sum((1, 2)),
    }
    if model.method.config.psm == "pseudo_text":
        outputs["p_embs"] = channels_first(features.projected)
    return {name: np.asarray(value) for name, value in outputs.items()}


def joined(case: Case, segmentor: jax.Array, logits: np.ndarray, text: Text) -> Outputs:
    """Ensemble and void."""
    config, count = case.config, len(text.valid)
    method = jnp.concatenate(
        [jnp.asarray(logits)[None], jnp.full((1, len(logits), 1), -jnp.inf)], axis=-1
    )
    if not config.get("ensemble", True):
        return {"final_log_probs": np.asarray(with_void_of(segmentor, method, text.valid))[0]}
    weights = jnp.where(text.seen, config["alpha"], config["beta"])
    inside = jax.nn.softmax(segmentor[..., :count])
    outside = jax.nn.softmax(method[..., :count])
    final = geometric_ensemble(
        segmentor, method, text.seen, text.valid, config["alpha"], config["beta"], floor=FLOOR
    )
    mixed = jnp.log(inside ** (1 - weights) * outside**weights + FLOOR)
    return {"ensembled": np.asarray(mixed)[0], "final_log_probs": np.asarray(final)[0]}


def segmentor_logits(case: Case, given: np.ndarray) -> jax.Array:
    """The given logits, carried to the test classes where the segmentor knows others."""
    logits = jnp.asarray(given)[None]
    if "train_classes" not in case.config:
        return logits
    train, test = (
        ClassList(name=key, classes=tuple(class_entry(names) for names in case.config[key]))
        for key in ("train_classes", "test_classes")
    )
    table = carry_table(train, test)
    count = len(test.classes)
    wanted = case.inputs["train2test_lut"][: len(table)]
    np.testing.assert_array_equal(np.where(table < 0, count, table), wanted)
    return carried_logits(logits, jnp.asarray(table), count)


def class_entry(names: str) -> ClassEntry:
    """A class of comma-separated names."""
    return ClassEntry(tuple(name.strip() for name in names.split(",")), True, (0, 0, 0))


def answers(case: Case, log_probs: np.ndarray, soft: np.ndarray) -> Outputs:
    """All tasks; masks are probabilities from the start, so they are resized as such."""
    size = tuple(case.config["output_size"])
    resized = jnp.clip(resize_masks(jnp.asarray(soft, jnp.float32), size), 1e-30, 1 - 1e-7)
    logits = jnp.log(resized) - jnp.log1p(-resized)
    best = np.asarray(jax.nn.softmax(jnp.asarray(log_probs)))[:, :-1].argmax(-1)
    return tasks(case, log_probs, logits, Frame.plain(*size)) | {"mask_cls": best}


@runner("maskclippp", "maskclippp_inference")
def run_inference(case: Case) -> Outputs:
    """Given soft masks and segmentor logits of any number of images, in one batch."""
    model, text, images = Classifier(case), text_of(case), numbered(case, "image")
    softs = [np.asarray(jax.nn.sigmoid(x)) for x in numbered(case, "mask_logits")]
    given = numbered(case, "segmentor_logits")
    frame, results = model.frame(images), []
    for index, features in enumerate(model.features(images, [len(soft) for soft in softs])):
        masks = model.masks(softs[index], images[index], frame)
        result = classify(model, features, masks, text)
        segmentor = segmentor_logits(case, given[index])
        results.append(result | joined(case, segmentor, result["class_logits"], text))

    def answer(index: int) -> Outputs:
        return answers(case, results[index]["final_log_probs"], softs[index])

    return joint(results) | each_image(len(images), answer)


def joint(results: list[Outputs]) -> Outputs:
    """The images of a batch one below the other."""
    return {name: np.concatenate([result[name] for result in results]) for name in results[0]}
