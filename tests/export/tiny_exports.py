"""Tiny models of every method, drawn photos, three vocabularies, and this package's own answers."""

import dataclasses
import functools

import jax
import numpy as np

from ovseg_jax.config import (
    ClipConfig,
    ContrastiveConfig,
    DensePixelsConfig,
    FisaConfig,
    InferenceConfig,
    MaftPlusConfig,
    MaskAdapterConfig,
    MaskAdapterOnMaftConfig,
    MaskClipPlusPlusConfig,
    MaskCroppingConfig,
    MaskGeneratorConfig,
    MaskPoolingConfig,
    ModelConfig,
    NoGeneratorConfig,
    OVSegConfig,
)
from ovseg_jax.export.parts import Sizes
from ovseg_jax.inference.engine import Engine
from ovseg_jax.inference.text_encoder import unembedded
from ovseg_jax.loading import build
from ovseg_jax.loading.embedding import assemble, embed_vocabulary
from ovseg_jax.loading.parameters import initial_parameters, parameter_shapes
from ovseg_jax.vocabulary.classes import parse_vocabulary
from tests.inference.tiny_model import GENERATOR, photo

SIDE, MASKS = 96, 6
CONVNEXT, VIT = ClipConfig(variant="convnext_toy"), ClipConfig(variant="vit_toy")
ADAPTER = {"num_maps": 4, "width": 16, "num_blocks": 1}
WORDS = (
    "ball; cone",
    "ball, sphere; tent, camp; star; wall, brick wall; sky",
    "; ".join(f"thing {number}" for number in range(37)),
)


def config(method, clip=CONVNEXT, generator=None):
    return ModelConfig(
        clip=clip,
        method=method,
        generator=generator or NoGeneratorConfig(),
        inference=InferenceConfig(short_side=SIDE, long_side=SIDE),
        templates="single",
        train_vocabulary="toy_world_seen32",
    )


CLOSED = dataclasses.replace(GENERATOR, class_head="linear", num_classes=32)
CONFIGS = {
    "mask_adapter": config(MaskAdapterConfig(**ADAPTER)),
    "mask_adapter_with_generator": config(MaskAdapterConfig(**ADAPTER), generator=GENERATOR),
    "mask_pooling": config(MaskPoolingConfig(has_void=True), generator=GENERATOR),
    "maft_plus": config(MaftPlusConfig(transfer_heads=8), generator=GENERATOR),
    "mask_adapter_on_maft": config(
        MaskAdapterOnMaftConfig(transfer_heads=8, **ADAPTER), generator=GENERATOR
    ),
    "maskclippp_convnext": config(MaskClipPlusPlusConfig(num_templates=1), generator=GENERATOR),
    "maskclippp_vit": config(
        MaskClipPlusPlusConfig(psm="pseudo_text", num_templates=1, depth=2), VIT
    ),
    "mask_cropping": config(MaskCroppingConfig(crop_size=32, chunk=4), VIT),
    "ovseg": config(OVSegConfig(crop_size=32, chunk=4, prompt_depth=2), VIT),
    "fisa": config(FisaConfig(clip_size=0, rank=0), VIT),
    "maskclip": config(
        FisaConfig(words_enter="none", adapter_layers=0, relative_blocks=(0, 2), clip_size=0), VIT
    ),
    "dense_pixels": config(DensePixelsConfig(readout="values"), VIT),
    "contrastive": config(ContrastiveConfig()),
    "mask_generator": config(MaskGeneratorConfig(), generator=GENERATOR),
    "fixed_list": config(MaskGeneratorConfig(), ClipConfig(variant=""), CLOSED),
}


def shapes_of(name):
    """The model with shapes for parameters."""
    method = build.method(CONFIGS[name])
    return assemble(CONFIGS[name], method, parameter_shapes(method))


@functools.cache
def model_of(name):
    """The model with random parameters."""
    method = build.method(CONFIGS[name])
    params = jax.jit(lambda key: initial_parameters(method, key))(jax.random.key(0))
    return assemble(CONFIGS[name], method, jax.tree.map(np.asarray, params))


def sizes_of(model, words=0):
    masks = 0 if model.method.makes_masks else MASKS
    return Sizes((SIDE, SIDE), masks=masks, words=words)


def drawn_photos(count):
    return [photo(SIDE, SIDE, seed) for seed in range(count)]


def drawn_masks(seed=0):
    """Rectangles, one of them empty."""
    masks = np.zeros((MASKS, SIDE, SIDE), bool)
    corners = np.random.default_rng(seed).integers(0, SIDE // 2, (MASKS - 1, 2))
    for mask, (top, left) in zip(masks, corners, strict=False):
        mask[top : top + 40, left : left + 30] = True
    return masks


def vocabulary(model, text):
    """A vocabulary padded to buckets, as this package has it, and exactly as long as it is."""
    classes = parse_vocabulary(text, name="test")
    padded = embed_vocabulary(model.config, model.method, model.params, classes)
    names = sum(len(entry.synonyms) for entry in classes.classes)
    cut = {"embeddings": names, "classes": names, "valid": len(classes), "seen": len(classes)}
    return padded, {name: np.asarray(getattr(padded, name))[:size] for name, size in cut.items()}


class Answers:
    """What this package answers, through the engine of its segmenter."""

    def __init__(self, model):
        self.model, self.engine = model, Engine(model)

    def inputs(self, pixels, masks=None):
        """What the image part gets for a photo."""
        side = self.model.config.inference.short_side
        frame = np.zeros((1, side, side, 3), np.uint8)
        image = self.engine.encode(pixels)
        frame[0, : image.prepared.size[0], : image.prepared.size[1]] = image.prepared.frame[
            : image.prepared.size[0], : image.prepared.size[1]
        ]
        given = {} if masks is None else {"masks": masks[None]}
        return {"images": frame, "sizes": np.array([image.prepared.size], np.int32), **given}

    def answer(self, pixels, text, masks=None):
        """Probabilities of masks, or a logit per class and cell; void last."""
        image, model = self.engine.encode(pixels), self.model
        if masks is not None:
            return self.engine.score(image, masks, text, False)[0]
        if model.is_dense:
            return np.asarray(self.engine.class_maps(image, text))
        proposals = self.engine.propose(image, text)
        return np.exp(self.engine.name(image, proposals, text, False)[0])

    def closed_text(self):
        return unembedded(len(self.model.train_classes))


def given_masks(model):
    return None if model.method.makes_masks else drawn_masks()


def assert_agree(outputs, expected, classes):
    """Compares what the scorer gave for one photo with the padded answer."""
    if "class_maps" in outputs:
        found, wanted = np.asarray(outputs["class_maps"])[0], expected[:classes]
    else:
        found = np.exp(np.asarray(outputs["log_probs"])[0])
        wanted = np.concatenate([expected[:, :classes], expected[:, -1:]], axis=-1)
    assert found.shape == wanted.shape and np.isfinite(found).all()
    np.testing.assert_allclose(found, wanted, atol=2e-5, rtol=2e-4)
