"""Golden cases of MaskCLIP++: towers with masks, PSM, ensemble, loss, the whole with FC-CLIP."""

from __future__ import annotations

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np

from ovseg_jax import build
from ovseg_jax.convert.clip import expected_clip
from ovseg_jax.convert.maskclippp import TEXT_TABLE, classifier_part
from ovseg_jax.convert.rules import apply
from ovseg_jax.inference.ensemble import (
    carried_logits,
    geometric_ensemble,
    with_void_of,
)
from ovseg_jax.inference.frame import Frame
from ovseg_jax.losses.reweighted import reweighted_loss
from ovseg_jax.methods.method import synonym_max
from ovseg_jax.models.clip.variants import build_clip, build_tokenizer
from ovseg_jax.ops.pixels import normalise
from ovseg_jax.ops.resize import resize, resize_masks
from ovseg_jax.typing import Features, Text
from ovseg_jax.vocabulary.classes import ClassEntry, ClassList, carry_table

from . import Case, NotSupported, Outputs, runner
from .clip_towers import variant_name
from .fcclip import three_tasks
from .mask_adapter import channels_first

FLOOR = 1e-8


class Classifier:
    """A converted checkpoint as the real method; the text tower is replaced by given rows."""

    def __init__(self, case: Case, tensors: dict | None = None):
        config = case.config
        tensors = case.checkpoint() if tensors is None else tensors
        part = classifier_part(tensors, case.name)
        params, _ = apply(part.table, tensors, part.expected, case.name)
        fields = {"scaled": config.get("use_logit_scale", True), "one_synonym": False}
        fields |= mask_settings(config, "log_strength" in part.expected)
        method = dataclasses.replace(part.config.method, **fields)
        self.method = build.method(dataclasses.replace(part.config, method=method))
        scale = case.inputs.get("logit_scale", 0.0)
        params["clip"]["logit_scale"] = np.float32(scale).reshape(())
        self.params = jax.tree.map(jnp.asarray, params)
        self.case, self.stride = case, self.method.stride

    def __call__(self, function, *inputs):
        """Applies a function of the bound method, compiled."""
        return jax.jit(
            lambda params, *inputs: self.method.apply({"params": params}, *inputs, method=function)
        )(self.params, *inputs)

    def picture_size(self, image: np.ndarray) -> tuple[int, int]:
        """The size of the image as CLIP sees it: its own, or the shorter side is given."""
        config = self.case.config
        tower = config.get("visual_encoder", {})
        if config.get("resize", tower.get("TEST_RESIZE_TYPE")) == "none":
            return image.shape[:2]
        return sizes_of(image, config.get("test_image_size") or tower["TEST_IMAGE_SIZE"])

    def framed(self, maps: jax.Array, size: tuple[int, int]) -> jax.Array:
        """Resizes maps [n, h, w, c] to the picture and pads them with zeros to whole cells."""
        frame = [-(-side // self.stride) * self.stride for side in size]
        margins = [(0, frame[0] - size[0]), (0, frame[1] - size[1])]
        return jnp.pad(resize(maps, size), ((0, 0), *margins, (0, 0)))

    def pixels(self, image: np.ndarray) -> jax.Array:
        """The normalised image in its frame."""
        return self.framed(normalised(image, self.method.clip), self.picture_size(image))

    def masks(self, soft: np.ndarray, image: np.ndarray) -> jax.Array:
        """Soft masks [1, q, h, w] at the grid, by way of the picture and its frame."""
        size = self.picture_size(image)
        framed = self.framed(jnp.asarray(soft, jnp.float32)[..., None], size)[..., 0]
        grid = tuple(side // self.stride for side in framed.shape[1:])
        return resize_masks(framed, grid)[None]

    def features(self, pixels: jax.Array) -> Features:
        """Encodes an image that is normalised already."""
        return self(encode_normalised, pixels)


def mask_settings(config: dict, learned: bool) -> dict:
    """How masks enter the tower, as fields of the method; the files say only what was learned.

    Raises:
        NotSupported: A variant of the original that no published configuration uses.
    """
    tower, psm = config.get("visual_encoder", {}), config.get("psm", {})
    attends = tower.get("NAME", "CLIPViT") != "CLIPConvNeXt"
    if attends and tower.get("DOWN_MASK_THRESH", config.get("down_mask_thresh")) is not None:
        raise NotSupported("masks cut at a fixed value")
    if tower.get("DOWNSAMPLE_METHOD", "bilinear") != "bilinear":
        raise NotSupported(f"masks resized by {tower['DOWNSAMPLE_METHOD']}")
    if psm.get("CORR_RESIDUAL"):
        raise NotSupported("similarities beside the PSM")
    if attends and not learned:
        return {"strength": float(np.exp(tower["MASK_LOGIT_SCALE"]))}
    return {}


def sizes_of(image: np.ndarray, short: int) -> tuple[int, int]:
    """The size with a given shorter side; the longer one is cut to whole pixels."""
    height, width = image.shape[:2]
    if height <= width:
        return short, int(width * short / height)
    return int(height * short / width), short


def normalised(image: np.ndarray, clip) -> jax.Array:
    """The normalised image as a batch of one."""
    whole = jnp.asarray([image.shape[:2]])
    return normalise(jnp.asarray(image[None], float), whole, clip.pixel_mean, clip.pixel_std)


def encode_normalised(method, pixels: jax.Array) -> Features:
    """`encode` without its normalisation: the case resizes after it."""
    clip, sizes = method.clip, jnp.asarray([pixels.shape[1:3]])
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
    scale = method.clip.temperature() if method.scaled else 1.0
    return jnp.einsum("bqd,std->bqst", unit, text.embeddings)[0] * scale


def classify(model: Classifier, features: Features, soft: jax.Array, text: Text) -> Outputs:
    """From masks at the grid to logits of classes."""
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
    if model.method.psm == "pseudo_text":
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


def segmentor_logits(case: Case, name: str) -> jax.Array:
    """The given logits, carried to the test classes where the segmentor knows others."""
    logits = jnp.asarray(case.inputs[name])[None]
    if "train_classes" not in case.config:
        return logits
    train, test = (
        ClassList(name=key, classes=tuple(class_entry(names) for names in case.config[key]))
        for key in ("train_classes", "test_classes")
    )
    table = carry_table(train, test)
    count = len(test.classes)
    given = case.inputs["train2test_lut"][: len(table)]
    np.testing.assert_array_equal(np.where(table < 0, count, table), given)
    return carried_logits(logits, jnp.asarray(table), count)


def class_entry(names: str) -> ClassEntry:
    """A class of comma-separated names."""
    return ClassEntry(tuple(name.strip() for name in names.split(",")), True, (0, 0, 0))


def tasks(case: Case, log_probs: np.ndarray, soft: np.ndarray) -> Outputs:
    """All tasks; masks are probabilities from the start, so they are resized as such."""
    size = tuple(case.config["output_size"])
    resized = jnp.clip(resize_masks(jnp.asarray(soft, jnp.float32), size), 1e-30, 1 - 1e-7)
    logits = jnp.log(resized) - jnp.log1p(-resized)
    outputs = three_tasks(jnp.asarray(log_probs), logits, Frame.plain(*size), case.config)
    best = np.asarray(jax.nn.softmax(jnp.asarray(log_probs)))[:, :-1].argmax(-1)
    return outputs | {"mask_cls": best}


@runner("maskclippp", "maskclippp_inference")
def run_inference(case: Case) -> Outputs:
    """Given soft masks and segmentor logits, one or two images."""
    model, text = Classifier(case), text_of(case)
    count = sum(name.startswith("image") for name in case.inputs)
    results, outputs = [], {}
    for index in range(count):
        image = case.inputs[f"image{index}"]
        soft = np.asarray(jax.nn.sigmoid(jnp.asarray(case.inputs[f"mask_logits{index}"])))
        features = features_of(model, case, index)
        result = classify(model, features, model.masks(soft, image), text)
        segmentor = segmentor_logits(case, f"segmentor_logits{index}")
        result |= joined(case, segmentor, result["class_logits"], text)
        results.append(result)
        suffix = str(index) if count > 1 else ""
        found = tasks(case, result["final_log_probs"], soft)
        outputs |= {name + suffix: value for name, value in found.items()}
    joint = {name: np.concatenate([r[name] for r in results]) for name in results[0]}
    return outputs | joint


def features_of(model: Classifier, case: Case, index: int) -> Features:
    """Encodes one image; in a batch with the original's slips, which only batches show.

    There mask tokens of image i start from token i of image 0, and the rotary embedding of images
    with fewer masks than others is shifted by the difference (systems 2.2).
    """
    features = model.features(model.pixels(case.inputs[f"image{index}"]))
    masks = [len(x) for name, x in case.inputs.items() if name.startswith("mask_logits")]
    if len(masks) == 1 or not model.method.reads:
        return features
    pixels = model.pixels(case.inputs[f"image{index}"])
    shifted = model(shifted_memories, pixels, max(masks) - masks[index])
    first = model.features(model.pixels(case.inputs["image0"])).cache[0].tokens[:, index]
    start = shifted[0].replace(tokens=shifted[0].tokens.at[:, 0].set(first))
    return features.replace(cache=(start, *shifted[1:]))


def shifted_memories(method, pixels: jax.Array, shift: jax.Array):
    """Memories of the last blocks where the turn of patch i goes to patch i + shift."""
    tower = method.clip.visual
    first = tower.layers - method.depth
    _, memories = tower.run(pixels, remember=[first])
    turn = tower.rotate_for((pixels.shape[1] // tower.patch, pixels.shape[2] // tower.patch))

    def rotate(x):
        padded = jnp.concatenate([x, jnp.zeros_like(x)], axis=1)
        # the patches that the window still covers, one class token in front as `turn` expects
        window = jax.lax.dynamic_slice_in_dim(padded, shift, x.shape[1], axis=1)
        turned = turn(window)
        back = jax.lax.dynamic_update_slice_in_dim(padded, turned, shift, axis=1)
        return back[:, : x.shape[1]]

    tokens, found = memories[first].tokens, []
    for block in tower.blocks[first:]:
        tokens, memory = block.remember(tokens, rotate=rotate)
        found.append(memory)
    return tuple(found)


@runner("maskclippp", "maskclippp_train")
def run_train(case: Case) -> Outputs:
    """Ground-truth masks of two images to the loss."""
    model, text = Classifier(case), text_of(case)
    results, labels, areas = [], [], []
    for index in range(2):
        image, masks = case.inputs[f"image{index}"], case.inputs[f"gt_masks{index}"]
        features = model.features(model.pixels(image))
        soft = model.masks(masks.astype(np.float32), image)
        results.append(classify(model, features, soft, text))
        labels.append(case.inputs[f"gt_classes{index}"])
        areas.append(results[-1]["areas"])
    logits = [result["psm_logits"] for result in results]
    criterion = case.config["criterion"]
    return {
        "m_embs": np.concatenate([result["m_embs"] for result in results]),
        "psm_logits": np.concatenate(logits),
        "loss": loss_of(
            logits,
            labels,
            areas if criterion["IGNORE_EMPTY"] else None,
            criterion["BALANCE_CLS"],
            criterion["TEMPERATURE"],
        ),
    }


def loss_of(logits, labels, areas, reweight: bool, temperature: float) -> np.ndarray:
    """The loss of images with different numbers of masks."""
    count = max(len(x) for x in labels)
    if areas is not None:
        labels = [np.where(a > 0, x, -1) for x, a in zip(labels, areas, strict=True)]
    rows = np.stack([np.pad(x, ((0, count - len(x)), (0, 0))) for x in logits])
    names = np.stack([np.pad(x, (0, count - len(x)), constant_values=-1) for x in labels])
    loss = reweighted_loss(
        jnp.asarray(rows), jnp.asarray(names), reweight=reweight, temperature=temperature
    )
    return np.asarray(loss)


@runner("maskclippp", "reweight_ce")
def run_loss(case: Case) -> Outputs:
    """The loss alone."""
    owner, config = case.inputs["mask2batch"], case.config
    images = [owner == image for image in np.unique(owner)]
    columns = [[case.inputs[name][own] for own in images] for name in ("corrs", "gt_labels")]
    areas = [case.inputs["areas"][own] for own in images] if config["ignore_empty"] else None
    return {"loss": loss_of(*columns, areas, config["balance_cls"], config["temperature"])}


@runner("maskclippp", "maskclippp_clip_vit")
def run_clip_vit(case: Case) -> Outputs:
    """A transformer with mask tokens alone: no PSM."""
    model, image = Classifier(case), case.inputs["image"]
    pixels = model.pixels(image)
    soft = model.masks(case.inputs["masks"].astype(np.float32), image)
    embeddings = model(lambda m, f, s: m.embed_soft(f, s), model.features(pixels), soft)

    def behind(method, pixels):
        tower = method.clip.visual
        tokens, memories = tower.run(pixels, remember=[2])
        grid = tuple(side // tower.patch for side in pixels.shape[1:3])
        return tower.cells(memories[2].tokens, grid), tower.cells(tokens, grid)

    second, last = model(behind, pixels)
    return {
        "m_embs": np.asarray(embeddings)[0],
        "areas": np.asarray(soft)[0].sum((1, 2)),
        "block2": channels_first(second),
        "last_block": channels_first(last),
    }


@runner("maskclippp", "maskclippp_eva_text")
def run_text(case: Case) -> Outputs:
    """A text tower that was tuned as well, as the file holds it."""
    name = variant_name(case.config["model"].replace("-CLIP", ""))
    shapes = expected_clip(name)
    expected = {"clip": {key: shapes[key] for key in ("text", "logit_scale")}}
    params, _ = apply(TEXT_TABLE, case.checkpoint(), expected, case.name)
    tokens = build_tokenizer(name)(list(case.inputs["prompts"]))
    text = jax.jit(functools.partial(build_clip(name).apply, method="encode_text"))
    embedded = text({"params": jax.tree.map(jnp.asarray, params["clip"])}, tokens)
    return {"tokens": np.asarray(tokens), "text_embedding": np.asarray(embedded)}
